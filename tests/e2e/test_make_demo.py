"""`make demo`: up with one address, down without a trace, clear words when something is wrong."""

import base64
import hashlib
import os
import signal
import socket
import urllib.request
from pathlib import Path

import pytest
from flask import Flask
from pydantic import ValidationError
from sqlalchemy import Engine

from app.demo.doors import refuse_other_sites
from app.demo.face import face
from app.settings import Settings
from app.web.factory import create_app
from tests.conftest import SECRET_KEY, SECRET_KEYS
from tests.demo_process import running_demo

DEMO_KEYS = f"demo:{base64.b64encode(hashlib.sha256(b'demo').digest()).decode()}"


def settings(**more: object) -> Settings:
    return Settings(secret_keys=SECRET_KEYS, **more)  # type: ignore[arg-type]


def test_the_demo_is_up_and_goes_without_leaving_anyone(tmp_path: Path) -> None:
    with running_demo(tmp_path / "demo") as demo:
        assert demo.output().count("http://") == 1
        with urllib.request.urlopen(f"{demo.url}/demo") as answer:
            assert "演示系统，所有人物均为虚构" in answer.read().decode()
        children = demo.children()
        assert len(children) == 4

        assert demo.stop() == 0

        assert "演示已停止" in demo.output()
        assert not any(Path(f"/proc/{pid}").exists() for pid in children)
        key = (demo.folder / "key").stat()
        assert key.st_mode & 0o077 == 0


def test_keep_goes_on_beside_a_taken_port_until_a_process_dies(tmp_path: Path) -> None:
    with running_demo(tmp_path / "demo") as demo:
        demo.stop()
        marked = (demo.folder / "demo.sqlite3").stat().st_ino
        (demo.folder / "clock").write_text("86400")
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        running_demo(tmp_path / "demo", "--keep", "--port", f"{taken.getsockname()[1]}") as demo,
    ):
        assert (demo.folder / "demo.sqlite3").stat().st_ino == marked
        assert float((demo.folder / "clock").read_text()) == 86400
        port = taken.getsockname()[1]
        assert f"端口 {port} 已被占用，改用 " in demo.output()
        assert f":{port}/demo" not in demo.output()

        children = demo.children()
        victim = next(pid for pid in children if "jobs" in _command(pid))
        os.kill(victim, signal.SIGKILL)

        assert demo.process.wait(20) == 1
        assert "时钟 意外停止" in demo.output()
        assert "Traceback" not in demo.output()
        assert not any(Path(f"/proc/{pid}").exists() for pid in children)


def test_without_the_demo_setting_there_are_no_demo_doors(sqlite_engine: Engine) -> None:
    app = create_app(settings(), [face(settings())])
    client = app.test_client()
    for path in ("/demo", "/demo/traffic", "/demo/phone/li-ayi", "/demo/static/demo.css"):
        assert client.get(path).status_code == 404
    assert client.post("/demo/day").status_code == 404
    assert not [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/demo")]


@pytest.mark.parametrize("keys", [SECRET_KEYS, f"{DEMO_KEYS},t1:{SECRET_KEY}"])
def test_the_demo_doors_are_refused_while_a_production_key_is_present(keys: str) -> None:
    with pytest.raises(ValidationError, match="production key"):
        Settings(secret_keys=keys, demo=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, 403),
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 403),
        ({}, 403),
    ],
)
def test_only_our_own_pages_press_the_buttons(headers: dict[str, str], status: int) -> None:
    app = Flask(__name__)
    app.before_request(refuse_other_sites)
    app.register_error_handler(Exception, lambda error: ("", 403))
    app.add_url_rule("/press", view_func=lambda: "", methods=["POST"])

    assert app.test_client().post("/press", headers=headers).status_code == status


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
