"""Looking for records that may be one person; a person decides."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from app.domain.profile.matching import Person, compare
from app.models import CandidateStatus, MatchCandidate, Patient, PatientIdentifier
from app.models.profile.patient import normal_identifier, normal_phone
from app.models.profile.patient_index import cluster_of, head_id_of
from app.services.intake.patient_index.merging import MergeHeld

MOST: Final = 20  # comparisons for one patient
_CITIZEN: Final = "NI"  # HL7 table 0203: a national's number


def find_doubles(session: Session, patient_id: int, now: datetime) -> None:
    """Note for a person which records may be the same patient as this one; again, note it anew.

    Whoever shares the citizen's number, the phone, or name and birth date is compared, at most
    `MOST` in this order. A pair that a person has decided stays decided; one that no longer looks
    alike is dropped.
    """
    patient = session.get_one(Patient, patient_id)
    if patient.merged_into_id is not None:
        return
    kept = _candidates_of(session, patient_id)
    others = _likely(session, patient)
    others += [other for other in kept if other not in others]
    mine = _person(session, patient)
    for other in session.scalars(select(Patient).where(Patient.id.in_(others))):
        match = compare(mine, _person(session, other))
        candidate = kept.get(other.id)
        if candidate is None and match.is_worth_asking and other.merged_into_id is None:
            session.add(_candidate(patient_id, other.id, match.score, match.reasons, now))
        elif candidate is None or candidate.status is not CandidateStatus.OPEN:
            continue
        elif match.is_worth_asking or candidate.inbound_id is not None:
            candidate.score, candidate.reasons = match.score, match.reasons
        else:
            session.delete(candidate)
    session.flush()


def propose(session: Session, held: MergeHeld, inbound_id: int, now: datetime) -> None:
    """Put a merge that a message asked for, and that a message may not do, before a person.

    Whoever settles the message calls this after it has undone what the message began.
    """
    if held.survivor_id == held.retired_id:
        return
    low, high = sorted((held.survivor_id, held.retired_id))
    candidate = session.scalar(
        select(MatchCandidate).filter_by(patient_id=low, other_id=high).with_for_update()
    )
    if candidate is None:
        pair = session.scalars(select(Patient).where(Patient.id.in_((low, high)))).all()
        if len(pair) < 2:
            return  # the message itself had made one of them known
        match = compare(*(_person(session, patient) for patient in pair))
        candidate = _candidate(low, high, match.score, match.reasons, now)
        session.add(candidate)
    candidate.inbound_id = inbound_id
    # A message asks anew, whatever was decided before.
    candidate.status = CandidateStatus.OPEN
    candidate.decided_at = candidate.practitioner_id = None
    session.flush()


def _candidate(
    one: int, other: int, score: int, reasons: list[str], now: datetime
) -> MatchCandidate:
    low, high = sorted((one, other))
    return MatchCandidate(
        patient_id=low, other_id=high, score=score, reasons=reasons,
        status=CandidateStatus.OPEN, found_at=now,
    )  # fmt: skip


def _candidates_of(session: Session, patient_id: int) -> dict[int, MatchCandidate]:
    """Return what is kept of a patient's doubles, by the other record."""
    rows = session.scalars(
        select(MatchCandidate)
        .where(or_(MatchCandidate.patient_id == patient_id, MatchCandidate.other_id == patient_id))
        .order_by(MatchCandidate.id.desc())
        .limit(MOST)
    )
    return {row.patient_id + row.other_id - patient_id: row for row in rows}


def _likely(session: Session, patient: Patient) -> list[int]:
    """Return whom to compare with, best grounds first; no record of the same person."""
    own = set(cluster_of(session, patient.id))
    found: list[int] = []
    for query in _grounds(patient, own):
        for other in session.scalars(query.limit(MOST)):
            other = head_id_of(session, other)
            if other not in own and other not in found:
                found.append(other)
        if len(found) >= MOST:
            break
    return found[:MOST]


def _grounds(patient: Patient, own: Iterable[int]) -> Iterable[Select[int]]:
    number = PatientIdentifier
    theirs = select(number.value_index).where(
        number.patient_id.in_(own), number.type_code == _CITIZEN
    )
    yield select(number.patient_id).where(
        number.value_index.in_(theirs),
        number.type_code == _CITIZEN,
        number.patient_id.not_in(own),
    )
    if patient.phone_index is not None:
        yield select(Patient.id).where(
            Patient.phone_index == patient.phone_index, Patient.id.not_in(own)
        )
    if patient.name_index is not None:
        namesake = select(Patient.id).where(
            Patient.name_index == patient.name_index, Patient.id.not_in(own)
        )
        if patient.birth_date is not None:
            yield namesake.where(Patient.birth_date == patient.birth_date)


def _person(session: Session, patient: Patient) -> Person:
    numbers = session.scalars(
        select(PatientIdentifier).where(
            PatientIdentifier.patient_id.in_(cluster_of(session, patient.id)),
            PatientIdentifier.type_code == _CITIZEN,
        )
    )
    return Person(
        name=patient.name,
        birth_date=patient.birth_date,
        gender=patient.gender,
        phone=normal_phone(patient.phone) if patient.phone else None,
        citizen_numbers=frozenset(normal_identifier(one.value or "") for one in numbers),
    )
