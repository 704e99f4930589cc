"""A real Chromium before a real server: the nurse pages, and a WeCom that lets everybody in."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from flask import Flask, redirect, request
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import Engine
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from app import clock
from app.database import unit_of_work
from tests.browser import ward
from tests.conftest import empty
from tests.staff_browser import WeCom, make_app

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


@dataclass
class Site:
    """Where the pages are, and the ids of those who lie in the ward."""

    url: str
    wecom: WeCom
    patient: str
    alert: str
    mild: str


@pytest.fixture
def site(sqlite_engine: Engine) -> Iterator[Site]:
    unit_of_work.configure(bind=sqlite_engine)
    with unit_of_work.begin() as session:
        patient, alert, mild = ward.fill(session, clock.now())
    wecom = WeCom()
    with serve(authorize_page(wecom)) as wecom_url:
        wecom.authorize_at = f"{wecom_url}/authorize"
        app = make_app(wecom)
        with serve(app) as url:
            # The application learns its own address only now that it listens.
            wecom.public_url = url
            yield Site(url, wecom, patient, alert, mild)
    empty(sqlite_engine)


def authorize_page(wecom: WeCom) -> Flask:
    app = Flask("wecom")

    @app.get("/authorize")
    def authorize() -> Response:
        back, state = request.args["redirect_uri"], request.args["state"]
        own = f"{wecom.public_url}/{back.split('/', 3)[3]}"
        return redirect(f"{own}?code={wecom.new_code()}&state={state}")

    return app


@contextmanager
def serve(app: Flask, port: int = 0) -> Iterator[str]:
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def width(request: pytest.FixtureRequest) -> int:
    """How wide the window of a test is: a phone's, unless its module names its own WIDTH."""
    return getattr(request.module, "WIDTH", 390)


@pytest.fixture
def context(chromium: Browser, width: int) -> Iterator[BrowserContext]:
    made = chromium.new_context(
        viewport={"width": width, "height": 844}, locale="zh-CN", timezone_id="Asia/Shanghai"
    )
    made.set_default_timeout(5000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, site: Site) -> Page:
    """A nurse's page, signed in, on her list."""
    page = context.new_page()
    page.goto(f"{site.url}/wecom/today")
    return page


@pytest.fixture
def picture() -> "Picture":
    return Picture(os.environ.get("CARELOOP_PICTURES"))


@dataclass
class Picture:
    """Keeps screenshots for people to look at, where CARELOOP_PICTURES names a folder."""

    folder: str | None

    def __call__(self, page: Page, name: str) -> None:
        if not self.folder:
            return
        kept = page.viewport_size
        assert kept is not None
        for width in (390, 1024, 1440):
            page.set_viewport_size({"width": width, "height": kept["height"]})
            page.screenshot(path=f"{self.folder}/{name}-{width}.png", full_page=True)
        page.set_viewport_size(kept)
