"""代填问卷: staff write down what a patient says on the telephone, or wrote on paper."""

from collections.abc import Mapping
from datetime import date, datetime, time
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID, uuid4

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.database import unit_of_work
from app.domain.errors import InvalidAnswers
from app.domain.plans.questionnaires import AnswerMode, Questionnaire
from app.domain.trust.access import Audience, Permission, Relation
from app.models.profile.reading.forms import forms_of
from app.models.staff.staff_access import find_cared_for
from app.models.trust.audit import record
from app.services.plans.forms_to_fill import forms_to_fill
from app.services.plans.questionnaire_answers import (
    Answered,
    Author,
    ReferenceReused,
    Sheet,
    form_in_force,
    record_response,
)
from app.web import answer_form, gate
from app.web.addresses import public_id
from app.web.staff import me

views = Blueprint("forms", __name__)

MOST_SHOWN: Final = 10
MODES: Final = {AnswerMode.TELEPHONE: "电话里问的", AnswerMode.PAPER: "从纸质问卷抄录"}
_HOW: Final = {**MODES, AnswerMode.APP: "手机上填的"}
INFORMANTS: Final = {
    Relation.SELF: "患者本人",
    Relation.SPOUSE: "配偶",
    Relation.CHILD: "父母（患者是孩子）",
    Relation.PARENT: "子女（患者是父母）",
    Relation.OTHER: "其他家属",
}


@views.get("/patients/<patient_id>/forms")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def choose(patient_id: str) -> str:
    """Show which forms wait for the patient, and every other one."""
    now = clock.now()
    with unit_of_work.begin() as session:
        patient = find_cared_for(session, public_id(patient_id), me(), now)
        due, others = forms_to_fill(session, patient.id, now)
        answered = forms_of(session, patient.id, now)[:MOST_SHOWN]
        record(session, gate.actor(), "read", "questionnaire-response", now, patient_id=patient.id)
        return render_template(
            "wecom/forms.html", patient=patient, due=due, others=others, now=now,
            answered=answered, informants=INFORMANTS, modes=_HOW,
            saved=request.args.get("done") == "answered",
        )  # fmt: skip


@views.get("/patients/<patient_id>/forms/<key>")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def fill(patient_id: str, key: str) -> AnyResponse:
    """Show a form to fill in for the patient."""
    return _page(patient_id, key, {}, {}, HTTPStatus.OK)


@views.post("/patients/<patient_id>/forms/<key>")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def keep(patient_id: str, key: str) -> AnyResponse:
    """Keep the answers, with who gave them and how; the same page sent twice is kept once."""
    now = clock.now()
    sent = request.form
    problems, author, answered_at = _said_by(sent, now)
    try:
        with unit_of_work.begin() as session:
            patient = find_cared_for(session, public_id(patient_id), me(), now)
            _, form = form_in_force(session, public_id(key))
            answers = answer_form.read_answers(form, sent)
            if problems:
                raise InvalidAnswers({**problems, **answer_form.problems_in(form, answers)})
            sheet = Sheet(
                key=key, answers=answers, reference=_reference(sent), version=_version(sent, form),
                task_id=public_id(sent["task"]) if sent.get("task") else None,
                answered_at=answered_at,
            )  # fmt: skip
            answered = record_response(session, patient.id, author, sheet, now)
            record(
                session, gate.actor(), "create", "questionnaire-response", now,
                patient_id=patient.id, detail={"response": answered.response.public_id},
            )  # fmt: skip
    except InvalidAnswers as invalid:
        return _page(
            patient_id, key, sent, {**problems, **invalid.problems},
            HTTPStatus.UNPROCESSABLE_ENTITY,
        )  # fmt: skip
    except ReferenceReused:
        return redirect(url_for(".choose", patient_id=patient_id), HTTPStatus.SEE_OTHER)
    return _after(patient_id, sent.get("task"), answered)


def _after(patient_id: str, task_id: str | None, answered: Answered) -> AnyResponse:
    """Show the words a danger asks for at once; else lead back."""
    if answered.advice is not None:
        page = render_template(
            "wecom/form_danger.html", advice=answered.advice, patient_id=patient_id
        )
        return make_response(page, HTTPStatus.OK)
    return redirect(
        url_for(".choose", patient_id=patient_id, done="answered"), HTTPStatus.SEE_OTHER
    )


def _page(
    patient_id: str,
    key: str,
    sent: Any,
    problems: Mapping[str, str],
    status: HTTPStatus,
) -> AnyResponse:
    now = clock.now()
    with unit_of_work.begin() as session:
        patient = find_cared_for(session, public_id(patient_id), me(), now)
        _, form = form_in_force(session, public_id(key))
        record(session, gate.actor(), "read", "questionnaire-response", now, patient_id=patient.id)
        page = render_template(
            "wecom/form.html",
            patient=patient,
            form=form,
            field=answer_form.field,
            branch_words=answer_form.branch_words,
            typed={item.link_id: sent.getlist(answer_form.field(item)) for item in form.items}
            if sent
            else {},
            sent=sent,
            problems=problems,
            modes=MODES,
            informants=INFORMANTS,
            reference=_reference(sent),
            task=sent.get("task") or request.args.get("task", ""),
            today=clock.today(),
        )
    return make_response(page, int(status))


def _said_by(sent: Mapping[str, str], now: datetime) -> tuple[dict[str, str], Author, datetime]:
    """Return what is missing of who gave the answers, how and when; and what was understood."""
    problems: dict[str, str] = {}
    mode = next((one for one in MODES if one == sent.get("mode")), None)
    informant = next((one for one in INFORMANTS if one == sent.get("informant")), None)
    if mode is None:
        problems["mode"] = "请选择怎样得到的回答"
    if informant is None:
        problems["informant"] = "请选择谁回答的"
    answered_at = _answered_at(sent.get("answered_on", "").strip(), now)
    if answered_at is None:
        problems["answered_on"] = "回答日期应是今天或以前，一年以内"
    author = Author(practitioner_id=me(), mode=mode or AnswerMode.PAPER, informant=informant)
    return problems, author, answered_at or now


def _answered_at(text: str, now: datetime) -> datetime | None:
    """Return when the answers were given: now, or noon of the day on the sheet."""
    today = clock.today()
    if not text or text == today.isoformat():
        return now
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    if not 0 < (today - day).days <= 366:
        return None
    return datetime.combine(day, time(12), clock.HOSPITAL).astimezone(now.tzinfo)


def _reference(sent: Mapping[str, str]) -> str:
    try:
        return str(UUID(sent.get("reference", "")))
    except ValueError:
        return str(uuid4())


def _version(sent: Mapping[str, str], form: Questionnaire) -> int:
    shown = sent.get("version", "")
    return int(shown) if shown.isdecimal() and len(shown) < 7 else form.version
