"""待加入计划: who was proposed for a plan and why, decided with one press; and by hand."""

from http import HTTPStatus
from typing import Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.errors import DomainError, NotFound
from app.domain.plans.enrolling import DeclineReason
from app.domain.trust.access import Audience, Permission
from app.models.trust.audit import record
from app.services.plans.enrolment import proposals
from app.services.plans.enrolment.errors import ProposalSettled
from app.web import gate, plan_forms, plan_labels
from app.web.addresses import public_id
from app.web.plan_forms import Wanted
from app.web.staff import me

views = Blueprint("enrolments", __name__, url_prefix="/enrolments")

_NOTICES: Final = {
    "accepted": "已加入计划，任务会在几秒内排好。",
    "declined": "已记录为不加入，90 天内不会再提示。",
    "stale": "这一条刚刚已有人处理，没有重复处理。",
}
_NOTHING: Final = Wanted("", None, "", "")


@views.get("")
@gate.policy(Audience.STAFF, Permission.ENROL)
def overview() -> AnyResponse:
    """Show what waits for the asker's teams."""
    return _queue({})


@views.post("/<proposal_id>")
@gate.policy(Audience.STAFF, Permission.ENROL)
def decide(proposal_id: str) -> AnyResponse:
    """Accept or decline one proposal."""
    form, now = request.form.to_dict(), clock.now()
    is_accepted = form.get("word") == "accept"
    try:
        with unit_of_work.begin() as session:
            named = public_id(proposal_id)
            if is_accepted:
                proposals.accept(
                    session, named, gate.actor(), now, HOSPITAL,
                    anchor_on=plan_forms.read_day(form.get("anchor_on", "")),
                    note=plan_forms.read_note(form),
                )  # fmt: skip
            else:
                reason = plan_forms.read_word(DeclineReason, form.get("reason", ""))
                proposals.decline(
                    session, named, reason, gate.actor(), now, note=plan_forms.read_note(form)
                )
    except ProposalSettled:
        return redirect(url_for(".overview", done="stale"), HTTPStatus.SEE_OTHER)
    except NotFound:
        raise
    except DomainError as refused:
        field = "anchor" if is_accepted else "reason"
        return _queue({f"{field}-{proposal_id}": refused.title})
    done = "accepted" if is_accepted else "declined"
    return redirect(url_for(".overview", done=done), HTTPStatus.SEE_OTHER)


@views.get("/patients/<patient_id>")
@gate.policy(Audience.STAFF, Permission.ENROL)
def choose(patient_id: str) -> AnyResponse:
    """Choose plan and day for one patient, and see what it will do before it does."""
    try:
        wanted = plan_forms.read_wanted(request.args.to_dict())
    except DomainError as refused:
        return _form(patient_id, _NOTHING, {"anchor_on": refused.title})
    return _form(patient_id, wanted, {})


@views.post("/patients/<patient_id>")
@gate.policy(Audience.STAFF, Permission.ENROL)
def enrol(patient_id: str) -> AnyResponse:
    """Put the patient on the plan that was shown."""
    now, wanted = clock.now(), _NOTHING
    try:
        wanted = plan_forms.read_wanted(request.form.to_dict())
        with unit_of_work.begin() as session:
            patient = proposals.find_enrollable(session, public_id(patient_id), me(), now)
            team_id = plan_forms.team_of(session, wanted, me())
            proposals.enrol_by_hand(
                session, patient, wanted.plan_key, wanted.anchor_on, team_id, gate.actor(), now,
                HOSPITAL, note=wanted.note,
            )  # fmt: skip
            found = patient.public_id
    except NotFound:
        raise
    except DomainError as refused:
        return _form(patient_id, wanted, {"anchor_on": refused.title})
    to = url_for("console.care_plans.show", patient_id=found, done="started")
    return redirect(to, HTTPStatus.SEE_OTHER)


def _queue(problems: dict[str, str]) -> AnyResponse:
    now = clock.now()
    with unit_of_work.begin() as session:
        queue = proposals.list_proposals(session, gate.actor(), now)
    page = render_template(
        "console/enrolments.html", queue=queue, labels=plan_labels, now=now, problems=problems,
        notice=_NOTICES.get(request.args.get("done", "")),
    )  # fmt: skip
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK)


def _form(patient_id: str, wanted: Wanted, problems: dict[str, str]) -> AnyResponse:
    now = clock.now()
    with unit_of_work.begin() as session:
        patient = proposals.find_enrollable(session, public_id(patient_id), me(), now)
        choosing = plan_forms.choose(session, patient, wanted, me(), now)
        record(session, gate.actor(), "read", "patient", now, patient_id=patient.id)
    preview = choosing.preview
    page = render_template(
        "console/enrol.html", patient=patient, choosing=choosing, labels=plan_labels,
        days=plan_forms.days_of(preview.difference.appear) if preview else [],
        problems=problems, now=now,
    )  # fmt: skip
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK)
