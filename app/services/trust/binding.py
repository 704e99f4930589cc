"""Linking a WeChat user to a patient: facts, a code to the phone on file, consent, an end.

Nobody may learn here who is a patient: facts that match nobody are answered like facts that do,
at the same cost, and every reason for a refusal has the same text.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hmac import compare_digest
from typing import Final

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.errors import ConsentRequired, TooManyTries
from app.domain.outreach.messaging import Channel, Lane, Outlets, dedupe_key
from app.domain.trust.access import Relation
from app.domain.trust.consenting import CURRENT_TEXTS, ConsentPurpose, needs_guardian
from app.encryption import keyring
from app.models import (
    AccessSession,
    BindingAttempt,
    Communication,
    Consent,
    Event,
    Patient,
    PatientIdentifier,
    PatientLink,
    RelatedPerson,
    WeChatAccount,
)
from app.models.profile.patient import normal_phone
from app.models.profile.patient_index import heads_of

TRIES_A_DAY: Final = 5  # per WeChat user and per patient
TRIES_A_CODE: Final = 5
CODE_LIVES: Final = timedelta(minutes=5)
DESK_CODE_LIVES: Final = timedelta(minutes=30)
_NOBODY: Final = 0  # no row has this id


@dataclass(frozen=True, slots=True)
class Claim:
    """Who somebody says the patient is, and what they are to each other.

    `identifier` is a hospital card, record or identity number; `consents` maps each purpose
    agreed to onto the version of the text shown.
    """

    name: str
    identifier: str
    phone: str
    relation: Relation
    consents: Mapping[ConsentPurpose, str]
    birth_date: date | None = None


@dataclass(frozen=True, slots=True)
class _Match:
    patient_id: int
    phone_is_on_file: bool


def start_binding(
    session: Session, account_id: int, claim: Claim, outlets: Outlets, now: datetime
) -> BindingAttempt:
    """Keep the claim and, if it is true of one patient, send a code to the phone on file.

    What is returned does not say whether it was true. A patient's own budget of tries is
    therefore spent in silence: the sixth code of a day is simply not sent.

    :raises TooManyTries: this WeChat user has tried `TRIES_A_DAY` times within 24 hours
    :raises ConsentRequired: no consent to the current text on health data
    """
    _require_current(claim.consents, ConsentPurpose.HEALTH_DATA)
    # The lock makes two tries of one user take turns, so that both are counted.
    session.get_one(WeChatAccount, account_id, with_for_update=True)
    if _tries_since(session, BindingAttempt.account_id == account_id, now) >= TRIES_A_DAY:
        raise TooManyTries
    match = _match(session, claim)
    if _is_exhausted(session, match.patient_id if match else _NOBODY, now):
        match = None
    attempt = BindingAttempt(
        account_id=account_id,
        patient_id=match.patient_id if match else None,
        relation=claim.relation,
        consents=dict(claim.consents),
        tries_left=TRIES_A_CODE,
        at=now,
        expires_at=now + CODE_LIVES,
    )
    attempt.phone = claim.phone
    code = _new_code()
    message = _message(attempt, normal_phone(claim.phone), code, now)
    if match is not None and match.phone_is_on_file and outlets.sms:
        attempt.code_hash = _code_hash(attempt, code)
        session.add(message)
    else:
        # A code that is sent to nobody must not be guessable either.
        attempt.code_hash = secrets.token_bytes(32)
    session.add(attempt)
    return attempt


def confirm_binding(
    session: Session, account_id: int, attempt_id: str, code: str, now: datetime
) -> PatientLink | None:
    """Link user and patient if `code` is right; None otherwise, and one try fewer.

    None rather than an error: the caller must commit the try before it refuses.

    :raises ConsentRequired: the patient is under 14 and no guardian has agreed; the code stays
    """
    attempt = session.scalar(
        select(BindingAttempt)
        .filter_by(public_id=attempt_id, account_id=account_id)
        .with_for_update()
    )
    if attempt is None or attempt.used_at or attempt.expires_at <= now or attempt.tries_left < 1:
        return None
    evidence = _evidence(session, attempt, code, now)
    if evidence is None or attempt.patient_id is None or attempt.relation is None:
        attempt.tries_left -= 1
        return None
    patient = session.get_one(Patient, attempt.patient_id, with_for_update=True)
    _require_guardian(patient, attempt.relation, attempt.consents, now)
    attempt.used_at = now
    _keep_consents(session, patient.id, account_id, attempt.consents, now)
    return _link(session, patient.id, account_id, attempt.relation, evidence, now)


def issue_desk_code(session: Session, patient_id: int, now: datetime) -> str:
    """Return a code that staff hand to a patient they see before them; good for 30 minutes.

    It stands for the code by SMS wherever name and identifier of the claim are right, whatever
    phone was given. Who issued it stands in the audit trail that the caller writes.
    """
    issued = BindingAttempt(patient_id=patient_id, at=now, expires_at=now + DESK_CODE_LIVES)
    code = _new_code()
    issued.code_hash = _code_hash(issued, code)
    session.add(issued)
    return code


def end_link(session: Session, account_id: int, patient_id: int, now: datetime) -> None:
    """End what the user may see of the patient, at once, and withdraw the consents they gave."""
    session.get_one(Patient, patient_id, with_for_update=True)
    link = session.scalar(
        select(PatientLink).filter_by(account_id=account_id, patient_id=patient_id, is_live=True)
    )
    if link is None:
        return
    link.is_live = None
    link.ends_at = now
    session.execute(
        update(AccessSession)
        .where(
            AccessSession.account_id == account_id, AccessSession.current_patient_id == patient_id
        )
        .values(current_patient_id=None)
    )
    for purpose in _given(session, patient_id, account_id):
        session.add(
            Consent.to(
                CURRENT_TEXTS[purpose],
                patient_id=patient_id,
                account_id=account_id,
                is_given=False,
                now=now,
            )
        )
    session.add(Event.of("person.unlinked", now, patient_id=patient_id, link_id=link.id))


# ------------------------------------------------------------------------------- is it true?


def _match(session: Session, claim: Claim) -> _Match | None:
    """Return the one living patient whom name and number (and birth date) name."""
    phone_index = Patient.phone.index("patient", claim.phone)
    of_guardian = (
        select(RelatedPerson.id)
        .where(
            RelatedPerson.patient_id == Patient.id,
            RelatedPerson.phone_index == RelatedPerson.phone.index("related_person", claim.phone),
        )
        .exists()
    )
    # A number of a record that was merged names the person of the one merged into.
    named = (
        select(PatientIdentifier.patient_id)
        .join(Patient, Patient.id == PatientIdentifier.patient_id)
        .where(
            PatientIdentifier.value_index
            == PatientIdentifier.value.index("patient_identifier", claim.identifier),
            Patient.name_index == Patient.name.index("patient", claim.name),
        )
    )
    found = session.execute(
        select(Patient.id, Patient.phone_index, Patient.birth_date, of_guardian.label("guardian"))
        .where(Patient.id.in_(heads_of(named)), Patient.deceased_at.is_(None))
        .distinct()
    ).all()
    if len(found) != 1:
        return None
    row = found[0]
    if claim.birth_date is not None and claim.birth_date != row.birth_date:
        return None
    # A child's own phone is mostly a parent's: the one the hospital has of them counts too.
    is_guardians = claim.relation is Relation.CHILD and bool(row.guardian)
    return _Match(row.id, row.phone_index == phone_index or is_guardians)


def _is_exhausted(session: Session, patient_id: int, now: datetime) -> bool:
    """Tell whether the patient's budget is spent; asked, at the same cost, of nobody too."""
    session.scalar(select(Patient.id).where(Patient.id == patient_id).with_for_update())
    tried = _tries_since(
        session,
        (BindingAttempt.patient_id == patient_id) & BindingAttempt.account_id.is_not(None),
        now,
    )
    return tried >= TRIES_A_DAY


def _tries_since(session: Session, whose: ColumnElement[bool], now: datetime) -> int:
    return (
        session.scalar(
            select(func.count())
            .select_from(BindingAttempt)
            .where(whose, BindingAttempt.at > now - timedelta(days=1))
        )
        or 0
    )


# ----------------------------------------------------------------------------------- the code


def _new_code() -> str:
    return f"{secrets.randbelow(1_000_000):06d}"


def _code_hash(attempt: BindingAttempt, code: str) -> bytes:
    return keyring().mac("binding-code", f"{attempt.public_id}:{code}".encode())


def _message(attempt: BindingAttempt, phone: str, code: str, now: datetime) -> Communication:
    """Return the SMS; made, sealed and thrown away also where nobody is to get it."""
    recipient = keyring().index("communication.recipient", phone).hex()
    message = Communication(
        dedupe_key=dedupe_key("binding-code", attempt.public_id, Channel.SMS),
        patient_id=attempt.patient_id,
        account_id=attempt.account_id,
        kind="binding-code",
        channel=Channel.SMS,
        lane=Lane.TRANSACTIONAL,
        recipient_key=f"sms:{recipient}",
        planned_at=now,
        due_at=now,
        expires_at=now + CODE_LIVES,
    )
    message.content = json.dumps(
        {"phone": phone, "template": "binding-code", "params": {"code": code}}
    )
    return message


def _evidence(session: Session, attempt: BindingAttempt, code: str, now: datetime) -> str | None:
    """Return by which kind of code the claim is proven."""
    if compare_digest(attempt.code_hash, _code_hash(attempt, code)):
        return "phone-code"
    issued_now = session.scalars(
        select(BindingAttempt)
        .where(
            BindingAttempt.account_id.is_(None),
            BindingAttempt.patient_id == attempt.patient_id,
            BindingAttempt.used_at.is_(None),
            BindingAttempt.expires_at > now,
        )
        .with_for_update()
    )
    for issued in issued_now:
        if compare_digest(issued.code_hash, _code_hash(issued, code)):
            issued.used_at = now
            return "desk-code"
    return None


# ------------------------------------------------------------------------- consents and link


def _require_current(consents: Mapping[ConsentPurpose, str], purpose: ConsentPurpose) -> None:
    if consents.get(purpose) != CURRENT_TEXTS[purpose].version:
        raise ConsentRequired


def _require_guardian(
    patient: Patient, relation: Relation, consents: Mapping[str, str], now: datetime
) -> None:
    if not needs_guardian(patient.birth_date, now.astimezone(HOSPITAL).date()):
        return
    if relation is not Relation.CHILD:
        raise ConsentRequired
    agreed = {ConsentPurpose(purpose): version for purpose, version in consents.items()}
    _require_current(agreed, ConsentPurpose.GUARDIAN)


def _keep_consents(
    session: Session, patient_id: int, account_id: int, consents: Mapping[str, str], now: datetime
) -> None:
    for purpose, version in consents.items():
        text = CURRENT_TEXTS[ConsentPurpose(purpose)]
        if version == text.version:
            session.add(
                Consent.to(
                    text, patient_id=patient_id, account_id=account_id, is_given=True, now=now
                )
            )


def _given(session: Session, patient_id: int, account_id: int) -> list[ConsentPurpose]:
    """Return the purposes this user's last word on which was yes."""
    words = session.execute(
        select(Consent.purpose, Consent.is_given)
        .filter_by(patient_id=patient_id, account_id=account_id)
        .order_by(Consent.id)
    )
    last = {row.purpose: row.is_given for row in words}
    return [ConsentPurpose(purpose) for purpose, is_given in last.items() if is_given]


def _link(
    session: Session,
    patient_id: int,
    account_id: int,
    relation: Relation,
    evidence: str,
    now: datetime,
) -> PatientLink:
    """Return the live link of the two: the one there is, if it says the same."""
    old = session.scalar(
        select(PatientLink).filter_by(account_id=account_id, patient_id=patient_id, is_live=True)
    )
    if old is not None and old.relation is relation:
        return old
    if old is not None:
        old.is_live = None
        old.ends_at = now
        session.flush()
    link = PatientLink(
        account_id=account_id,
        patient_id=patient_id,
        relation=relation,
        evidence=evidence,
        starts_at=now,
    )
    session.add(link)
    session.flush()
    session.add(
        Event.of(
            "person.linked", now, patient_id=patient_id, link_id=link.id, account_id=account_id
        )
    )
    return link
