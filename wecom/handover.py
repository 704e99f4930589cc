"""N8 交接班: what one has in hand goes to a colleague, who says that they have it; leave."""

from http import HTTPStatus
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.database import unit_of_work
from app.domain.errors import NotFound
from app.domain.trust.access import Audience, Permission
from app.models import ShiftHandover
from app.models.staff.team_work import team_names
from app.models.trust.audit import record
from app.services.staff.handover_reading import read_handovers
from app.services.staff.sharing import (
    NotOfTheTeam,
    acknowledge_handover,
    offer_handover,
)
from app.web import gate
from app.web.addresses import public_id
from app.web.staff import me

views = Blueprint("handover", __name__)

MOST_NOTE: Final = 500
_NOTICES: Final = {
    "offered": "已交出。对方确认接班以后，这些事才转到对方名下。",
    "taken": "已接班，这些事现在归您，在“我的”里。",
    "team": "请选择同一个团队里的同事。",
    "nobody": "请选择交给谁。",
}


@views.get("/handover")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def show() -> str:
    """Show what waits to be taken over, and what one would leave behind in each team."""
    now = clock.now()
    with unit_of_work.begin() as session:
        shown = read_handovers(session, me())
        seen = sorted({item.patient_id for item in shown.items})
        record(session, gate.actor(), "read", "handover", now, detail={"patient_ids": seen})
    done = request.args.get("done", "")
    return render_template("wecom/handover.html", shown=shown, now=now, notice=_NOTICES.get(done))


@views.post("/handover")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def offer() -> AnyResponse:
    """Leave one's work in a team to a colleague."""
    to, note = request.form.get("to", ""), request.form.get("note", "").strip()[:MOST_NOTE]
    if not to:
        return _back("nobody")
    done = "offered"
    try:
        with unit_of_work.begin() as session:
            wanted = public_id(request.form.get("team", ""))
            team_id = next((one for one, name, _ in team_names(session, me()) if name == wanted), 0)
            if not team_id:
                raise NotFound
            handover = offer_handover(
                session, me(), public_id(to), team_id, note or None, clock.now()
            )
            _audit(session, "create", handover)
    except NotOfTheTeam:
        done = "team"
    return _back(done)


@views.post("/handover/<handover_id>/acknowledge")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def acknowledge(handover_id: str) -> AnyResponse:
    """我接班."""
    now = clock.now()
    with unit_of_work.begin() as session:
        acknowledge_handover(session, public_id(handover_id), me(), now)
        record(session, gate.actor(), "update", "handover", now, detail={"handover": handover_id})
    return _back("taken")


def _back(done: str) -> AnyResponse:
    return redirect(url_for(".show", done=done), HTTPStatus.SEE_OTHER)


def _audit(session: Session, action: str, handover: ShiftHandover) -> None:
    record(
        session, gate.actor(), action, "handover", clock.now(),
        detail={"handover": handover.public_id, **handover.items},
    )  # fmt: skip
