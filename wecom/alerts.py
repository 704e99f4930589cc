"""N3 处理预警: what fired and why, what to ask, and what came of it."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from flask import Blueprint, g, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.database import unit_of_work
from app.domain.errors import AlertClosed
from app.domain.staff.alert_card import CardButton
from app.domain.staff.alerting import AlertStatus
from app.domain.trust.access import Audience, Permission
from app.models.trust.audit import record
from app.services.staff.alert_handling import act, close
from app.services.staff.alert_reading import AlertView, lock_level, read_alert
from app.services.staff.critical_results import note_laboratory_call, tell_the_patient
from app.services.staff.staff_tasks import plan_contact
from app.web import alert_words, gate
from app.web.addresses import public_id
from app.web.staff import me
from wecom import words
from wecom.outcome_form import OutcomeForm, empty_form, read_form

views = Blueprint("alerts", __name__)


@views.get("/alerts/<alert_id>")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def show(alert_id: str) -> AnyResponse:
    """Show the alert, and after a deed what came of it."""
    return _page(alert_id, empty_form(), HTTPStatus.OK)


@views.post("/alerts/<alert_id>/take")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def take(alert_id: str) -> AnyResponse:
    """我来处理."""

    def deed(session: Session, now: datetime) -> None:
        act(session, alert_id, me(), CardButton.TAKE, now, clock.HOSPITAL, origin=g.request_id)

    return _do(alert_id, "take", deed)


@views.post("/alerts/<alert_id>/transfer")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def transfer(alert_id: str) -> AnyResponse:
    """转交, once for each level the page has shown."""
    shown = request.form.get("level", "")

    def deed(session: Session, now: datetime) -> None:
        if shown == str(lock_level(session, public_id(alert_id))):
            act(
                session, alert_id, me(), CardButton.TRANSFER, now, clock.HOSPITAL,
                origin=g.request_id,
            )  # fmt: skip

    return _do(alert_id, "transfer", deed)


@views.post("/alerts/<alert_id>/outcome")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def outcome(alert_id: str) -> AnyResponse:
    """已联系: what came of it, and when to call next."""
    form = read_form(request.form, clock.today(), alert_words.BY_STAFF)
    if form.outcome is None or form.problems:
        return _page(alert_id, form, HTTPStatus.UNPROCESSABLE_ENTITY)
    chosen = form.outcome

    def deed(session: Session, now: datetime) -> None:
        close(session, alert_id, me(), chosen, form.note or None, now, origin=g.request_id)
        if form.next_on is not None:
            plan_contact(session, alert_id, me(), clock.start_of_day(form.next_on), now)

    return _do(alert_id, "outcome", deed)


@views.post("/alerts/<alert_id>/laboratory-call")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def laboratory_call(alert_id: str) -> AnyResponse:
    """检验科是否已电话报告."""
    answer = request.form.get("called", "")
    if answer not in ("yes", "no"):
        return _page(alert_id, empty_form(), HTTPStatus.UNPROCESSABLE_ENTITY)

    def deed(session: Session, now: datetime) -> None:
        note_laboratory_call(
            session, public_id(alert_id), me(), has_called=answer == "yes", now=now
        )

    return _do(alert_id, "laboratory-call", deed)


@views.post("/alerts/<alert_id>/tell-patient")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def tell_patient(alert_id: str) -> AnyResponse:
    """请患者立即联系或急诊: the fixed text goes out once a clinician says so."""

    def deed(session: Session, now: datetime) -> None:
        tell_the_patient(session, public_id(alert_id), me(), now)

    return _do(alert_id, "tell-patient", deed)


def _do(alert_id: str, action: str, deed: Callable[[Session, datetime], None]) -> AnyResponse:
    """Act once and lead to the page that shows what is so now.

    Who comes late is told kindly: the page reads from the alert itself who was first.
    """
    public_id(alert_id)
    done = action
    try:
        with unit_of_work.begin() as session:
            deed(session, clock.now())
    except AlertClosed:
        done = "stale"
    return redirect(url_for(".show", alert_id=alert_id, done=done), HTTPStatus.SEE_OTHER)


def _page(alert_id: str, form: OutcomeForm, status: HTTPStatus) -> AnyResponse:
    now = clock.now()
    with unit_of_work.begin() as session:
        alert = read_alert(session, public_id(alert_id), me())
        record(
            session, gate.actor(), "read", "alert", now,
            patient_id=alert.patient_id, detail={"alert": alert.public_id},
        )  # fmt: skip
    page = render_template(
        "wecom/alert.html",
        alert=alert,
        form=form,
        outcomes=alert_words.outcomes_of(alert),
        notice=notice(request.args.get("done", ""), alert, now),
        today=clock.today(),
        now=now,
    )
    return make_response(page, int(status))


def notice(done: str, alert: AlertView, now: datetime) -> str | None:
    """Say what a deed did, as the alert now tells; None where nothing was done."""
    if done == "take" and alert.is_mine and alert.status is AlertStatus.ACKNOWLEDGED:
        return "已由您接手。请联系患者，然后在下面记录结果。"
    if done == "transfer" and alert.status is AlertStatus.ACTIVE:
        return f"已转交给{words.LEVELS[alert.level]}。"
    if done == "outcome":
        if alert.is_open:
            return "已记录。预警还没有结束，请按时再联系。"
        return "已记录，预警已结束。"
    if done == "laboratory-call":
        return "已记录检验科是否电话报告。"
    if done == "tell-patient":
        return "已通知患者立即与医院联系。"
    return _stale(alert, now) if done in ("take", "transfer", "stale") else None


def _stale(alert: AlertView, now: datetime) -> str:
    who = "您" if alert.is_mine else alert.owner_name or "系统"
    if not alert.is_open:
        at = words.short_moment(alert.closed_at or now, now)
        return f"{who}已在 {at} 处理完毕，不用重复处理。"
    if alert.status is AlertStatus.ACKNOWLEDGED:
        at = words.short_moment(alert.acknowledged_at or now, now)
        return f"{who}已在 {at} 接手，不用重复处理。"
    return "没有改变。下面是最新情况。"
