"""The stand-in as a real process, and a real receiver of its callbacks."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.standin.support import ROOT, Platform, Receiver, configuration, started


@pytest.fixture(scope="session")
def callback_server() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def offset_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clock") / "offset"


@pytest.fixture(scope="session")
def process(
    callback_server: Receiver, offset_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    config = tmp_path_factory.mktemp("standin") / "config.json"
    config.write_text(json.dumps(configuration(callback_server.url)))
    with started(config, "--clock-offset-file", str(offset_file)) as platform:
        yield platform


@pytest.fixture
def platform(process: Platform, callback_server: Receiver, offset_file: Path) -> Platform:
    """The stand-in without a past."""
    offset_file.write_text("0")
    process.control("/reset")
    process.control("/receipts", delay_seconds=0.05)
    callback_server.reset()
    return process


@pytest.fixture
def receiver(callback_server: Receiver) -> Receiver:
    return callback_server


@pytest.fixture
def move_clock(offset_file: Path) -> Any:
    """Return a function that puts the stand-in's clock so many seconds ahead."""

    def move(seconds: float) -> None:
        before = offset_file.stat().st_mtime_ns
        offset_file.write_text(str(seconds))
        # Two writes within one tick of the file system would look like one.
        os.utime(offset_file, ns=(before + 1000, before + 1000))

    return move


@pytest.fixture
def platform_samples() -> Path:
    """The platforms' published definitions and sample bodies, where this machine has them."""
    home = Path(os.environ.get("CARELOOP_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (home / "wechat").is_dir():
        pytest.skip("the platforms' sample data is not on this machine")
    return home / "wechat"
