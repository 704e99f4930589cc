"""What a patient has of each medicine that the hospital prescribes: until when it lasts."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.intake.clinical_records import RequestStatus
from app.domain.intake.hospital_records import Coded, Identifier
from app.domain.profile.adherence import Dispensing, Unknown, runs_out_on, supply
from app.models.profile.clinical import MedicationRequest
from app.models.profile.reading.medicines import MOST, NEVER_TAKEN, SINCE

# The hospital calls a prescription completed once it was dispensed; the patient still takes it.
_TAKEN: Final = (RequestStatus.ACTIVE, RequestStatus.COMPLETED)


@dataclass(frozen=True, slots=True)
class AtHand:
    """One medicine by its newest prescription; `until` is the first day without it.

    `lasts_days` is how long its last dispensing was meant for; None where nobody can say.
    """

    request_id: str
    code: Coded
    prescription: Identifier
    dosage: str
    until: date | Unknown
    lasts_days: int | None

    @property
    def name(self) -> str:
        return self.code.display or self.code.code


def medicines_at_hand(
    session: Session, patient_id: int, now: datetime, zone: ZoneInfo
) -> tuple[AtHand, ...]:
    """Return what was prescribed within a year and not stopped since, the newest first."""
    at = func.coalesce(
        MedicationRequest.authored_at, MedicationRequest.starts_at,
        MedicationRequest.dispensed_at, MedicationRequest.created_at,
        type_=MedicationRequest.created_at.type,
    )  # fmt: skip
    rows = session.scalars(
        select(MedicationRequest)
        .where(
            MedicationRequest.patient_id == patient_id,
            MedicationRequest.status.not_in(NEVER_TAKEN),
            at > now - SINCE,
            at <= now,
        )
        .order_by(at.desc(), MedicationRequest.id.desc())
        .limit(MOST)
    )
    by_code: dict[tuple[str, str], list[MedicationRequest]] = defaultdict(list)
    for row in rows:
        by_code[row.code_system, row.code].append(row)
    return tuple(
        _at_hand(found, now, zone)
        for found in by_code.values()
        if found[0].status in _TAKEN and not _has_ended(found[0], now)
    )


def _has_ended(row: MedicationRequest, now: datetime) -> bool:
    """Tell whether a course was ended before what was dispensed of it could tell."""
    return row.ends_at is not None and row.ends_at <= now and row.dispensed_at is None


def _at_hand(rows: list[MedicationRequest], now: datetime, zone: ZoneInfo) -> AtHand:
    newest = rows[0]
    fetched = [
        _dispensing(row, row.dispensed_at, zone) for row in rows if row.dispensed_at is not None
    ]
    last = supply(max(fetched, key=lambda one: one.day or date.min)) if fetched else None
    return AtHand(
        request_id=newest.public_id,
        code=Coded(newest.code, newest.display or "", newest.code_system),
        prescription=Identifier(newest.issuer, "", newest.number),
        dosage=newest.dosage or newest.frequency or "",
        until=runs_out_on(fetched, now.astimezone(zone).date()),
        lasts_days=None if last is None or isinstance(last, Unknown) else last.days,
    )


def _dispensing(row: MedicationRequest, at: datetime, zone: ZoneInfo) -> Dispensing:
    return Dispensing(
        day=at.astimezone(zone).date(),
        quantity=row.quantity,
        quantity_unit=row.quantity_unit,
        dose=row.dose,
        dose_unit=row.dose_unit,
        frequency=row.frequency,
    )
