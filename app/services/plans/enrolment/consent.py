"""Whether somebody still agrees to be cared for here: what follows from death, and from a no."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.plans.enrolling import EndReason
from app.domain.trust.access import Actor, Relation
from app.domain.trust.consenting import ConsentPurpose
from app.models import Consent, Event, Patient, PatientLink
from app.services.plans.enrolment import life

_ABOUT_CARE = (ConsentPurpose.HEALTH_DATA, ConsentPurpose.GUARDIAN)


def end_for_the_dead(
    session: Session, patient_id: int, now: datetime, *, cause: Event | None = None
) -> None:
    """End everything for a patient who died; a repeat finds nothing to end."""
    patient = session.get_one(Patient, patient_id)
    if patient.deceased_at is not None:
        life.end_all(session, patient_id, EndReason.DECEASED, life.BY_CLOCK, now, cause=cause)


def follow_consent(
    session: Session,
    patient_id: int,
    account_id: int | None,
    now: datetime,
    *,
    cause: Event | None = None,
) -> None:
    """Do what the last words on consent ask for: end every plan, or keep silent.

    The patient's own no outweighs what family says; else it takes everybody's. A no to messages
    alone leaves the plan and takes back what waits for that account.
    """
    if has_opted_out(session, patient_id):
        by = Actor("wechat-account", account_id, "consent") if account_id else life.BY_CLOCK
        life.end_all(session, patient_id, EndReason.OPTED_OUT, by, now, cause=cause)
        return
    if account_id is None:
        return
    words = _last_words(session, patient_id)
    if words.get((account_id, ConsentPurpose.MESSAGES)) is False:
        life.cancel_messages(session, patient_id, account_id)


def has_opted_out(session: Session, patient_id: int) -> bool:
    """Tell whether the last words on health data, of who may speak, are a no."""
    words = _last_words(session, patient_id)
    said: dict[int, bool] = {}
    for (account_id, purpose), is_given in words.items():
        if purpose in _ABOUT_CARE:
            said[account_id] = said.get(account_id, True) and is_given
    own = set(
        session.scalars(
            select(PatientLink.account_id).filter_by(
                patient_id=patient_id, relation=Relation.SELF, is_live=True
            )
        )
    )
    decisive = {account: word for account, word in said.items() if account in own} or said
    return bool(decisive) and not any(decisive.values())


def _last_words(session: Session, patient_id: int) -> dict[tuple[int, str], bool]:
    rows = session.execute(
        select(Consent.account_id, Consent.purpose, Consent.is_given)
        .filter_by(patient_id=patient_id)
        .order_by(Consent.id)
    )
    return {(row.account_id, row.purpose): row.is_given for row in rows}
