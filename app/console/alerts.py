"""S7 预警: what is open and who has it; one alert with its reason, taken, handed over, ended."""

from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.console import rule_words as words
from app.database import unit_of_work
from app.domain.errors import AlertClosed
from app.domain.staff.alert_card import CardButton
from app.domain.staff.alert_clock import CHAIN
from app.domain.staff.alerting import Outcome
from app.domain.trust.access import Audience, Permission
from app.models.trust.audit import record
from app.services.staff import alert_desk, alert_handling, alert_reading, duty_roster
from app.web import alert_words, gate
from app.web.addresses import public_id
from app.web.staff import me

views = Blueprint("alerts", __name__, url_prefix="/alerts")

_LONGEST_NOTE: Final = 500
_NOTICES: Final = {
    "take": "已由您接手，请联系患者并记录结果。",
    "transfer": "已转交给上一级。",
    "outcome": "已记录。",
    "late": "这条预警已经有变化，请看现在的情况。",
}


@views.get("")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def overview() -> str:
    """Show every open alert of the viewer's teams, and who answers now."""
    now = clock.now()
    with unit_of_work.begin() as session:
        lines = alert_desk.open_alerts(session, me(), now)
        duties = duty_roster.duties(session, now, of=me())
        seen = sorted({one.patient_id for one in lines})
        record(session, gate.actor(), "list", "alert", now, detail={"patients": seen})
        return render_template(
            "console/alerts.html", lines=lines, duties=duties, words=words, now=now,
            most=alert_desk.MOST,
        )  # fmt: skip


@views.get("/<alert_id>")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def show(alert_id: str) -> AnyResponse:
    """Show one alert: why, what to ask, who did what."""
    return _page(alert_id, {}, {})


@views.post("/<alert_id>/take")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def take(alert_id: str) -> AnyResponse:
    """Take the alert, and those that one card told of with it."""
    return _press(alert_id, "take", CardButton.TAKE)


@views.post("/<alert_id>/transfer")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def transfer(alert_id: str) -> AnyResponse:
    """Hand it to the next level, unless it stands there already."""
    with unit_of_work.begin() as session:
        level = alert_reading.lock_level(session, public_id(alert_id))
    if request.form.get("level") != str(level):
        return _back(alert_id, "late")
    return _press(alert_id, "transfer", CardButton.TRANSFER)


@views.post("/<alert_id>/outcome")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def outcome(alert_id: str) -> AnyResponse:
    """Write what came of it; a final outcome ends it, and nothing else does."""
    given = request.form.to_dict()
    chosen = next((one for one in alert_words.BY_STAFF if one == given.get("outcome")), None)
    note = given.get("note", "").replace("\r\n", "\n").strip()
    problems = {}
    if chosen is None:
        problems["outcome"] = "请选择处理结果：没有结果不能结束"
    if len(note) > _LONGEST_NOTE:
        problems["note"] = f"备注最多 {_LONGEST_NOTE} 个字，现在有 {len(note)} 个"
    if problems or chosen is None:
        return _page(alert_id, given, problems)
    return _do(alert_id, "outcome", _closing(alert_id, chosen, note or None))


def _closing(
    alert_id: str, chosen: Outcome, note: str | None
) -> Callable[[Session, datetime], None]:
    def close(session: Session, now: datetime) -> None:
        alert_handling.close(
            session, public_id(alert_id), me(), chosen, note, now, origin=gate.actor().origin
        )

    return close


def _press(alert_id: str, done: str, button: CardButton) -> AnyResponse:
    def press(session: Session, now: datetime) -> None:
        result = alert_handling.act(
            session, public_id(alert_id), me(), button, now, clock.HOSPITAL,
            origin=gate.actor().origin,
        )  # fmt: skip
        if not result.is_changed:
            raise AlertClosed

    return _do(alert_id, done, press)


def _do(alert_id: str, done: str, deed: Callable[[Session, datetime], None]) -> AnyResponse:
    """Do it, and say what came of it; who comes late reads how it stands."""
    try:
        with unit_of_work.begin() as session:
            deed(session, clock.now())
    except AlertClosed:
        done = "late"
    return _back(alert_id, done)


def _back(alert_id: str, done: str) -> AnyResponse:
    return redirect(url_for(".show", alert_id=public_id(alert_id), done=done), HTTPStatus.SEE_OTHER)


def _page(alert_id: str, given: Mapping[str, str], problems: Mapping[str, str]) -> AnyResponse:
    now = clock.now()
    with unit_of_work.begin() as session:
        alert = alert_reading.read_alert(session, public_id(alert_id), me())
        record(
            session, gate.actor(), "read", "alert", now,
            patient_id=alert.patient_id, detail={"alert": alert.public_id},
        )  # fmt: skip
    above = CHAIN[alert.level + 1] if alert.level + 1 < len(CHAIN) else None
    page = render_template(
        "console/alert.html", alert=alert, above=above, given=given, problems=problems,
        outcomes=alert_words.outcomes_of(alert), ended=alert_words.outcome(alert.outcome),
        words=words, now=now, notice=_NOTICES.get(request.args.get("done", "")),
    )  # fmt: skip
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK
    return make_response(page, status)
