"""Forms that patients, or family for them, fill in on the phone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.criteria.needs import FactNeeds
from app.domain.errors import DomainError, InvalidAnswers, NotFound
from app.domain.plans import questionnaires
from app.domain.plans.advice import advice
from app.domain.plans.plan_schedule import TaskStatus
from app.models import (
    Event,
    Patient,
    Questionnaire,
    QuestionnaireResponse,
    Task,
    TaskOwner,
)
from app.models.plans.care_plan import packs_followed
from app.models.plans.knowledge import knowledge
from app.models.profile.patient_facts import load_facts

OPEN: Final = (TaskStatus.REQUESTED, TaskStatus.READY, TaskStatus.IN_PROGRESS)


class ReferenceReused(DomainError):
    """The phone's name for one response came back with other answers."""

    code = "reference-reused"
    title = "这次提交和上一次不一致，请重新填写"


@dataclass(frozen=True, slots=True)
class Answered:
    """A kept response; `advice` are reviewed words where an answer needs help at once."""

    response: QuestionnaireResponse
    advice: str | None
    is_new: bool


def record_response(
    session: Session,
    patient_id: int,
    account_id: int,
    key: str,
    answers: Mapping[str, object],
    reference: str,
    task_id: str | None,
    now: datetime,
) -> Answered:
    """Keep the answers to the active version of a form, and finish the task that asked for it.

    The same `reference` again returns the response of the first time.

    :raises NotFound: no such form, or no such task of this patient
    :raises InvalidAnswers: naming every wrong or missing answer by its link id
    :raises ReferenceReused: the reference is known, but of other answers
    """
    # The lock makes two sends from one phone take turns.
    session.get_one(Patient, patient_id, with_for_update=True)
    form_id, form = _find_form(session, key)
    accepted = _validated(form, answers)
    kept = session.scalar(
        select(QuestionnaireResponse).filter_by(patient_id=patient_id, reference=reference)
    )
    if kept is not None:
        if kept.questionnaire_id != form_id or kept.answers != _written(accepted):
            raise ReferenceReused
        return Answered(kept, _advice(session, patient_id, key, now), is_new=False)

    task = _find_task(session, patient_id, task_id) if task_id else None
    response = QuestionnaireResponse(
        patient_id=patient_id,
        questionnaire_id=form_id,
        task_id=task.id if task else None,
        reference=reference,
        score=questionnaires.score(form, accepted),
        author_account_id=account_id,
        authored_at=now,
    )
    response.answers = _written(accepted)
    session.add(response)
    session.flush()
    session.add(
        Event.of(
            "response.recorded",
            now,
            patient_id=patient_id,
            response_id=response.id,
            questionnaire=key,
        )
    )
    # A late form is kept too, but a window that closed stays closed.
    if task is not None and task.status in OPEN and task.ends_at > now:
        session.add(task.complete(now))
    return Answered(response, _advice(session, patient_id, key, now), is_new=True)


def _find_form(session: Session, key: str) -> tuple[int, questionnaires.Questionnaire]:
    form = knowledge(session).questionnaires.get(key)
    if form is None:
        raise NotFound
    form_id = session.scalars(
        select(Questionnaire.id).filter_by(key=key, version=form.version)
    ).one()
    return form_id, form


def _validated(
    form: questionnaires.Questionnaire, answers: Mapping[str, object]
) -> dict[str, questionnaires.Answer]:
    try:
        return questionnaires.validate(form, answers)
    except questionnaires.InvalidAnswers as invalid:
        raise InvalidAnswers(invalid.problems) from None


def _find_task(session: Session, patient_id: int, task_id: str) -> Task:
    task = session.scalar(
        select(Task).filter_by(
            patient_id=patient_id,
            public_id=task_id,
            owner=TaskOwner.PATIENT,
            kind="questionnaire",
        )
    )
    if task is None:
        raise NotFound
    return task


def _written(answers: Mapping[str, questionnaires.Answer]) -> str:
    def exact(value: Any) -> str:
        if isinstance(value, Decimal):
            return f"{value:f}"
        raise TypeError(type(value).__name__)

    return json.dumps(answers, ensure_ascii=False, sort_keys=True, default=exact)


def _advice(
    session: Session,
    patient_id: int,
    key: str,
    now: datetime,
) -> str | None:
    """Return the reviewed words of a rule that these answers fulfil."""
    known = knowledge(session)
    packs = set(session.scalars(packs_followed(patient_id)))
    rules = known.rules.woken_by(f"response:{key}")
    asked = [one for one in rules if known.pack_of_rule(one.rule.key) in packs]
    if not asked:
        return None
    needs = FactNeeds.joined(one.needs for one in asked)
    return advice(asked, load_facts(session, patient_id, now, HOSPITAL, needs))
