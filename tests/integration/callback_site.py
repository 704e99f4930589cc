"""Our callback doors served over real HTTP, and a stand-in that pushes to them."""

import copy
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from apiflask import APIFlask
from pydantic import SecretStr
from sqlalchemy import Engine
from werkzeug.serving import make_server

from app.integrations.callback_crypto import CallbackCrypto, signature
from app.integrations.hints import Hints
from app.integrations.spool import Spool
from app.settings import Settings
from app.web.callbacks import CallbackReceiver, Door
from app.web.factory import create_app
from miniprogram_api.callbacks import register_callbacks as register_wechat
from tests.conftest import SECRET_KEYS
from tests.standin.support import (
    ACCOUNT,
    AES_KEY,
    AGENT,
    CORP,
    MINI,
    TOKEN,
    Platform,
    configuration,
)
from wecom.callbacks import register_callbacks as register_wecom

DOORS = (
    Door("wechat:mini", CallbackCrypto.of(TOKEN, AES_KEY, MINI)),
    Door("wechat:account", CallbackCrypto.of(TOKEN, AES_KEY, ACCOUNT)),
    Door("wecom:nurse", CallbackCrypto.of(TOKEN, AES_KEY, CORP), AGENT),
)


class Site:
    """A web server that lives as long as the tests; each test puts its own application in."""

    def __init__(self) -> None:
        self.app: Any = None
        self._server = make_server(
            "127.0.0.1", 0, lambda environ, start: self.app(environ, start), threaded=True
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def get(self, path: str, query: Any) -> requests.Response:
        return requests.get(self.url + path, params=query, timeout=20)

    def post(self, path: str, query: Any, body: Any, **headers: str) -> requests.Response:
        return requests.post(self.url + path, params=query, data=body, headers=headers, timeout=20)


def pushing(url: str) -> dict[str, Any]:
    """Return a configuration of the stand-in that pushes to our addresses at `url`."""
    config = copy.deepcopy(configuration(url))
    config["mini_programs"][0]["callback_url"] = f"{url}/wechat/callback/mini"
    config["official_accounts"][0]["callback_url"] = f"{url}/wechat/callback/account"
    config["corps"][0]["agents"][0]["callback_url"] = f"{url}/wecom/callback/nurse"
    return config


def make_receiver(folder: Path, doors: Iterable[Door] = DOORS) -> CallbackReceiver:
    return CallbackReceiver(doors, Spool(folder), Hints())


def make_site_app(receiver: CallbackReceiver) -> APIFlask:
    settings = Settings(secret_keys=SecretStr(SECRET_KEYS))
    return create_app(
        settings,
        [lambda app: register_wecom(app, receiver), lambda app: register_wechat(app, receiver)],
    )


@pytest.fixture(scope="session")
def one_site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def receiver(tmp_path: Path, database: Engine) -> CallbackReceiver:
    return make_receiver(tmp_path / "spool")


@pytest.fixture
def site(one_site: Site, receiver: CallbackReceiver) -> Site:
    one_site.app = make_site_app(receiver)
    return one_site


@pytest.fixture
def platform(pushing_standin: Platform, site: Site) -> Platform:
    """The stand-in that pushes to `site`, without a past."""
    pushing_standin.control("/reset")
    pushing_standin.control("/receipts", delay_seconds=0.02)
    return pushing_standin


def signed(plain: str, door: Door, at: float, nonce: str = "n1") -> tuple[dict[str, str], bytes]:
    """Return query and body of a push, made the way the platform makes them."""
    encrypted, stamp = door.crypto.encrypt(plain.encode()), str(int(at))
    query = {
        "msg_signature": signature(door.crypto.token, stamp, nonce, encrypted),
        "timestamp": stamp,
        "nonce": nonce,
    }
    return query, f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>".encode()
