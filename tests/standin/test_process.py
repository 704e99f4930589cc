"""The process: where it listens, how it starts and ends, what it carries."""

import json
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from standin.config import ConfigError, load
from tests.standin.support import ROOT, Platform, configuration, started


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(configuration("")))
    return file


def test_it_ends_at_once_even_with_connections_open(config: Path) -> None:
    running = started(config)
    with running as platform:
        platform.get("/standin/stats")
        running.process.terminate()
        begun = time.monotonic()
        running.process.wait(5)
        assert time.monotonic() - begun < 2


def test_it_refuses_to_listen_beyond_this_machine(config: Path) -> None:
    command = [sys.executable, "-m", "standin", "--host", "0.0.0.0", "--config", str(config)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10)
    assert ended.returncode == 2
    assert "loopback" in ended.stderr


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "config"),
        ('{"mini_program": []}', "mini_program"),
        ('{"mini_programs": [{"appid": "x"}]}', "secret"),
        ('{"corps": [{"corpid": "x", "agents": [{"agentid": "1", "secret": "s"}]}]}', "agentid"),
        ('{"mini_programs": [{"appid": "a", "secret": "s", "callback_url": "http://x"}]}', "aes"),
    ],
)
def test_a_wrong_configuration_names_the_place(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=named):
        load(file)


def test_the_example_is_a_good_configuration() -> None:
    config = load(ROOT / "standin" / "example.json")
    assert config.corps[0].members
    assert config.mini_programs[0].templates


def test_it_answers_many_small_calls(platform: Platform) -> None:
    """A floor for a shared and busy machine; a quiet one answers over a thousand a second."""
    host = urlsplit(platform.url).netloc
    counts: list[int] = []
    end = time.monotonic() + 1

    def call() -> None:
        connection = HTTPConnection(host)
        count = 0
        while time.monotonic() < end:
            connection.request("GET", "/qyapi/cgi-bin/gettoken?corpid=none")
            connection.getresponse().read()
            count += 1
        connection.close()
        counts.append(count)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) > 200
