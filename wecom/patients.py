"""N2 患者快照: one patient on one screen, the telephone number for a reason, tasks done."""

from http import HTTPStatus

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.database import unit_of_work
from app.domain.errors import TaskClosed
from app.domain.trust.access import Audience, Permission
from app.models.trust.audit import record
from app.services.profile.patient_snapshot import read_phones, read_snapshot
from app.services.profile.patient_timeline import read_timeline
from app.services.staff.staff_tasks import ConfirmationNeeded, finish_task
from app.services.trust.binding import issue_desk_code
from app.web import gate
from app.web.addresses import cursor, public_id
from app.web.staff import may_here, me
from wecom import words
from wecom.charts import chart

views = Blueprint("patients", __name__)

_NOTICES = {
    "finished": "已记录为完成。",
    "stale": "这项待办已经结束，不用再做。",
    "enrolled": "已加入计划，任务会在几秒内排好。",
}


@views.get("/patients/<patient_id>")
@gate.policy(Audience.STAFF, Permission.READ_PATIENT)
def snapshot(patient_id: str) -> str:
    """Show the patient; that somebody looked is recorded before anything is served."""
    now = clock.now()
    before = cursor(request.args.get("before"))
    with unit_of_work.begin() as session:
        patient = read_snapshot(session, public_id(patient_id), me(), now, clock.today())
        timeline = read_timeline(session, patient.id, now, before)
        record(session, gate.actor(), "read", "patient", now, patient_id=patient.id)
    return render_template(
        "wecom/patient.html",
        patient=patient,
        timeline=timeline,
        is_older=before is not None,
        charts=[chart(trend, number, now) for number, trend in enumerate(patient.trends, 1)],
        notice=_NOTICES.get(request.args.get("done", "")),
        may_enrol=may_here(Permission.ENROL),
        today=clock.today(),
        now=now,
    )


@views.post("/patients/<patient_id>/phone")
@gate.policy(Audience.STAFF, Permission.READ_PATIENT)
def phone(patient_id: str) -> AnyResponse | str:
    """Show the numbers in full, to one person, once, for a reason that is kept.

    The answer to the form itself carries them: a redirect would need an address that does.
    """
    reason = request.form.get("reason", "")
    if reason not in words.REVEAL_REASONS:
        return redirect(url_for(".snapshot", patient_id=patient_id), HTTPStatus.SEE_OTHER)
    alert_id = request.form.get("alert", "")
    back = (
        url_for("nurse.alerts.show", alert_id=public_id(alert_id))
        if alert_id
        else url_for(".snapshot", patient_id=public_id(patient_id))
    )
    now = clock.now()
    with unit_of_work.begin() as session:
        patient, numbers = read_phones(session, public_id(patient_id), me(), now)
        record(
            session, gate.actor(), "unmask", "phone", now,
            patient_id=patient.id, detail={"reason": reason},
        )  # fmt: skip
    return render_template(
        "wecom/phone.html",
        patient=patient,
        numbers=numbers,
        reason=words.REVEAL_REASONS[reason],
        back=back,
        is_from_alert=bool(alert_id),
    )


@views.post("/patients/<patient_id>/desk-code")
@gate.policy(Audience.STAFF, Permission.READ_PATIENT)
def desk_code(patient_id: str) -> str:
    """Show a code that stands for the one by SMS; only the one who asked sees it, once."""
    now = clock.now()
    with unit_of_work.begin() as session:
        patient = read_snapshot(session, public_id(patient_id), me(), now, clock.today())
        code = issue_desk_code(session, patient.id, now)
        record(session, gate.actor(), "create", "desk-code", now, patient_id=patient.id)
    return render_template("wecom/desk_code.html", patient=patient, code=code)


@views.post("/tasks/<task_id>/finish")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def finish(task_id: str) -> AnyResponse:
    """Mark a task of the team as done."""
    now = clock.now()
    patient_id = public_id(request.form.get("patient", ""))
    try:
        with unit_of_work.begin() as session:
            task = finish_task(session, public_id(task_id), me(), now)
            record(
                session, gate.actor(), "update", "task", now,
                patient_id=task.patient_id, detail={"task_id": task.id, "action": "finish"},
            )  # fmt: skip
        done = "finished"
    except TaskClosed:
        done = "stale"
    except ConfirmationNeeded:
        return redirect(url_for("nurse.tasks.show", task_id=task_id), HTTPStatus.SEE_OTHER)
    return redirect(url_for(".snapshot", patient_id=patient_id, done=done), HTTPStatus.SEE_OTHER)
