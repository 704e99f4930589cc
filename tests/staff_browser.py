"""The nurse pages as a browser meets them: an application, a WeCom of our own, a cookie jar.

`WeCom` is a fake for the two callables the wiring hands in: it gives out codes and knows whose
they are, each good once.
"""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import parse_qs, urlencode, urlsplit

from apiflask import APIFlask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.console.desk import ConsoleDesk
from app.console.pages import console_pages
from app.settings import Settings
from app.web.factory import create_app
from tests.factories import CORP
from wecom.desk import CodeRefused, CodeUnanswered, NurseDesk, SignInApp
from wecom.pages import nurse_pages

APP = "nurse"
START = f"/wecom/sign-in/{APP}"
_KEY = base64.b64encode(hashlib.sha256(b"tests only").digest()).decode()


@dataclass
class WeCom:
    """Where a browser is sent to sign in, and who a code stands for."""

    authorize_at: str = "https://wecom.invalid/authorize"
    public_url: str = "http://localhost"
    signs_in: str = "nurse-chen"
    is_silent: bool = False
    codes: dict[str, str] = field(default_factory=dict)
    asked: int = 0
    _numbers: count = field(default_factory=lambda: count(1))  # type: ignore[type-arg]

    def authorize_url(self, state: str, redirect_uri: str) -> str:
        query = urlencode({"state": state, "redirect_uri": redirect_uri})
        return f"{self.authorize_at}?{query}"

    def new_code(self) -> str:
        code = f"code-{next(self._numbers)}"
        self.codes[code] = self.signs_in
        return code

    def exchange(self, code: str) -> str:
        self.asked += 1
        if self.is_silent:
            raise CodeUnanswered
        userid = self.codes.pop(code, None)
        if userid is None:
            raise CodeRefused
        return userid


def make_app(wecom: WeCom, keys: tuple[str, ...] = (APP, "other")) -> APIFlask:
    apps = tuple(SignInApp(key, CORP, wecom.authorize_url, wecom.exchange) for key in keys)
    return make_app_of(wecom.public_url, apps)


def make_app_of(public_url: str, apps: tuple[SignInApp, ...]) -> APIFlask:
    settings = Settings(secret_keys=f"t1:{_KEY}")  # type: ignore[arg-type]
    phone = "0571-0000 0000"
    door = f"/wecom/sign-in/{apps[0].key}" if apps else None
    desk = ConsoleDesk(
        "康伴医院", phone, door, "/wecom/sign-out", device_vendors={"omron": "欧姆龙"}
    )
    faces = [nurse_pages(NurseDesk(public_url, phone, apps)), console_pages(desk)]
    return create_app(settings, faces)


def answer_of(redirect: TestResponse, wecom: WeCom) -> str:
    """Return the address to which WeCom would send the browser after `redirect`."""
    asked = parse_qs(urlsplit(redirect.headers["Location"]).query)
    back = urlsplit(asked["redirect_uri"][0])
    return f"{back.path}?{urlencode({'code': wecom.new_code(), 'state': asked['state'][0]})}"


def sign_in(browser: FlaskClient, wecom: WeCom, to: str = "/wecom/today") -> TestResponse:
    """Go through the whole sign-in and return the last answer before the page."""
    return browser.get(answer_of(browser.get(START, query_string={"to": to}), wecom))


def csrf_of(page: TestResponse) -> str:
    found = re.search(r'name="csrf_token" value="([0-9a-f]+)"', page.text)
    assert found is not None
    return found[1]
