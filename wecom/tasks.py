"""N3 处理随访: what is to do for a patient, and what the call came to."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.database import unit_of_work
from app.domain.errors import TaskClosed
from app.domain.staff.contacts import ENDS_PLANS
from app.domain.trust.access import Audience, Permission
from app.models import Practitioner, Task
from app.models.trust.audit import record
from app.services.plans.enrolment.life import end_all
from app.services.staff.contact_outcomes import SecondPersonNeeded, confirm, record_outcome
from app.services.staff.sharing import assign
from app.services.staff.task_reading import TaskView, read_task
from app.web import gate
from app.web.addresses import public_id
from app.web.staff import me
from wecom import words
from wecom.call_form import HOURS, CallForm, read_call_form

views = Blueprint("tasks", __name__)

_NOTICES: Final = {
    "taken": "这项随访归您了，会出现在“我的”里。",
    "stale": "这项待办已经有人处理，没有重复记录。",
    "second": "这是您报告的情况，请由另一位同事核实。",
    "confirmed": "已核实属实，患者的随访计划已结束。",
    "denied": "已记录为不属实，随访照常进行。",
    "answered": "问卷已保存。",
    "answered-danger": "问卷已保存。里面有不能等的回答，已生成预警，请马上处理。",
}


@views.get("/tasks/<task_id>")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def show(task_id: str) -> AnyResponse:
    """Show the task, and after a deed what came of it."""
    return _page(task_id, CallForm(), HTTPStatus.OK)


@views.post("/tasks/<task_id>/take")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def take(task_id: str) -> AnyResponse:
    """我来做."""

    def deed(session: Session, now: datetime) -> None:
        own = session.get_one(Practitioner, me()).public_id
        assign(session, [public_id(task_id)], own, me(), now)
        record(session, gate.actor(), "update", "task", now, detail={"task": task_id})

    return _do(task_id, "taken", deed)


@views.post("/tasks/<task_id>/outcome")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def outcome(task_id: str) -> AnyResponse:
    """What the call came to, and when to call next."""
    now = clock.now()
    form = read_call_form(request.form, now)
    if form.outcome is None or form.problems:
        return _page(task_id, form, HTTPStatus.UNPROCESSABLE_ENTITY)
    chosen = form.outcome

    def deed(session: Session, now: datetime) -> None:
        done = record_outcome(
            session, public_id(task_id), me(), chosen, form.note or None, form.wanted_at, now,
            clock.HOSPITAL,
        )  # fmt: skip
        _audit(session, done, "outcome", now)

    return _do(task_id, "outcome", deed)


@views.post("/tasks/<task_id>/confirm")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def confirm_report(task_id: str) -> AnyResponse:
    """属实 or 不属实: the second look before plans end."""
    word = request.form.get("word", "")
    note = request.form.get("note", "").strip()[:500]
    if word not in ("true", "false"):
        return redirect(url_for(".show", task_id=public_id(task_id)), HTTPStatus.SEE_OTHER)

    def deed(session: Session, now: datetime) -> None:
        done = confirm(
            session, public_id(task_id), me(), now, is_true=word == "true", note=note or None
        )
        if word == "true":
            end_all(session, done.patient_id, ENDS_PLANS[done.kind], gate.actor(), now)
        _audit(session, done, f"confirm-{word}", now)

    return _do(task_id, "confirmed" if word == "true" else "denied", deed)


def _do(task_id: str, action: str, deed: Callable[[Session, datetime], None]) -> AnyResponse:
    """Act once and lead to the page that shows what is so now."""
    done = action
    try:
        with unit_of_work.begin() as session:
            deed(session, clock.now())
    except TaskClosed:
        done = "stale"
    except SecondPersonNeeded:
        done = "second"
    return redirect(url_for(".show", task_id=public_id(task_id), done=done), HTTPStatus.SEE_OTHER)


def _page(task_id: str, form: CallForm, status: HTTPStatus) -> AnyResponse:
    now = clock.now()
    with unit_of_work.begin() as session:
        task = read_task(session, public_id(task_id), me())
        record(
            session, gate.actor(), "read", "task", now,
            patient_id=task.patient_id, detail={"task": task.public_id},
        )  # fmt: skip
    page = render_template(
        "wecom/task.html",
        task=task,
        form=form,
        outcomes=words.CALL_OUTCOMES,
        notice=_notice(request.args.get("done", ""), task, now),
        hours=HOURS,
        today=clock.today(),
        now=now,
    )
    return make_response(page, int(status))


def _notice(done: str, task: TaskView, now: datetime) -> str | None:
    if done != "outcome":
        return _NOTICES.get(done)
    if task.is_open:
        return f"已记录。{words.short_moment(task.starts_at, now)} 再联系，到时会出现在工作台。"
    return "已记录，这项随访已结束。"


def _audit(session: Session, task: Task, action: str, now: datetime) -> None:
    record(
        session, gate.actor(), "update", "task", now,
        patient_id=task.patient_id, detail={"task_id": task.id, "action": action},
    )  # fmt: skip
