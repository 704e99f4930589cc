"""Forms begun and not yet sent: kept sealed, to go on with, and watched for danger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import InvalidAnswers
from app.domain.intake.clinical_records import FormStatus
from app.domain.plans import questionnaires
from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.domain.plans.questionnaires import Questionnaire as Form
from app.domain.plans.questionnaires import parse_questionnaire
from app.models import Patient, Questionnaire, QuestionnaireResponse, Task
from app.services.plans.questionnaire_answers.forms import Author, Sheet, form_of, task_of
from app.services.plans.questionnaire_answers.safety import note_dangers, safety_words
from app.services.plans.questionnaire_answers.sending import (
    Answered,
    ReferenceReused,
    kept_under,
    write_down,
)

# What was felt two weeks ago is not to be sent as of today.
RESUMABLE: Final = timedelta(days=14)
_NOT_BEGUN: Final = (TaskStatus.REQUESTED, TaskStatus.READY)


@dataclass(frozen=True, slots=True)
class Draft:
    """A form to go on with, in the version in which it was begun."""

    reference: str
    form: Form
    task: str | None
    answers: Mapping[str, object]
    saved_at: datetime


def save_draft(
    session: Session, patient_id: int, author: Author, sheet: Sheet, now: datetime
) -> Answered:
    """Keep what has been answered so far; the same reference again replaces it.

    :raises NotFound: no such form, or no such task of this patient
    :raises InvalidAnswers: naming every wrong answer by its link id; nothing is missing yet
    :raises ReferenceReused: the reference is of a form that was sent, or of another form
    """
    session.get_one(Patient, patient_id, with_for_update=True)
    form_id, form = form_of(session, sheet)
    try:
        accepted = questionnaires.read_draft(form, sheet.answers)
    except questionnaires.InvalidAnswers as invalid:
        raise InvalidAnswers(invalid.problems) from None
    kept = kept_under(session, patient_id, sheet.reference)
    if kept is not None and (
        kept.status is not FormStatus.IN_PROGRESS or kept.questionnaire_id != form_id
    ):
        raise ReferenceReused
    task = task_of(session, patient_id, sheet, author)
    before = questionnaires.read_written(kept.answers) if kept else {}
    response = kept or QuestionnaireResponse(
        patient_id=patient_id,
        questionnaire_id=form_id,
        reference=sheet.reference,
        status=FormStatus.IN_PROGRESS,
    )
    response.task_id = task.id if task else response.task_id
    write_down(session, response, author, accepted, now)
    note_dangers(session, response, form, before, accepted, now)
    if task is not None and task.status in _NOT_BEGUN and task.starts_at <= now < task.ends_at:
        task.status, task.status_reason = TaskStatus.IN_PROGRESS, TaskReason.STARTED
    words = safety_words(session, patient_id, form, accepted, now)
    return Answered(response, words, is_new=kept is None)


def open_drafts(session: Session, patient_id: int, now: datetime) -> Sequence[Draft]:
    """Return what may be gone on with, the newest first."""
    rows = session.execute(
        select(QuestionnaireResponse, Questionnaire, Task.public_id)
        .join(Questionnaire, Questionnaire.id == QuestionnaireResponse.questionnaire_id)
        .outerjoin(Task, Task.id == QuestionnaireResponse.task_id)
        .where(
            QuestionnaireResponse.patient_id == patient_id,
            QuestionnaireResponse.status == FormStatus.IN_PROGRESS,
            QuestionnaireResponse.issuer.is_(None),
            QuestionnaireResponse.authored_at > now - RESUMABLE,
        )
        .order_by(QuestionnaireResponse.authored_at.desc(), QuestionnaireResponse.id.desc())
        .limit(20)
    )
    return [
        Draft(
            row.reference,
            parse_questionnaire(form.definition),
            task,
            questionnaires.read_written(row.answers),
            row.authored_at,
        )
        for row, form, task in rows
    ]
