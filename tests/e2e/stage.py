"""A whole hospital in processes: stand-in platform, web, clock, HL7 listener, on one database."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.database import make_engine
from app.services import statistics
from tests.conftest import ROOT, SECRET_KEYS
from tests.services import free_port

MINI, ACCOUNT = "wx00000000000test1", "wx00000000000test2"
CORP, AGENT = "ww0000000000test00", 1000002
TEMPLATE = "sub-template"
OA_TEMPLATE = "oa-template"
_SECRETS = {"token": "CallbackToken", "aes_key": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"}


@dataclass
class Stage:
    """Addresses of the processes, and the hands of those who use them."""

    web: str
    platform: str
    hl7_port: int
    engine: Engine
    environment: dict[str, str]
    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def cli(self, *arguments: str, expect: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == expect, done.stderr
        return done.stdout

    def control(self, path: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
        """Speak to the stand-in: POST with a body, else GET."""
        url = f"{self.platform}/standin/{path}"
        answer = requests.post(url, json=body) if body is not None else requests.get(url, query)
        answer.raise_for_status()
        return answer.json()

    def ledger(self, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.control("ledger", kind=kind, limit=500)["entries"]
        return entries

    def send_hl7(self, message: str) -> str:
        """Send one message over MLLP and return the acknowledgement."""
        with socket.create_connection(("127.0.0.1", self.hl7_port), timeout=10) as wire:
            wire.sendall(b"\x0b" + message.replace("\n", "\r").encode() + b"\x1c\r")
            answer = b""
            while not answer.endswith(b"\x1c\r"):
                part = wire.recv(4096)
                assert part, "the listener hung up"
                answer += part
        return answer.strip(b"\x0b\x1c\r").decode()

    def stats(self) -> dict[str, Any]:
        """Count what is kept; asked again and again, so without a process of its own."""
        with Session(self.engine) as session:
            return statistics.count(session)


@contextmanager
def staged(database_url: str, folder: Path, redis_url: str | None = None) -> Iterator[Stage]:
    """Set up an empty hospital and run its processes."""
    ports = {name: free_port() for name in ("web", "platform", "hl7")}
    web = f"http://127.0.0.1:{ports['web']}"
    platform = f"http://127.0.0.1:{ports['platform']}"
    config = folder / "standin.json"
    config.write_text(json.dumps(_standin_config(web, ports["web"])))
    environment = _environment(database_url, folder, web, platform, ports["hl7"], redis_url)
    engine = make_engine(database_url)
    stage = Stage(web, platform, ports["hl7"], engine, environment, folder)
    stage.cli("init")
    stage.cli("pack", "install", "packs/t2dm-after-discharge", "--approver", "演示主任")
    commands = {
        "platform": ["-m", "standin", "--port", str(ports["platform"]), "--config", str(config)],
        "web": ["-m", "gunicorn", "--no-control-socket", "--workers", "1", "--threads", "8",
                "--bind", f"127.0.0.1:{ports['web']}", "wsgi:app"],
        "clock": ["-m", "jobs"],
        "listener": ["-m", "app.integrations.hl7", "--port", str(ports["hl7"])],
    }  # fmt: skip
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        for name, command in commands.items():
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            process = subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
            stage.processes[name] = process
            stack.callback(_end, process)
        stack.callback(lambda: [one.terminate() for one in stage.processes.values()])
        until(lambda: requests.get(f"{platform}/standin/stats", timeout=1).ok)
        until(lambda: requests.get(f"{web}/readyz", timeout=1).ok)
        until(lambda: socket.create_connection(("127.0.0.1", ports["hl7"]), 1).close() or True)
        yield stage


def until(probe: Callable[[], Any], seconds: float = 20) -> Any:
    """Return what `probe` answers once it is true; an assertion that fails counts as not yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = probe()
            if answer:
                return answer
        except (AssertionError, OSError, requests.RequestException):
            if time.monotonic() > deadline:
                raise
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(0.05)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(25)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _standin_config(web: str, web_port: int) -> dict[str, Any]:
    keywords = {"thing1": "thing", "time2": "time"}
    return {
        "mini_programs": [
            {
                "appid": MINI, "secret": "mini-secret",
                "callback_url": f"{web}/wechat/callback/patient", **_SECRETS,
                "page_base": f"{web}/#",
                "pages": ["pages/today/index", "pages/task/index", "pages/inbox/index"],
                "templates": [
                    {"id": TEMPLATE, "title": "健康提醒", "kind": "one-time", "keywords": keywords}
                ],
            }
        ],
        "official_accounts": [
            {
                "appid": ACCOUNT, "secret": "account-secret",
                "callback_url": f"{web}/wechat/callback/service", **_SECRETS,
                "templates": [
                    {"id": OA_TEMPLATE, "title": "健康提醒", "keywords": ["thing1", "time2"]}
                ],
            }
        ],
        "corps": [
            {
                "corpid": CORP,
                "agents": [
                    {
                        "agentid": AGENT, "name": "康伴", "secret": "agent-secret",
                        "callback_url": f"{web}/wecom/callback/nurse", **_SECRETS,
                        "trusted_domains": [f"127.0.0.1:{web_port}"],
                    }
                ],
                "members": [
                    {"userid": "nurse-chen", "name": "演示陈护士", "agents": [AGENT]},
                    {"userid": "doctor-lin", "name": "演示林医生", "agents": [AGENT]},
                ],
            }
        ],
        "sms": {"key": "sms-key"},
    }  # fmt: skip


def _environment(
    database_url: str, folder: Path, web: str, platform: str, hl7_port: int, redis_url: str | None
) -> dict[str, str]:
    data = {"thing1": "{title}", "time2": "{time}"}
    purposes = ("task-reminder", "alert-notice")
    callback = {
        "callback_token": _SECRETS["token"], "callback_aes_key": _SECRETS["aes_key"],
    }  # fmt: skip
    apps = [
        {
            "key": "patient", "kind": "mini-program", "appid": MINI, "secret": "mini-secret",
            **callback,
            "templates": {one: {"template_id": TEMPLATE, "data": data} for one in purposes},
        },
        {
            "key": "service", "kind": "official-account", "appid": ACCOUNT,
            "secret": "account-secret", **callback,
            "templates": {one: {"template_id": OA_TEMPLATE, "data": data} for one in purposes},
        },
    ]  # fmt: skip
    nurse = {
        "key": "nurse", "corpid": CORP, "agentid": AGENT, "secret": "agent-secret", **callback,
    }  # fmt: skip
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CARELOOP_DATABASE_URL": database_url,
        "CARELOOP_SECRET_KEYS": SECRET_KEYS,
        "CARELOOP_PUBLIC_URL": web,
        "CARELOOP_SPOOL_FOLDER": str(folder / "spool"),
        "CARELOOP_WECHAT__API_BASE": f"{platform}/weixin",
        "CARELOOP_WECHAT__APPS": json.dumps(apps),
        "CARELOOP_WECOM__API_BASE": f"{platform}/qyapi",
        "CARELOOP_WECOM__AUTHORIZE_URL": f"{platform}/open/connect/oauth2/authorize",
        "CARELOOP_WECOM__APPS": json.dumps([nurse]),
        "CARELOOP_SMS__URL": f"{platform}/sms/send",
        "CARELOOP_SMS__KEY": "sms-key",
        "CARELOOP_HL7__PORT": str(hl7_port),
        "CARELOOP_HL7__SOURCES": json.dumps([{"name": "his"}]),
    }
    if redis_url:
        environment["CARELOOP_REDIS_URL"] = redis_url
    return environment
