"""The consent ledger as a WeChat user reads and writes it for a patient, and whom they may open."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.errors import ConsentRequired, NotAllowed
from app.domain.profile.masking import masked_name
from app.domain.trust.access import Relation
from app.domain.trust.consenting import CURRENT_TEXTS, ConsentPurpose, ConsentText, needs_guardian
from app.models import Consent, Event, Patient, PatientLink
from app.models.trust.account import open_to_account


@dataclass(frozen=True, slots=True)
class Person:
    """A patient whom a WeChat user may open, as a list may show them."""

    patient_id: int
    id: str
    name: str  # masked
    relation: Relation
    is_current: bool
    guardian_consent_due: bool


@dataclass(frozen=True, slots=True)
class ConsentState:
    """A user's last word on one purpose; `is_given` is None while they have not been asked."""

    text: ConsentText
    is_given: bool | None
    text_version: str | None
    at: datetime | None

    @property
    def is_current(self) -> bool:
        """Whether that word was on the text as it now reads."""
        return self.text_version == self.text.version


def people_of(
    session: Session, account_id: int, current_patient_id: int | None, now: datetime
) -> list[Person]:
    """Return the patients whom the user may open, longest linked first."""
    rows = session.execute(
        select(
            Patient.id, Patient.public_id, Patient.name_sealed, Patient.birth_date,
            PatientLink.relation,
        )
        .join(PatientLink, PatientLink.patient_id == Patient.id)
        .where(
            PatientLink.account_id == account_id,
            PatientLink.is_live.is_(True),
            Patient.id.in_(open_to_account(account_id)),
        )
        .order_by(PatientLink.id)
    ).all()  # fmt: skip
    today = now.astimezone(HOSPITAL).date()
    agreed = _guardians_agreed(session, account_id, [row.id for row in rows])
    return [
        Person(
            patient_id=row.id,
            id=row.public_id,
            name=masked_name(Patient.name.open("patient", row.public_id, row.name_sealed) or ""),
            relation=row.relation,
            is_current=row.id == current_patient_id,
            guardian_consent_due=needs_guardian(row.birth_date, today) and row.id not in agreed,
        )
        for row in rows
    ]


def consents_of(session: Session, patient_id: int, account_id: int) -> list[ConsentState]:
    """Return the user's last word on every purpose there is."""
    rows = session.execute(
        select(Consent.purpose, Consent.is_given, Consent.text_version, Consent.at)
        .filter_by(patient_id=patient_id, account_id=account_id)
        .order_by(Consent.id)
    )
    last = {ConsentPurpose(row.purpose): row for row in rows}
    return [
        ConsentState(text, row.is_given, row.text_version, row.at)
        if (row := last.get(purpose))
        else ConsentState(text, None, None, None)
        for purpose, text in CURRENT_TEXTS.items()
    ]


def record_consent(
    session: Session,
    patient_id: int,
    account_id: int,
    purpose: ConsentPurpose,
    is_given: bool,
    text_version: str,
    now: datetime,
) -> None:
    """Append a yes or a no; a no counts at once, whichever text the phone shows.

    :raises ConsentRequired: a yes to words that are no longer the current ones
    :raises NotAllowed: consent as a guardian by someone who is not the parent
    """
    text = CURRENT_TEXTS[purpose]
    if is_given and text_version != text.version:
        raise ConsentRequired
    if purpose is ConsentPurpose.GUARDIAN and not _is_parent(session, patient_id, account_id):
        raise NotAllowed
    session.add(
        Consent.to(text, patient_id=patient_id, account_id=account_id, is_given=is_given, now=now)
    )
    session.add(
        Event.of(
            "consent.changed", now, patient_id=patient_id, account_id=account_id, purpose=purpose
        )
    )


def require_consent(session: Session, patient_id: int, account_id: int) -> None:
    """Refuse to keep anything new of a patient once the user has withdrawn.

    :raises ConsentRequired: their last word on health data, or as guardian, is no
    """
    words = session.execute(
        select(Consent.purpose, Consent.is_given)
        .where(
            Consent.patient_id == patient_id,
            Consent.account_id == account_id,
            Consent.purpose.in_((ConsentPurpose.HEALTH_DATA, ConsentPurpose.GUARDIAN)),
        )
        .order_by(Consent.id)
    )
    last = {word.purpose: word.is_given for word in words}
    if not all(last.values()):
        raise ConsentRequired


def _guardians_agreed(
    session: Session, account_id: int, patient_ids: Iterable[int]
) -> frozenset[int]:
    """Return for which patients the user's last word as guardian is a yes to the current text."""
    rows = session.execute(
        select(Consent.patient_id, Consent.is_given, Consent.text_version)
        .where(
            Consent.account_id == account_id,
            Consent.patient_id.in_(list(patient_ids)),
            Consent.purpose == ConsentPurpose.GUARDIAN,
        )
        .order_by(Consent.id)
    )
    last = {row.patient_id: row.is_given and _is_current(row.text_version) for row in rows}
    return frozenset(patient_id for patient_id, agreed in last.items() if agreed)


def _is_current(version: str) -> bool:
    return version == CURRENT_TEXTS[ConsentPurpose.GUARDIAN].version


def _is_parent(session: Session, patient_id: int, account_id: int) -> bool:
    relation = session.scalar(
        select(PatientLink.relation).filter_by(
            account_id=account_id, patient_id=patient_id, is_live=True
        )
    )
    return relation is Relation.CHILD
