"""Where WeChat pushes events: receipts, answers to the subscribe popup, followers."""

from apiflask import APIFlask
from flask import Response

from app.domain.trust.access import Audience
from app.web import gate
from app.web.callbacks import CallbackReceiver, answer_check, answer_push

_WHY = "WeChat signs every request with the app's callback token"


def register_callbacks(app: APIFlask, receiver: CallbackReceiver) -> None:
    """Add `/wechat/callback/<app>` to the application."""

    @app.get("/wechat/callback/<app_key>")
    @app.doc(hide=True)
    @gate.policy(Audience.PLATFORM, why=_WHY)
    def check_wechat_callback(app_key: str) -> Response:
        return answer_check(receiver, f"wechat:{app_key}")

    @app.post("/wechat/callback/<app_key>")
    @app.doc(hide=True)
    @gate.policy(Audience.PLATFORM, why=_WHY)
    def receive_wechat_callback(app_key: str) -> Response:
        return answer_push(receiver, f"wechat:{app_key}")
