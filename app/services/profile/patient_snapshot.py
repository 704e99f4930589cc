"""One patient on one screen: who, which needs, what is open, which stage, which way it goes."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from app.clock import HOSPITAL
from app.domain.outreach.messaging import CommunicationState
from app.domain.profile.masking import masked_phone
from app.models import (
    Alert,
    AlertStep,
    Communication,
    Condition,
    Department,
    Gender,
    Patient,
    RelatedPerson,
)
from app.models.profile.reading.alerts import OpenAlert, open_alerts
from app.models.profile.reading.forms import MoodLine, forms_of, mood_of
from app.models.profile.reading.medicines import Medicine, medicines_of
from app.models.profile.reading.plans import PlanProgress, StaffTask, plans_of, staff_tasks_of
from app.models.profile.reading.preferences import PreferenceLine, preference_lines
from app.models.profile.reading.reminders import ReminderAdherence, reminders_of
from app.models.profile.reading.trends import Trend, trends_of
from app.models.profile.risk_lines import RiskLine, read_risk
from app.models.profile.tag_reading import TagLine, tags_of
from app.models.staff.staff_access import find_cared_for

TREND_DAYS: Final = 30
TRENDS: Final = 3
MEDICINES: Final = 8


@dataclass(frozen=True, slots=True)
class LastContact:
    """When staff last dealt with an alert, and what last reached the patient."""

    staff_at: datetime | None
    staff_name: str | None
    message_at: datetime | None


@dataclass(frozen=True, slots=True)
class PatientSnapshot:
    id: int
    public_id: str
    name: str | None
    gender: Gender
    birth_date: date | None
    is_deceased: bool
    needs: str | None
    masked_phone: str | None
    department_name: str | None
    conditions: tuple[str, ...]
    tags: tuple[TagLine, ...]
    risks: tuple[RiskLine, ...]
    alerts: tuple[OpenAlert, ...]
    plans: tuple[PlanProgress, ...]
    trends: tuple[Trend, ...]
    mood: tuple[MoodLine, ...]
    medicines: tuple[Medicine, ...]
    reminders: tuple[ReminderAdherence, ...]
    staff_tasks: tuple[StaffTask, ...]
    preferences: tuple[PreferenceLine, ...]
    last_contact: LastContact


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    whose: str  # "self", or the code of HL7 table 0063
    name: str | None
    number: str


def read_snapshot(
    session: Session,
    patient_public_id: str,
    practitioner_id: int,
    now: datetime,
    today: date,
    zone: ZoneInfo = HOSPITAL,
) -> PatientSnapshot:
    """Return what a member of the care team sees first; `today` is the hospital's day.

    As many statements whatever there is to show, each bounded in rows.

    :raises NotFound: no such patient, or none of theirs
    """
    patient = find_cared_for(session, patient_public_id, practitioner_id, now)
    return PatientSnapshot(
        id=patient.id,
        public_id=patient.public_id,
        name=patient.name,
        gender=patient.gender,
        birth_date=patient.birth_date,
        is_deceased=patient.deceased_at is not None,
        needs=patient.needs,
        masked_phone=masked_phone(patient.phone) if patient.phone else None,
        department_name=session.scalar(
            select(Department.name).where(Department.code == patient.department_code)
        ),
        conditions=_conditions(session, patient.id),
        tags=tuple(tags_of(session, patient.id, practitioner_id)),
        risks=read_risk(session, patient.id),
        alerts=open_alerts(session, patient.id),
        plans=plans_of(session, patient.id, today),
        trends=trends_of(session, patient.id, now, zone, TREND_DAYS, TRENDS),
        mood=mood_of(forms_of(session, patient.id, now)),
        medicines=medicines_of(session, patient.id, now, zone)[:MEDICINES],
        reminders=reminders_of(session, patient.id, now),
        staff_tasks=staff_tasks_of(session, patient.id, now),
        preferences=preference_lines(session, patient.id),
        last_contact=_last_contact(session, patient.id),
    )


def read_phones(
    session: Session, patient_public_id: str, practitioner_id: int, now: datetime
) -> tuple[Patient, tuple[PhoneNumber, ...]]:
    """Return a patient with their own number and their family's, unmasked: record the reason.

    :raises NotFound: no such patient, or none of theirs
    """
    patient = find_cared_for(session, patient_public_id, practitioner_id, now)
    family = session.scalars(
        select(RelatedPerson).where(RelatedPerson.patient_id == patient.id).order_by("id")
    )
    numbers = [PhoneNumber("self", patient.name, patient.phone)] if patient.phone else []
    numbers += [
        PhoneNumber(one.relationship_code, one.name, one.phone) for one in family if one.phone
    ]
    return patient, tuple(numbers)


def _conditions(session: Session, patient_id: int) -> tuple[str, ...]:
    rows = session.execute(
        select(Condition.display, Condition.code)
        .where(Condition.patient_id == patient_id, Condition.is_active)
        .order_by(Condition.recorded_at.desc())
    )
    return tuple(dict.fromkeys(display or code for display, code in rows))


def _last_contact(session: Session, patient_id: int) -> LastContact:
    step = session.scalar(
        select(AlertStep)
        .join(Alert, Alert.id == AlertStep.alert_id)
        .where(Alert.patient_id == patient_id, AlertStep.practitioner_id.is_not(None))
        .options(joinedload(AlertStep.practitioner))
        .order_by(AlertStep.at.desc(), AlertStep.id.desc())
        .limit(1)
    )
    reached = (CommunicationState.SENT, CommunicationState.DELIVERED)
    message_at = session.scalar(
        select(func.max(Communication.sent_at)).where(
            Communication.patient_id == patient_id,
            Communication.account_id.is_not(None),  # to the patient's side, not to the team
            Communication.state.in_(reached),
        )
    )
    who = step.practitioner.name if step and step.practitioner else None
    return LastContact(step.at if step else None, who, message_at)
