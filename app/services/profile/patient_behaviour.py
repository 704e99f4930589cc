"""What patients do with what we offer: told by their phones, or seen by us."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.criteria.population import InteractionKind
from app.domain.plans.plan import ActionKind
from app.domain.profile.behaviour import Deed, believed
from app.models import (
    Communication,
    Event,
    Interaction,
    Patient,
    Questionnaire,
    QuestionnaireResponse,
    Task,
    TaskOwner,
)


def record_interactions(
    session: Session, patient_id: int, account_id: int, deeds: Sequence[Deed], now: datetime
) -> int:
    """Keep what a phone tells; return how many were new. A reference again changes nothing.

    :raises NotADeed: one of them cannot be; then none is kept
    """
    told = believed(deeds, now)
    # The lock makes two sends from one phone take turns.
    session.get_one(Patient, patient_id, with_for_update=True)
    known = set(
        session.scalars(
            select(Interaction.reference).where(
                Interaction.patient_id == patient_id,
                Interaction.reference.in_([deed.reference for deed in told]),
            )
        )
    )
    new = [deed for deed in told if deed.reference not in known]
    _keep(session, patient_id, account_id, new, now, cause=None)
    return len(new)


def note_deed(session: Session, event: Event, now: datetime) -> None:
    """Count an opened message, an answered form or a finished task as something done."""
    if event.patient_id is None:
        return
    deed, account_id = _seen(session, event)
    if deed is None:
        return
    session.get_one(Patient, event.patient_id, with_for_update=True)
    known = select(Interaction.id).filter_by(patient_id=event.patient_id, reference=deed.reference)
    if session.scalar(known) is None:
        _keep(session, event.patient_id, account_id, [deed], now, cause=event)


def _keep(
    session: Session,
    patient_id: int,
    account_id: int | None,
    deeds: Sequence[Deed],
    now: datetime,
    *,
    cause: Event | None,
) -> None:
    if not deeds:
        return
    rows = [
        Interaction(
            patient_id=patient_id, account_id=account_id, kind=deed.kind, subject=deed.subject,
            reference=deed.reference, seconds=deed.seconds, is_useful=deed.is_useful, at=deed.at,
        )
        for deed in deeds
    ]  # fmt: skip
    session.add_all(rows)
    session.flush()
    event = Event.of(
        "interaction.recorded", now, patient_id=patient_id, cause=cause,
        interaction_id=rows[-1].id,
    )  # fmt: skip
    kinds = {deed.kind for deed in deeds}
    if len(kinds) == 1:  # what is not named may be any
        event.payload = {**event.payload, "kind": kinds.pop()}
    session.add(event)


def _seen(session: Session, event: Event) -> tuple[Deed | None, int | None]:
    """Return what was done, and by which WeChat account where that is known."""
    told = event.payload
    match event.kind:
        case "message.opened":
            message = session.get_one(Communication, told["communication_id"])
            reference = f"message:{message.public_id}"
            return Deed(InteractionKind.READ, reference, event.at, message.kind), None
        case "response.recorded":
            response = session.get_one(QuestionnaireResponse, told["response_id"])
            if response.author_account_id is None:
                return None, None  # filled in elsewhere, told by another system
            key = select(Questionnaire.key).where(Questionnaire.id == response.questionnaire_id)
            reference = f"form:{response.public_id}"
            deed = Deed(InteractionKind.REPLIED, reference, event.at, session.scalar(key))
            return deed, response.author_account_id
        case "task.completed":
            task = session.get_one(Task, told["task_id"])
            # A form counts as the answer that it is.
            if task.owner is not TaskOwner.PATIENT or task.kind == ActionKind.QUESTIONNAIRE:
                return None, None
            is_reading = task.kind == ActionKind.ARTICLE
            kind = InteractionKind.READ if is_reading else InteractionKind.CLICKED
            reference = f"task:{task.public_id}"
            return Deed(kind, reference, event.at, task.subject or task.kind), None
    return None, None
