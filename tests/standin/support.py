"""A caller of the stand-in, and a receiver of its callbacks."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

ROOT = Path(__file__).parents[2]

MINI = "wx0000000000test01"
OTHER_MINI = "wx0000000000test02"
ACCOUNT = "wx0000000000test03"
CORP = "ww0000000000test00"
AGENT = 1000002
OTHER_AGENT = 1000003
TOKEN = "TestCallbackToken"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
ONE_TIME = "template-one-time"
LONG_TERM = "template-long-term"
FOLLOWER_TEMPLATE = "template-of-account"
MEDICAL_STATUS = 1501001  # 预约挂号成功


def configuration(callback_base: str) -> dict[str, Any]:
    """Return what the stand-in under test plays."""

    def callbacks(path: str) -> dict[str, str]:
        return {"callback_url": callback_base + path, "token": TOKEN, "aes_key": AES_KEY}

    templates = [
        {
            "id": ONE_TIME,
            "title": "待办提醒",
            "kind": "one-time",
            "keywords": {"thing1": "thing", "time2": "time"},
        },
        {
            "id": LONG_TERM,
            "title": "复诊提醒",
            "kind": "long-term",
            "keywords": {"thing1": "thing"},
        },
    ]
    return {
        "mini_programs": [
            {
                "appid": MINI,
                "secret": "mini-secret",
                "templates": templates,
                "pages": ["pages/task/index"],
                "page_base": "http://127.0.0.1:9/#",
                **callbacks("/mini"),
            },
            {
                "appid": OTHER_MINI,
                "secret": "other-secret",
                "templates": templates[1:],
                "daily_quota": 4,
                "minute_quota": 2,
            },
        ],
        "official_accounts": [
            {
                "appid": ACCOUNT,
                "secret": "account-secret",
                "templates": [
                    {
                        "id": FOLLOWER_TEMPLATE,
                        "title": "随访提醒",
                        "keywords": ["thing1", "keyword2"],
                    }
                ],
                "medical_statuses": {
                    str(MEDICAL_STATUS): ["pat_name", "pat_hospital_id", "department_name"]
                },
                **callbacks("/account"),
            }
        ],
        "corps": [
            {
                "corpid": CORP,
                "agents": [
                    {
                        "agentid": AGENT,
                        "secret": "agent-secret",
                        "trusted_domains": ["careloop.test:8080"],
                        **callbacks("/agent"),
                    },
                    {"agentid": OTHER_AGENT, "secret": "other-agent-secret"},
                ],
                "members": [
                    {"userid": "NurseChen", "name": "演示陈护士", "agents": [AGENT]},
                    {"userid": "nurse-li", "name": "演示李护士", "agents": [AGENT]},
                    {"userid": "outsider", "name": "演示外科", "agents": [OTHER_AGENT]},
                ],
            }
        ],
        "sms": {"key": "sms-key"},
    }


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    query: dict[str, str]
    body: str
    headers: dict[str, str]


class Receiver(ThreadingHTTPServer):
    """Keeps every callback; `answer` decides the status and body."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[Received] = []
        self.reset()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def reset(self) -> None:
        self.received.clear()
        self.answer: Callable[[Received], tuple[int, bytes]] = lambda _: (200, b"")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def _serve(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        one = Received(self.command, url.path, query, body, dict(self.headers))
        self.server.received.append(one)
        status, answer = self.server.answer(one)
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
        except OSError:
            self.close_connection = True

    do_GET = do_POST = _serve  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


class Platform:
    """The stand-in under test, seen from outside; answers of the API are dicts."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()

    def get(self, path: str, **query: Any) -> Any:
        return self.http.get(self.url + path, params=query, timeout=10).json()

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        return self.http.post(self.url + path, params=query, json=body, timeout=10).json()

    def raw(self, path: str, body: bytes, **query: Any) -> Any:
        return self.http.post(self.url + path, params=query, data=body, timeout=10).json()

    def control(self, path: str, /, **body: Any) -> Any:
        answer = self.http.post(f"{self.url}/standin{path}", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ledger(self, kind: str = "", **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/standin/ledger", kind=kind, **query)["entries"]
        return found

    def stable_token(self, appid: str = MINI, secret: str = "mini-secret", **more: Any) -> Any:
        body = {"grant_type": "client_credential", "appid": appid, "secret": secret, **more}
        return self.post("/weixin/cgi-bin/stable_token", body)

    def corp_token(self, secret: str = "agent-secret") -> str:
        answer = self.get("/qyapi/cgi-bin/gettoken", corpid=CORP, corpsecret=secret)
        token: str = answer["access_token"]
        return token

    def subscribe(self, token: str, openid: str, **changes: Any) -> Any:
        body = {
            "touser": openid,
            "template_id": ONE_TIME,
            "page": "pages/task/index?id=7",
            "data": {"thing1": {"value": "记录今天的血糖"}, "time2": {"value": "18:30"}},
        } | changes
        return self.post("/weixin/cgi-bin/message/subscribe/send", body, access_token=token)

    def message(self, token: str, **body: Any) -> Any:
        # WeCom refuses \\uXXXX, which the requests library would write.
        return self.raw_json("/qyapi/cgi-bin/message/send", {"agentid": AGENT} | body, token)

    def raw_json(self, path: str, body: Any, token: str) -> Any:
        text = json.dumps(body, ensure_ascii=False).encode()
        return self.raw(path, text, access_token=token)


class started:  # noqa: N801 - reads as a verb at its use
    """Run the stand-in on a free port for the length of a `with`."""

    def __init__(self, config: Path, *options: str) -> None:
        command = [sys.executable, "-m", "standin", "--port", "0", "--config", str(config)]
        self.process = subprocess.Popen(
            [*command, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Platform:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("stand-in ready on http://127.0.0.1:"), line
        self.platform = Platform(line.split()[-1])
        return self.platform

    def __exit__(self, *_: object) -> None:
        self.platform.http.close()
        self.process.terminate()
        self.process.wait(5)
        assert self.process.stdout is not None
        self.process.stdout.close()


def wait_for(condition: Callable[[], Any], seconds: float = 5) -> Any:
    """Return the first true value of `condition`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")
