"""一位患者的计划: how each stands, its history, the calendar ahead; rest, go on, hand over, end."""

from datetime import date
from http import HTTPStatus
from typing import Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.errors import DomainError, NotFound
from app.domain.plans.plan_calendar import Entry
from app.domain.trust.access import Audience, Permission
from app.models.plans.knowledge import knowledge
from app.models.staff.staff_access import find_cared_for
from app.models.trust.audit import record
from app.services.plans.care_plan_reading import all_teams, find_care_plan, plans_of_patient
from app.services.plans.pack_drafts import drafts_of_plan
from app.services.plans.plan_history import changes_for
from app.services.plans.plan_moving import NothingToMove, move_one
from app.services.plans.plan_preview import (
    Preview,
    calendar_of,
    preview_rest,
    preview_version,
    undated_of,
)
from app.web import gate, plan_forms, plan_labels, task_words
from app.web.addresses import public_id
from app.web.staff import me

views = Blueprint("care_plans", __name__, url_prefix="/patients/<patient_id>/plans")

_NOTICES: Final = {
    "started": "已加入计划，任务会在几秒内排好。",
    "held": "已暂停，还没做的任务和没发出的消息都取消了。",
    "hold-planned": "已记录，到那一天会自动暂停。",
    "resumed": "已恢复，从今天起继续，不补之前的任务。",
    "ended": "已结束，还没做的任务和没发出的消息都取消了。",
    "transferred": "已转给其他团队。",
    "moved": "已换到现用版本。",
    "taken-back": "已撤回这项调整，任务会在一分钟内按计划重新安排。",
}


@views.get("")
@gate.policy(Audience.STAFF, Permission.ENROL)
def show(patient_id: str) -> AnyResponse:
    """Show the plans of one patient and the calendar ahead."""
    return _page(patient_id, {})


@views.post("/<plan_id>")
@gate.policy(Audience.STAFF, Permission.ENROL)
def change(patient_id: str, plan_id: str) -> AnyResponse:
    """Let a plan rest, go on, change hands or end; `do` preview only shows what a rest does."""
    form, now = request.form.to_dict(), clock.now()
    try:
        with unit_of_work.begin() as session:
            patient = find_cared_for(session, public_id(patient_id), me(), now)
            plan = find_care_plan(session, patient.id, public_id(plan_id))
            if form.get("do") == "preview":
                begins = plan_forms.read_day(form.get("begins_on", "")) or clock.today()
                until = plan_forms.read_day(form.get("until", ""))
                rest = preview_rest(session, patient.id, plan.id, begins, until, now, HOSPITAL)
                done = "preview"
            else:
                rest = None
                done = plan_forms.change_plan(session, plan, form, gate.actor(), now)
    except NotFound:
        raise
    except DomainError as refused:
        return _page(patient_id, {f"{form.get('do', '')}-{plan_id}": refused.title}, form=form)
    if rest is not None:
        return _page(patient_id, {}, {plan_id: rest}, form)
    if done not in ("transferred", "ended"):
        to = url_for(".show", patient_id=patient_id, done=done)
    else:  # it may be nobody of theirs any more
        to = url_for("console.patients.overview")
    return redirect(to, HTTPStatus.SEE_OTHER)


@views.get("/<plan_id>/versions")
@gate.policy(Audience.STAFF, Permission.ENROL)
def versions(patient_id: str, plan_id: str) -> str:
    """Show what the version in force, or a draft, would change for this patient."""
    now, asked = clock.now(), request.args.get("draft", "")
    with unit_of_work.begin() as session:
        patient = find_cared_for(session, public_id(patient_id), me(), now)
        plan = find_care_plan(session, patient.id, public_id(plan_id))
        drafts = drafts_of_plan(session, plan.plan_key)
        newest = knowledge(session).plans.get(plan.plan_key)
        to = drafts.get(asked) or newest
        if to is None:
            raise NotFound
        preview = preview_version(session, patient.id, plan.id, to, now, HOSPITAL)
        before = plan.plan_definition.version
        record(session, gate.actor(), "read", "care-plan", now, patient_id=patient.id)
    is_newest = newest is not None and to is newest
    return render_template(
        "console/care_plan_versions.html", patient=patient, plan=plan, before=before, to=to,
        preview=preview, drafts=drafts, asked=asked, may_move=is_newest and to.version != before,
        is_same=is_newest and to.version == before,
        labels=plan_labels,
    )  # fmt: skip


@views.post("/<plan_id>/versions")
@gate.policy(Audience.STAFF, Permission.DESIGN_PLANS)
def move(patient_id: str, plan_id: str) -> AnyResponse:
    """Move this patient alone to the version in force."""
    now = clock.now()
    try:
        with unit_of_work.begin() as session:
            patient = find_cared_for(session, public_id(patient_id), me(), now)
            plan = find_care_plan(session, patient.id, public_id(plan_id))
            move_one(session, plan, gate.actor(), now)
            record(session, gate.actor(), "move", "care-plan", now, patient_id=patient.id)
    except NothingToMove as refused:
        return _page(patient_id, {f"move-{plan_id}": refused.title})
    return redirect(url_for(".show", patient_id=patient_id, done="moved"), HTTPStatus.SEE_OTHER)


def _page(
    patient_id: str,
    problems: dict[str, str],
    rests: dict[str, Preview] | None = None,
    form: dict[str, str] | None = None,
) -> AnyResponse:
    now = clock.now()
    with unit_of_work.begin() as session:
        patient = find_cared_for(session, public_id(patient_id), me(), now)
        plans = plans_of_patient(session, patient.id, clock.today())
        ahead = calendar_of(session, patient.id, now, HOSPITAL)
        undated = undated_of(session, patient.id, now)
        changes = changes_for(session, patient.id)
        teams = all_teams(session)
        record(session, gate.actor(), "read", "care-plan", now, patient_id=patient.id)
    page = render_template(
        "console/care_plans.html", patient=patient, plans=plans, teams=teams, labels=plan_labels,
        days=_days(ahead), undated=undated, whole=_is_whole(), count=len(ahead),
        changes=changes, words=task_words,
        rests=rests or {}, form=form or {}, problems=problems, now=now,
        notice=_NOTICES.get(request.args.get("done", "")),
    )  # fmt: skip
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK)


def _is_whole() -> bool:
    return request.args.get("whole") == "1"


def _days(ahead: tuple[Entry, ...]) -> list[tuple[date, list[Entry]]]:
    most = plan_forms.ALL_DAYS if _is_whole() else plan_forms.FIRST_DAYS
    return plan_forms.days_of(ahead, most)
