"""The medicines of a patient: what was prescribed, and for how much of the time it was there."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.intake.clinical_records import RequestStatus
from app.domain.profile.adherence import Coverage, Dispensing, coverage
from app.models.profile.clinical import MedicationRequest

# What somebody takes now was written within the last year; fewer than this fit a page.
SINCE: Final = timedelta(days=366)
MOST: Final = 200
NEVER_TAKEN: Final = (
    RequestStatus.DRAFT,
    RequestStatus.CANCELLED,
    RequestStatus.REVOKED,
    RequestStatus.ENTERED_IN_ERROR,
)


@dataclass(frozen=True, slots=True)
class Medicine:
    """One medicine with its newest prescription; `coverage` is over all of its dispensings.

    A prescription keeps its last dispensing only: repeats on one number count as one.
    """

    code: str
    display: str
    status: RequestStatus
    dose: Decimal | None
    dose_unit: str | None
    frequency: str | None
    prescribed_at: datetime
    dispensed_at: datetime | None
    coverage: Coverage


def medicines_of(
    session: Session, patient_id: int, now: datetime, zone: ZoneInfo
) -> tuple[Medicine, ...]:
    """Return the medicines of the last year, the newest first."""
    at = func.coalesce(
        MedicationRequest.authored_at, MedicationRequest.starts_at,
        MedicationRequest.dispensed_at, MedicationRequest.created_at,
        type_=MedicationRequest.created_at.type,
    ).label("at")  # fmt: skip
    rows = session.execute(
        select(
            MedicationRequest.code,
            MedicationRequest.display,
            MedicationRequest.status,
            MedicationRequest.dose,
            MedicationRequest.dose_unit,
            MedicationRequest.frequency,
            MedicationRequest.quantity,
            MedicationRequest.quantity_unit,
            MedicationRequest.dispensed_at,
            at,
        )
        .where(
            MedicationRequest.patient_id == patient_id,
            MedicationRequest.status.not_in(NEVER_TAKEN),
            at > now - SINCE,
            at <= now,
        )
        .order_by(at.desc(), MedicationRequest.id.desc())
        .limit(MOST)
    )
    by_code: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_code[row.code].append(row)
    return tuple(_medicine(found, now, zone) for found in by_code.values())


def _medicine(rows: list[Any], now: datetime, zone: ZoneInfo) -> Medicine:
    newest = rows[0]
    # What was ordered and never fetched covers nothing, but it does not hide what was fetched.
    fetched = [row for row in rows if row.dispensed_at is not None]
    return Medicine(
        code=newest.code,
        display=newest.display or newest.code,
        status=newest.status,
        dose=newest.dose,
        dose_unit=newest.dose_unit,
        frequency=newest.frequency,
        prescribed_at=newest.at,
        dispensed_at=max((row.dispensed_at for row in fetched), default=None),
        coverage=coverage((_dispensing(row, zone) for row in fetched), now.astimezone(zone).date()),
    )


def _dispensing(row: Any, zone: ZoneInfo) -> Dispensing:
    return Dispensing(
        day=row.dispensed_at.astimezone(zone).date(),
        quantity=row.quantity,
        quantity_unit=row.quantity_unit,
        dose=row.dose,
        dose_unit=row.dose_unit,
        frequency=row.frequency,
    )
