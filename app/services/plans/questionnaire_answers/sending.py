"""A form sent in whole: kept, scored, and its task finished."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.errors import DomainError, InvalidAnswers
from app.domain.intake.clinical_records import FormStatus
from app.domain.plans import questionnaires
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.plans.questionnaires import Answer
from app.domain.plans.questionnaires import Questionnaire as Form
from app.domain.staff.contacts import calling_hour
from app.models import Event, Patient, QuestionnaireResponse
from app.services.plans.questionnaire_answers.forms import (
    Author,
    Sheet,
    form_of,
    informant_of,
    task_of,
)
from app.services.plans.questionnaire_answers.safety import note_dangers, safety_words

OPEN: Final = (TaskStatus.REQUESTED, TaskStatus.READY, TaskStatus.IN_PROGRESS)


class ReferenceReused(DomainError):
    """The phone's name for one response came back with other answers."""

    code = "reference-reused"
    title = "这次提交和上一次不一致，请重新填写"


@dataclass(frozen=True, slots=True)
class Answered:
    """A kept response; `advice` are reviewed words where an answer needs help at once.

    `promised_at` is by when somebody has dealt with what the answers ask for.
    """

    response: QuestionnaireResponse
    advice: str | None
    is_new: bool
    promised_at: datetime | None = None


def record_response(
    session: Session, patient_id: int, author: Author, sheet: Sheet, now: datetime
) -> Answered:
    """Keep the answers to a form, and finish the task that asked for it.

    A draft under the same reference becomes this response. The same `reference` again returns the
    response of the first time.

    :raises NotFound: no such form, or no such task of this patient
    :raises InvalidAnswers: naming every wrong or missing answer by its link id
    :raises ReferenceReused: the reference is known, but of other answers
    """
    # The lock makes two sends from one phone take turns.
    session.get_one(Patient, patient_id, with_for_update=True)
    form_id, form = form_of(session, sheet)
    accepted = _validated(form, sheet.answers)
    kept = kept_under(session, patient_id, sheet.reference)
    if kept is not None and (kept.questionnaire_id != form_id or _is_other(kept, accepted)):
        raise ReferenceReused
    words = safety_words(session, patient_id, form, accepted, now)
    if kept is not None and kept.status is not FormStatus.IN_PROGRESS:
        return Answered(kept, words, is_new=False, promised_at=_promise(form, accepted, kept))

    task = task_of(session, patient_id, sheet, author)
    before = questionnaires.read_written(kept.answers) if kept else {}
    response = kept or QuestionnaireResponse(
        patient_id=patient_id, questionnaire_id=form_id, reference=sheet.reference
    )
    response.status = FormStatus.COMPLETED
    response.task_id = task.id if task else response.task_id
    response.score = questionnaires.score(form, accepted)
    response.scale_scores = _scales(form, accepted)
    write_down(session, response, author, accepted, sheet.answered_at or now)
    session.add(
        Event.of(
            "response.recorded",
            now,
            patient_id=patient_id,
            response_id=response.id,
            questionnaire=form.key,
        )
    )
    note_dangers(session, response, form, before, accepted, now)
    # A late form is kept too, but a window that closed stays closed.
    if task is not None and task.status in OPEN and task.ends_at > now:
        session.add(task.complete(now))
    promise = _promise(form, accepted, response)
    return Answered(response, words, is_new=True, promised_at=promise)


def kept_under(session: Session, patient_id: int, reference: str) -> QuestionnaireResponse | None:
    return session.scalar(
        select(QuestionnaireResponse).filter_by(patient_id=patient_id, reference=reference)
    )


def write_down(
    session: Session,
    response: QuestionnaireResponse,
    author: Author,
    answers: Mapping[str, Answer],
    at: datetime,
) -> None:
    """Put the answers, and who gave them, into a row, flushed."""
    response.answers = questionnaires.written(answers)
    response.author_account_id = author.account_id
    response.author_practitioner_id = author.practitioner_id
    response.mode = author.mode
    response.informant = informant_of(session, response.patient_id, author)
    response.authored_at = at
    session.add(response)
    session.flush()


def _validated(form: Form, answers: Mapping[str, object]) -> dict[str, Answer]:
    try:
        return questionnaires.validate(form, answers)
    except questionnaires.InvalidAnswers as invalid:
        raise InvalidAnswers(invalid.problems) from None


def _is_other(kept: QuestionnaireResponse, answers: Mapping[str, Answer]) -> bool:
    """Tell whether other answers were sent before; a draft may say what it likes."""
    if kept.status is FormStatus.IN_PROGRESS:
        return False
    return kept.answers != questionnaires.written(answers)


def _promise(
    form: Form, answers: Mapping[str, Answer], response: QuestionnaireResponse
) -> datetime | None:
    due = [
        calling_hour(response.authored_at + one.within, HOSPITAL)
        for one in form.requests
        if one.is_made_by(answers.get(one.link_id))
    ]
    return min(due, default=None)


def _scales(form: Form, answers: Mapping[str, Answer]) -> dict[str, Any] | None:
    found = {
        one.scale.key: {"value": f"{one.value:f}", "band": one.band.key if one.band else None}
        for one in questionnaires.scores(form, answers)
        if one.value is not None
    }
    return found or None
