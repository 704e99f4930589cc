"""What was filled in and by whom, and the version of the form it belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.domain.plans.questionnaires import AnswerMode, parse_questionnaire
from app.domain.plans.questionnaires import Questionnaire as Form
from app.domain.trust.access import Relation
from app.models import PatientLink, PublicationStatus, Questionnaire, Task, TaskOwner
from app.models.plans.knowledge import knowledge


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote the answers down, and who gave them.

    On the phone it is the user, and `informant` None means: what they are to the patient.
    """

    account_id: int | None = None
    practitioner_id: int | None = None
    mode: AnswerMode = AnswerMode.APP
    informant: Relation | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """Answers to one form; `reference` is the sender's own name for them.

    Without a `version` they are to the one in force. `answered_at` is when they were given, where
    that is not now.
    """

    key: str
    answers: Mapping[str, object]
    reference: str
    version: int | None = None
    task_id: str | None = None
    answered_at: datetime | None = None


def form_in_force(session: Session, key: str) -> tuple[int, Form]:
    """Return id and content of the version in force.

    :raises NotFound: there is none
    """
    form = knowledge(session).questionnaires.get(key)
    if form is None:
        raise NotFound
    form_id = session.scalars(
        select(Questionnaire.id).filter_by(key=key, version=form.version)
    ).one()
    return form_id, form


def form_of(session: Session, sheet: Sheet) -> tuple[int, Form]:
    """Return the version that was shown: it may have been replaced while somebody answered.

    :raises NotFound: no such form, or one that nobody approved
    """
    if sheet.version is None:
        return form_in_force(session, sheet.key)
    row = session.scalar(select(Questionnaire).filter_by(key=sheet.key, version=sheet.version))
    if row is None or row.status is PublicationStatus.DRAFT:
        raise NotFound
    return row.id, parse_questionnaire(row.definition)


def task_of(session: Session, patient_id: int, sheet: Sheet, author: Author) -> Task | None:
    """Return the task that asked for the form; staff may answer for any, patients their own.

    :raises NotFound: no such task of this patient, or it asks for another form
    """
    if sheet.task_id is None:
        return None
    task = session.scalar(
        select(Task).filter_by(patient_id=patient_id, public_id=sheet.task_id, subject=sheet.key)
    )
    is_theirs = author.practitioner_id is not None or (
        task is not None and task.owner is TaskOwner.PATIENT
    )
    if task is None or not is_theirs:
        raise NotFound
    return task


def informant_of(session: Session, patient_id: int, author: Author) -> Relation | None:
    """Return who gave the answers, as what they are to the patient."""
    if author.informant is not None or author.account_id is None:
        return author.informant
    return session.scalar(
        select(PatientLink.relation)
        .filter_by(account_id=author.account_id, patient_id=patient_id)
        .order_by(PatientLink.is_live.is_(None), PatientLink.id.desc())
        .limit(1)
    )
