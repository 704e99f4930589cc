"""N1 今日工作台: what waits for the one who looks, by the clock."""

from flask import Blueprint, render_template, request

from app import clock
from app.database import unit_of_work
from app.domain.trust.access import Audience, Permission
from app.models.trust.audit import record
from app.services.plans.enrolment.proposals import count_proposals
from app.services.staff.handover_reading import count_waiting
from app.services.staff.worklist import Show, read_worklist
from app.web import gate
from app.web.addresses import cursor
from app.web.staff import may_here, me

views = Blueprint("workbench", __name__)


@views.get("/today")
@gate.policy(Audience.STAFF, Permission.READ_PATIENT)
def today() -> str:
    """Show what waits, narrowed as the address says."""
    asked = request.args.get("show", "")
    show = Show(asked) if asked in set(Show) else Show.ALL
    team = request.args.get("team") or None
    now = clock.now()
    with unit_of_work.begin() as session:
        work = read_worklist(
            session, me(), now, show=show, team=team, after=cursor(request.args.get("after"))
        )
        handovers = count_waiting(session, me())
        proposed = count_proposals(session, gate.actor()) if may_here(Permission.ENROL) else 0
        seen = sorted({item.patient_id for item in work.items})
        record(session, gate.actor(), "read", "worklist", now, detail={"patient_ids": seen})
    return render_template(
        "wecom/today.html", work=work, show=show, team=team, now=now, handovers=handovers,
        proposed=proposed,
    )  # fmt: skip
