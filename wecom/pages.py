"""The nurse pages as one face of the web process."""

from apiflask import APIFlask
from flask import Blueprint, make_response, render_template, send_from_directory
from werkzeug.wrappers import Response as AnyResponse

from app.domain.errors import NotAllowed, NotFound, SignInRequired
from app.domain.trust.access import Audience
from app.web import gate
from app.web.addresses import HOME
from app.web.factory import Face
from wecom import alerts, enrolments, forms, handover, patients, sign_in, tasks, words, workbench
from wecom.desk import NurseDesk, desk

nurse = Blueprint("nurse", __name__, url_prefix="/wecom", template_folder="templates")
for _part in (
    sign_in.views,
    workbench.views,
    patients.views,
    alerts.views,
    enrolments.views,
    tasks.views,
    forms.views,
    handover.views,
):
    nurse.register_blueprint(_part)
nurse.register_error_handler(SignInRequired, sign_in.ask_to_sign_in)


def nurse_pages(given: NurseDesk) -> Face:
    """Return the face that shows the nurse pages with what the wiring gives."""

    def face(app: APIFlask) -> None:
        given.keep(app.extensions)
        app.register_blueprint(nurse)

    return face


@nurse.get("/static/<path:name>")
@gate.policy(Audience.ANYONE, why="styles name no patient")
def static_file(name: str) -> AnyResponse:
    return send_from_directory(f"{__file__.rpartition('/')[0]}/static", name)


@nurse.context_processor
def _shared() -> dict[str, object]:
    return {
        "words": words,
        "csrf_token": gate.csrf_token,
        "home": HOME,
        "is_demo": desk().is_demo,
    }


@nurse.errorhandler(NotAllowed)
def _not_allowed(error: NotAllowed) -> AnyResponse:
    """Say whom to ask: a role without this right, or a form that lost its session."""
    return make_response(
        render_template("wecom/not_allowed.html", hospital_phone=desk().hospital_phone), 403
    )


@nurse.errorhandler(NotFound)
def _not_found(error: NotFound) -> AnyResponse:
    """Answer alike for what is missing and for what is somebody else's patient."""
    return make_response(render_template("wecom/not_found.html"), 404)
