"""What another system may call a patient or a visit of ours."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Encounter, Patient, PatientIdentifier

_SERVER_ID: Final = "PI"


def unknown_patients(
    session: Session, source: str, ids: Iterable[tuple[str, str]], now: datetime
) -> list[str]:
    """Return those ids at a source that name nobody; `ids` are pairs of theirs and ours.

    Where a source uses our id, it becomes one of the patient's numbers: what the source sent is
    read again from the same bytes, and must name the same person then.
    """
    issuer, unknown = f"{source}/Patient", []
    for theirs, ours in ids:
        index = PatientIdentifier.value.index(PatientIdentifier.__tablename__, theirs)
        known = select(PatientIdentifier.id).filter_by(
            issuer=issuer, type_code=_SERVER_ID, value_index=index
        )
        if session.scalar(known) is not None:
            continue
        patient_id = session.scalar(select(Patient.id).filter_by(public_id=ours))
        if patient_id is None:
            unknown.append(theirs)
        else:
            call_patient(session, patient_id, source, theirs, now)
    return unknown


def call_patient(
    session: Session, patient_id: int, source: str, theirs: str, now: datetime
) -> None:
    """Let a source call a patient by an id of its own, unless it is taken."""
    index = PatientIdentifier.value.index(PatientIdentifier.__tablename__, theirs)
    issuer = f"{source}/Patient"
    taken = select(PatientIdentifier.id).filter_by(
        issuer=issuer, type_code=_SERVER_ID, value_index=index
    )
    if session.scalar(taken) is None:
        session.add(
            PatientIdentifier(
                patient_id=patient_id, issuer=issuer, type_code=_SERVER_ID, value=theirs,
                created_at=now,
            )
        )  # fmt: skip
        session.flush()


def unknown_visits(session: Session, source: str, ids: Iterable[str]) -> list[str]:
    """Return those ids of visits at a source that we have not heard of."""
    issuer = f"{source}/Encounter"
    return [
        theirs
        for theirs in ids
        if session.scalar(select(Encounter.id).filter_by(issuer=issuer, visit_number=theirs))
        is None
    ]
