"""The web application and the process that serves it."""

import ipaddress
import os
from pathlib import Path
from types import FrameType
from typing import Any

from flask import Flask, Response, request
from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker

from standin import (
    control,
    oauth,
    pages,
    qyapi,
    qyapi_contacts,
    qyapi_group_tasks,
    qyapi_messages,
    sms,
    weixin,
    weixin_medical,
    weixin_messages,
    weixin_service,
)
from standin.config import Config
from standin.gateway import Gateway
from standin.standin import Standin

MAX_BODY_BYTES = 1 << 20
ENDPOINTS = (
    *weixin.ENDPOINTS,
    *weixin_messages.ENDPOINTS,
    *weixin_service.ENDPOINTS,
    *weixin_medical.ENDPOINTS,
    *qyapi.ENDPOINTS,
    *qyapi_messages.ENDPOINTS,
    *qyapi_contacts.ENDPOINTS,
    *qyapi_group_tasks.ENDPOINTS,
)
# The demo shows these pages in frames of its own first page.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'self' http://127.0.0.1:* http://localhost:*"
)


def create_app(standin: Standin) -> Flask:
    """Return the WSGI application around `standin`."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    gateway = Gateway(standin, ENDPOINTS)

    @app.route("/<any(weixin,qyapi):host>/<path:path>", methods=["GET", "POST"])
    def platform(host: Any, path: str) -> Response:
        return gateway.serve(host, f"/{path}", request)

    for part in (oauth, sms, control, pages):
        app.register_blueprint(part.blueprint(standin))

    @app.after_request
    def guard(response: Response) -> Response:
        if response.mimetype == "text/html":
            response.headers.setdefault("Content-Security-Policy", POLICY)
            response.headers["Cache-Control"] = "no-store"
        return response

    return app


class Worker(ThreadWorker):  # type: ignore[misc]
    """Ends at once: the state is worth nothing to anyone after us."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        os._exit(0)

    handle_quit = handle_exit


class Server(BaseApplication):  # type: ignore[misc]
    """One worker process, so that there is one state; many threads, so that hanging calls fit."""

    def __init__(
        self, config: Config, *, host: str, port: int, threads: int, offset_file: Path | None
    ) -> None:
        """:raises ValueError: `host` is not a loopback address"""
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError("the stand-in listens on loopback addresses only")
        self._config = config
        self._bind = f"{host}:{port}"
        self._threads = threads
        self._offset_file = offset_file
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": [self._bind],
            "workers": 1,
            "worker_class": Worker,
            "threads": self._threads,
            "worker_connections": 2000,
            "keepalive": 75,
            "timeout": 0,
            "loglevel": "warning",
            "control_socket_disable": True,
            "post_worker_init": _say_ready,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return create_app(Standin(self._config, self._offset_file))


def _say_ready(worker: ThreadWorker) -> None:
    host, port = worker.sockets[0].getsockname()
    print(f"stand-in ready on http://{host}:{port}", flush=True)  # noqa: T201
