"""The day from which a plan counts, as far as the record tells it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.plans.plan import Anchor
from app.models import Condition, Encounter, EncounterClass, EncounterStatus, Patient

# A discharge longer ago than this begins no plan: its first weeks are over.
STILL_FRESH: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Anchored:
    """A day found, and the stay it was found in."""

    on: date
    encounter: Encounter | None = None


def find_anchor(
    session: Session, patient: Patient, anchor: Anchor, now: datetime, zone: ZoneInfo
) -> Anchored | None:
    """Return the day that the record gives; None while it has not come, or nobody told it.

    A surgery is told by hand alone: no message carries it as such.
    """
    match anchor:
        case Anchor.ENROLMENT:
            return Anchored(now.astimezone(zone).date())
        case Anchor.BIRTH:
            return Anchored(patient.birth_date) if patient.birth_date else None
        case Anchor.DIAGNOSIS:
            return _first_diagnosis(session, patient.id, zone)
        case Anchor.DISCHARGE:
            return _last_discharge(session, patient.id, now, zone)
    return None


def is_told_by_hand(anchor: Anchor) -> bool:
    """Tell whether waiting for a message would be waiting in vain."""
    return anchor in (Anchor.SURGERY, Anchor.BIRTH)


def is_admitted(session: Session, patient_id: int) -> bool:
    stay = select(Encounter.id).filter_by(
        patient_id=patient_id,
        encounter_class=EncounterClass.INPATIENT,
        status=EncounterStatus.IN_PROGRESS,
    )
    return session.scalar(stay.limit(1)) is not None


def _first_diagnosis(session: Session, patient_id: int, zone: ZoneInfo) -> Anchored | None:
    first = session.scalar(
        select(Condition.recorded_at)
        .filter_by(patient_id=patient_id, is_active=True, is_provisional=False)
        .order_by(Condition.recorded_at)
        .limit(1)
    )
    return Anchored(first.astimezone(zone).date()) if first else None


def _last_discharge(
    session: Session, patient_id: int, now: datetime, zone: ZoneInfo
) -> Anchored | None:
    stay = session.scalars(
        select(Encounter)
        .where(
            Encounter.patient_id == patient_id,
            Encounter.encounter_class == EncounterClass.INPATIENT,
            Encounter.status == EncounterStatus.FINISHED,
            Encounter.ended_at > now - STILL_FRESH,
        )
        .order_by(Encounter.ended_at.desc())
        .limit(1)
    ).one_or_none()
    if stay is None or stay.ended_at is None:
        return None
    return Anchored(stay.ended_at.astimezone(zone).date(), stay)
