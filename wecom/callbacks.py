"""Where WeCom pushes events: button presses on cards, changes of members."""

from apiflask import APIFlask
from flask import Response

from app.domain.trust.access import Audience
from app.web import gate
from app.web.callbacks import CallbackReceiver, answer_check, answer_push

_WHY = "WeCom signs every request with the app's callback token"


def register_callbacks(app: APIFlask, receiver: CallbackReceiver) -> None:
    """Add `/wecom/callback/<app>` to the application."""

    @app.get("/wecom/callback/<app_key>")
    @app.doc(hide=True)
    @gate.policy(Audience.PLATFORM, why=_WHY)
    def check_wecom_callback(app_key: str) -> Response:
        return answer_check(receiver, f"wecom:{app_key}")

    @app.post("/wecom/callback/<app_key>")
    @app.doc(hide=True)
    @gate.policy(Audience.PLATFORM, why=_WHY)
    def receive_wecom_callback(app_key: str) -> Response:
        return answer_push(receiver, f"wecom:{app_key}")
