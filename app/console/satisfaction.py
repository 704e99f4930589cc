"""满意度: figures of what patients said, each with its definition; nobody's own answers."""

from datetime import date, timedelta
from typing import Final

from flask import Blueprint, render_template, request

from app import clock
from app.database import unit_of_work
from app.domain.staff.satisfaction import FEWEST
from app.domain.trust.access import Audience, Permission
from app.models.trust.audit import record
from app.services.staff.satisfaction import read_satisfaction
from app.web import gate

views = Blueprint("satisfaction", __name__, url_prefix="/satisfaction")

_USUAL: Final = timedelta(days=29)
_LONGEST: Final = timedelta(days=731)


@views.get("")
@gate.policy(Audience.STAFF, Permission.READ_REPORTS)
def overview() -> str:
    """Show the figures of a span of days, the last thirty where none is chosen."""
    today = clock.today()
    since = _day(request.args.get("since"), today - _USUAL)
    until = _day(request.args.get("until"), today)
    problem = None
    if not since <= until or until - since > _LONGEST:
        problem, since, until = "请检查日期：结束不能早于开始，最多两年", today - _USUAL, today
    now = clock.now()
    with unit_of_work.begin() as session:
        found = read_satisfaction(
            session, clock.start_of_day(since), clock.start_of_day(until + timedelta(days=1))
        )
        record(session, gate.actor(), "read", "satisfaction", now)
    return render_template(
        "console/satisfaction.html", found=found, since=since, until=until, today=today,
        problems={"since": problem} if problem else {}, fewest=FEWEST,
    )  # fmt: skip


def _day(text: str | None, otherwise: date) -> date:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return otherwise
