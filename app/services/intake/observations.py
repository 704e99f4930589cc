"""Results in their versions: one is current, the others are history."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.intake.hospital_message import HospitalMessage
from app.domain.intake.hospital_records import (
    Coded,
    ObservationRecord,
)
from app.models import Encounter, Event, Observation, ObservationStatus, Origin, Patient
from app.services.intake.columns import clipped, code, digest

LOINC = "http://loinc.org"
_CORRECTIONS = (
    ObservationStatus.CORRECTED,
    ObservationStatus.AMENDED,
    ObservationStatus.CANCELLED,
    ObservationStatus.ENTERED_IN_ERROR,
)


def record_observations(
    session: Session,
    patient: Patient,
    encounter: Encounter | None,
    message: HospitalMessage,
    recorded_at: datetime,
    received_at: datetime,
    now: datetime,
) -> None:
    """Keep every version of every result; the newest of the highest rank is current.

    A version that is older than the current one, or less final, becomes history at once; one that
    we have already, sent again under another control id, leaves nothing.
    """
    versions = _versions(session, patient, message)
    news: list[tuple[Observation, Observation | None]] = []
    for record in message.observations:
        kept = versions[_identity(message, record)]
        version = _version(patient, encounter, message, record, recorded_at, received_at)
        if any(_is_same(version, other) for other in kept):
            continue
        current = next((other for other in kept if other.is_current is True), None)
        kept.append(version)
        if current is None or _supersedes(version, current):
            if current is not None:
                current.is_current = None
                # The unique key of the current version must be free before it is taken.
                session.flush()
            news.append((version, current))
        else:
            version.is_current = None
        session.add(version)
    session.flush()
    session.add_all(_events(patient, news, now))


def _versions(
    session: Session, patient: Patient, message: HospitalMessage
) -> defaultdict[bytes, list[Observation]]:
    identities = [_identity(message, record) for record in message.observations]
    found: defaultdict[bytes, list[Observation]] = defaultdict(list)
    if identities:
        for observation in session.scalars(
            select(Observation).where(
                Observation.patient_id == patient.id, Observation.identity.in_(identities)
            )
        ):
            found[observation.identity].append(observation)
    return found


def _identity(message: HospitalMessage, record: ObservationRecord) -> bytes:
    """Name the result by its laboratory, not by the way it came: a file and a feed tell of one."""
    key = record.key
    sender = (message.sending_application, message.sending_facility)
    return digest(*sender, key.order, key.code, key.sub_id)


def _version(
    patient: Patient,
    encounter: Encounter | None,
    message: HospitalMessage,
    record: ObservationRecord,
    recorded_at: datetime,
    received_at: datetime,
) -> Observation:
    issued_at = record.issued_at or recorded_at
    value = record.value
    return Observation(
        patient_id=patient.id,
        encounter_id=encounter.id if encounter else None,
        origin=Origin.HOSPITAL,
        identity=_identity(message, record),
        is_current=True,
        status=record.status,
        code=code(record.loinc or record.code.code),
        code_system=LOINC if record.loinc else clipped(record.code.system) or "",
        display=clipped(record.code.display),
        value=value if isinstance(value, Decimal) else None,
        comparator=record.comparator or None,
        text=None if isinstance(value, Decimal) else _words(value, record.value_text),
        unit=clipped(record.unit),
        reference_range=clipped(record.reference_range.text if record.reference_range else None),
        interpretation=record.interpretation.value if record.interpretation else None,
        note=record.note or None,
        effective_at=record.effective_at or issued_at,
        issued_at=issued_at,
        received_at=received_at,
    )


def _words(value: Coded | str | None, text: str) -> str | None:
    return (value if isinstance(value, str) else text) or None


def _is_same(version: Observation, other: Observation) -> bool:
    return (
        version.status is other.status
        and version.value == other.value
        and version.comparator == other.comparator
        and version.unit == other.unit
        and version.issued_at == other.issued_at
        and version.text == other.text
        and version.note == other.note
    )


def _supersedes(version: Observation, current: Observation) -> bool:
    return version.issued_at >= current.issued_at and _rank(version) >= _rank(current)


def _rank(observation: Observation) -> int:
    return observation.status.rank


def _events(
    patient: Patient,
    news: Iterable[tuple[Observation, Observation | None]],
    now: datetime,
) -> list[Event]:
    """Tell of each new current version; a specimen still in the laboratory is no news."""
    return [
        Event.of(
            "observation.corrected"
            if before and version.status in _CORRECTIONS
            else "observation.recorded",
            now,
            patient_id=patient.id,
            observation_id=version.id,
            supersedes_id=before.id if before else None,
        )
        for version, before in news
        if version.status is not ObservationStatus.REGISTERED
    ]
