"""The stand-in platform for integration tests, and clients of ours that speak to it."""

import copy
import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import structlog
from sqlalchemy import Engine

from app.database import unit_of_work
from app.integrations.token_store import TokenStore
from app.integrations.wechat import MiniProgram, OfficialAccount
from tests.standin.support import ACCOUNT, AGENT, CORP, MINI, Platform, configuration, started
from wecom.client import WeComClient

MINI_SECRET = "mini-secret"
AGENT_SECRET = "agent-secret"
PAGE = "pages/task/index?id=7"


@pytest.fixture(scope="session")
def quiet_standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The stand-in without callbacks: for what we call."""
    config = copy.deepcopy(configuration(""))
    for group in (
        config["mini_programs"],
        config["official_accounts"],
        config["corps"][0]["agents"],
    ):
        for one in group:
            for name in ("callback_url", "token", "aes_key"):
                one.pop(name, None)
    path = tmp_path_factory.mktemp("quiet") / "config.json"
    path.write_text(json.dumps(config))
    with started(path) as platform:
        yield platform


@pytest.fixture
def standin(quiet_standin: Platform) -> Platform:
    quiet_standin.control("/reset")
    return quiet_standin


def calls(standin: Platform, path: str) -> int:
    """Return how many calls of `path` the stand-in counted."""
    counted: int = standin.get("/standin/stats")["requests"].get(path, 0)
    return counted


@pytest.fixture
def mini(standin: Platform, database: Engine) -> MiniProgram:
    tokens = TokenStore(unit_of_work, f"wechat:{MINI}")
    return MiniProgram("mini", MINI, MINI_SECRET, f"{standin.url}/weixin", tokens, "trial")


@pytest.fixture
def account(standin: Platform, database: Engine) -> OfficialAccount:
    tokens = TokenStore(unit_of_work, f"wechat:{ACCOUNT}")
    base = f"{standin.url}/weixin"
    return OfficialAccount("account", ACCOUNT, "account-secret", base, tokens, MINI)


@pytest.fixture
def wecom(standin: Platform, database: Engine) -> WeComClient:
    return wecom_client(standin)


def wecom_client(standin: Platform, secret: str = AGENT_SECRET) -> WeComClient:
    tokens = TokenStore(unit_of_work, f"wecom:{CORP}:{AGENT}")
    return WeComClient("nurse", CORP, AGENT, secret, f"{standin.url}/qyapi", tokens)


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the logs of this test say, as they would be written."""
    before, written = structlog.get_config()["logger_factory"], io.StringIO()
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(file=written))
    yield written
    structlog.configure(logger_factory=before)


def in_threads(count: int, work: Callable[[], Any]) -> list[Any]:
    """Run `work` in many threads that begin together; return what each gave."""
    barrier = Barrier(count)

    def one() -> Any:
        barrier.wait(10)
        return work()

    with ThreadPoolExecutor(count) as pool:
        return [future.result(30) for future in [pool.submit(one) for _ in range(count)]]
