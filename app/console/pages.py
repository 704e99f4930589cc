"""The console as one face of the web process: staff at a desk, in a browser.

A new page is a blueprint of its own in `PARTS`, and a line in `app/console/menu.py`.
"""

from http import HTTPStatus
from typing import Final

from apiflask import APIBlueprint, APIFlask
from flask import (
    Blueprint,
    g,
    make_response,
    redirect,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from app.console import (
    alerts,
    care_plan_history,
    care_plans,
    devices,
    doubles,
    duty,
    enrolments,
    feeds,
    medicines,
    messages,
    patient_messages,
    patients,
    photos,
    plan_actions,
    plan_drafts,
    plans,
    questionnaires,
    reach,
    rules,
    satisfaction,
    segments,
    sending,
    tag_library,
    tag_review,
    terms,
    work,
)
from app.console.desk import ConsoleDesk, desk
from app.console.menu import menu_for
from app.database import unit_of_work
from app.domain.errors import NotAllowed, NotFound, SignInRequired
from app.domain.trust.access import Audience, Permission
from app.services.staff.staff_sign_in import read_name
from app.web import gate, moments
from app.web.addresses import return_path
from app.web.factory import Face

PARTS: Final[tuple[Blueprint, ...]] = (
    alerts.views,
    care_plan_history.views,
    care_plans.views,
    devices.views,
    doubles.views,
    duty.views,
    enrolments.views,
    feeds.views,
    medicines.views,
    messages.views,
    plan_actions.views,
    plan_drafts.views,
    plans.views,
    segments.views,
    segments.api,
    sending.views,
    tag_library.views,
    tag_review.views,
    patient_messages.views,
    patients.views,
    photos.views,
    rules.views,
    questionnaires.views,
    reach.views,
    satisfaction.views,
    terms.views,
    work.views,
)

# APIFlask looks for security schemes on every blueprint that asks something before a request.
console = APIBlueprint(
    "console", __name__, url_prefix="/console", template_folder="templates", enable_openapi=False
)
for _part in PARTS:
    console.register_blueprint(_part)


def console_pages(given: ConsoleDesk) -> Face:
    """Return the face that shows the console with what the wiring gives."""

    def face(app: APIFlask) -> None:
        given.keep(app.extensions)
        app.register_blueprint(console)

    return face


@console.get("")
@gate.policy(Audience.STAFF, Permission.OWN_SESSION)
def home() -> AnyResponse | str:
    """Lead to the first page that the role may open."""
    for group in menu_for(gate.signed_in().role):
        return redirect(url_for(group.entries[0].endpoint))
    return render_template("console/nothing.html")


@console.get("/static/<path:name>")
@gate.policy(Audience.ANYONE, why="styles name no patient")
def static_file(name: str) -> AnyResponse:
    return send_from_directory(f"{__file__.rpartition('/')[0]}/static", name)


@console.before_request
def _remember_name() -> None:
    """Read who looks before the page's own transaction: SQLite has one writer at a time."""
    holder = g.get("signed_in")
    if holder is not None and holder.practitioner_id is not None:
        with unit_of_work.begin() as session:
            g.staff_name = read_name(session, holder.practitioner_id)


@console.context_processor
def _shared() -> dict[str, object]:
    holder = g.get("signed_in")
    return {
        "desk": desk(),
        "menu": menu_for(holder.role if holder else None),
        "staff_name": g.get("staff_name", ""),
        "part": request.blueprint,
        "csrf_token": gate.csrf_token,
        "moments": moments,
    }


@console.errorhandler(SignInRequired)
def _ask_to_sign_in(error: SignInRequired) -> AnyResponse:
    """Lead who only looks to the door; tell who wanted to change something that it was not done."""
    door = desk().sign_in_path
    if request.method == "GET" and door is not None:
        wanted = return_path(request.full_path.rstrip("?"))
        return redirect(f"{door}?to={wanted}")
    page = render_template("console/session_lost.html", door=door)
    return make_response(page, HTTPStatus.UNAUTHORIZED)


@console.errorhandler(NotAllowed)
def _not_allowed(error: NotAllowed) -> AnyResponse:
    """Say whom to ask: a role without this right, or a form that lost its session."""
    return make_response(render_template("console/not_allowed.html"), HTTPStatus.FORBIDDEN)


@console.errorhandler(NotFound)
def _not_found(error: NotFound) -> AnyResponse:
    return make_response(render_template("console/not_found.html"), HTTPStatus.NOT_FOUND)
