"""Everything that is known of a patient, in one reading: for staff, and for the patient."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.profile.completeness import Completeness, Item, completeness
from app.domain.profile.masking import masked_phone
from app.models import Consent, Department, Gender, Patient, PatientIdentifier, PatientLink
from app.models.profile.patient_index import cluster_of
from app.models.profile.reading.alerts import OpenAlert, open_alerts
from app.models.profile.reading.forms import AnsweredForm, MoodLine, forms_of, mood_of
from app.models.profile.reading.life import LifeLine, life_lines
from app.models.profile.reading.medicines import Medicine, medicines_of
from app.models.profile.reading.plans import PlanProgress, StaffTask, plans_of, staff_tasks_of
from app.models.profile.reading.preferences import PreferenceLine, preference_lines
from app.models.profile.reading.reachability import Reachability, reachability_of
from app.models.profile.reading.record import (
    AllergyLine,
    AppointmentLine,
    ConditionLine,
    EncounterLine,
    allergies_of,
    coming_appointments,
    conditions_of,
    encounters_of,
)
from app.models.profile.reading.reminders import ReminderAdherence, reminders_of
from app.models.profile.reading.trends import Trend, trends_of
from app.models.profile.risk_lines import RiskLine, read_risk
from app.models.profile.tag_reading import TagLine, tags_of
from app.models.staff.staff_access import find_cared_for

TREND_DAYS: Final = 90
TRENDS: Final = 8
# Numbers by which the hospital knows a record; a citizen's number is shown to nobody here.
_SHOWN_NUMBERS: Final = ("MR", "PI", "AN", "VN")
# What a life style is asked first (LOINC): tobacco, alcohol, exercise.
_LIFE_STYLE: Final = {"72166-2", "11331-6", "89555-7"}


@dataclass(frozen=True, slots=True)
class ConsentLine:
    """The last word of one WeChat user on one purpose."""

    purpose: str
    is_given: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """Who it is; `numbers` are (issuer, number) of the hospital's own numbers."""

    name: str | None
    gender: Gender
    birth_date: date | None
    deceased_at: datetime | None
    masked_phone: str | None
    region: str | None
    department_name: str | None
    numbers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PatientProfile:
    """What staff see of a patient; evidence and results are health data."""

    id: int
    public_id: str
    identity: Identity
    needs: str | None
    consents: tuple[ConsentLine, ...]
    life: tuple[LifeLine, ...]
    preferences: tuple[PreferenceLine, ...]
    tags: tuple[TagLine, ...]
    risks: tuple[RiskLine, ...]
    alerts: tuple[OpenAlert, ...]
    plans: tuple[PlanProgress, ...]
    staff_tasks: tuple[StaffTask, ...]
    conditions: tuple[ConditionLine, ...]
    allergies: tuple[AllergyLine, ...]
    medicines: tuple[Medicine, ...]
    reminders: tuple[ReminderAdherence, ...]
    encounters: tuple[EncounterLine, ...]
    appointments: tuple[AppointmentLine, ...]
    results: tuple[Trend, ...]
    home: tuple[Trend, ...]
    forms: tuple[AnsweredForm, ...]
    mood: tuple[MoodLine, ...]
    reachability: Reachability
    completeness: Completeness


@dataclass(frozen=True, slots=True)
class OwnProfile:
    """What patients, and family for them, see of themselves (`record_views` says why no more)."""

    gender: Gender
    birth_date: date | None
    region: str | None
    department_name: str | None
    life: tuple[LifeLine, ...]
    preferences: tuple[PreferenceLine, ...]
    plans: tuple[PlanProgress, ...]
    conditions: tuple[ConditionLine, ...]
    allergies: tuple[AllergyLine, ...]
    medicines: tuple[Medicine, ...]
    encounters: tuple[EncounterLine, ...]
    appointments: tuple[AppointmentLine, ...]
    home: tuple[Trend, ...]
    completeness: Completeness


def read_profile(
    session: Session,
    patient_public_id: str,
    practitioner_id: int,
    now: datetime,
    today: date,
    zone: ZoneInfo = HOSPITAL,
) -> PatientProfile:
    """Return what a member of the care team may know; the caller writes the audit.

    As many statements whatever there is to show, each bounded in rows.

    :raises NotFound: no such patient, or none of theirs
    """
    patient = find_cared_for(session, patient_public_id, practitioner_id, now)
    forms = forms_of(session, patient.id, now)
    common = _common(session, patient, now, today, zone)
    return PatientProfile(
        id=patient.id,
        public_id=patient.public_id,
        identity=Identity(
            name=patient.name,
            gender=patient.gender,
            birth_date=patient.birth_date,
            deceased_at=patient.deceased_at,
            masked_phone=masked_phone(patient.phone) if patient.phone else None,
            region=patient.region,
            department_name=common.department_name,
            numbers=_numbers(session, patient.id),
        ),
        needs=patient.needs,
        consents=common.consents,
        life=common.life,
        preferences=preference_lines(session, patient.id),
        tags=tuple(tags_of(session, patient.id, practitioner_id)),
        risks=read_risk(session, patient.id),
        alerts=open_alerts(session, patient.id),
        plans=plans_of(session, patient.id, today),
        staff_tasks=staff_tasks_of(session, patient.id, now),
        conditions=common.conditions,
        allergies=common.allergies,
        medicines=common.medicines,
        reminders=reminders_of(session, patient.id, now),
        encounters=encounters_of(session, patient.id),
        appointments=coming_appointments(session, patient.id, now),
        results=trends_of(session, patient.id, now, zone, TREND_DAYS, TRENDS, is_home=False),
        home=trends_of(session, patient.id, now, zone, TREND_DAYS, TRENDS, is_home=True),
        forms=forms,
        mood=mood_of(forms),
        reachability=reachability_of(session, patient.id),
        completeness=common.completeness,
    )


def read_own_profile(
    session: Session, patient_id: int, now: datetime, today: date, zone: ZoneInfo = HOSPITAL
) -> OwnProfile:
    """Return what the patient's own side sees; the caller checked that it may open the record."""
    patient = session.get_one(Patient, patient_id)
    common = _common(session, patient, now, today, zone)
    return OwnProfile(
        gender=patient.gender,
        birth_date=patient.birth_date,
        region=patient.region,
        department_name=common.department_name,
        life=common.life,
        preferences=preference_lines(session, patient.id),
        plans=plans_of(session, patient.id, today),
        conditions=tuple(
            one for one in common.conditions if one.is_active and not one.is_provisional
        ),
        allergies=common.allergies,
        medicines=common.medicines,
        encounters=encounters_of(session, patient.id),
        appointments=coming_appointments(session, patient.id, now),
        home=trends_of(session, patient.id, now, zone, TREND_DAYS, TRENDS, is_home=True),
        completeness=common.completeness,
    )


@dataclass(frozen=True, slots=True)
class _Common:
    department_name: str | None
    consents: tuple[ConsentLine, ...]
    life: tuple[LifeLine, ...]
    conditions: tuple[ConditionLine, ...]
    allergies: tuple[AllergyLine, ...]
    medicines: tuple[Medicine, ...]
    completeness: Completeness


def _common(
    session: Session, patient: Patient, now: datetime, today: date, zone: ZoneInfo
) -> _Common:
    consents = _consents(session, patient.id)
    life = life_lines(session, patient.id)
    conditions = conditions_of(session, patient.id)
    allergies = allergies_of(session, patient.id)
    is_linked = session.scalar(
        select(exists().where(PatientLink.patient_id == patient.id, PatientLink.is_live.is_(True)))
    )
    return _Common(
        department_name=session.scalar(
            select(Department.name).where(Department.code == patient.department_code)
        ),
        consents=consents,
        life=life,
        conditions=conditions,
        allergies=allergies,
        medicines=medicines_of(session, patient.id, now, zone),
        completeness=completeness(
            {
                Item.NAME: bool(patient.name),
                Item.GENDER: patient.gender is not Gender.UNKNOWN,
                Item.BIRTH_DATE: patient.birth_date is not None,
                Item.PHONE: patient.phone_index is not None,
                Item.ADDRESS: patient.address_sealed is not None,
                Item.DEPARTMENT: patient.department_code is not None,
                Item.CONSENT: _is_given(consents, "health-data"),
                Item.LINK: bool(is_linked),
                Item.ALLERGIES: bool(allergies),
                Item.CONDITIONS: bool(conditions),
                Item.LIFE_STYLE: {one.code for one in life} >= _LIFE_STYLE,
            }
        ),
    )


def _is_given(consents: Sequence[ConsentLine], purpose: str) -> bool:
    return any(one.is_given for one in consents if one.purpose == purpose)


def _consents(session: Session, patient_id: int) -> tuple[ConsentLine, ...]:
    """Return the last word of each user on each purpose, the newest first."""
    rows = session.execute(
        select(Consent.account_id, Consent.purpose, Consent.is_given, Consent.at)
        .where(Consent.patient_id == patient_id)
        .order_by(Consent.id.desc())
        .limit(200)
    )
    last: dict[tuple[int, str], ConsentLine] = {}
    for account_id, purpose, is_given, at in rows:
        last.setdefault((account_id, purpose), ConsentLine(purpose, is_given, at))
    return tuple(last.values())


def _numbers(session: Session, patient_id: int) -> tuple[tuple[str, str], ...]:
    """Return the hospital's numbers of a person, those of merged records among them."""
    rows = session.scalars(
        select(PatientIdentifier)
        .where(
            PatientIdentifier.patient_id.in_(cluster_of(session, patient_id)),
            PatientIdentifier.type_code.in_(_SHOWN_NUMBERS),
        )
        .order_by(PatientIdentifier.id)
        .limit(20)
    )
    return tuple((one.issuer, one.value or "") for one in rows)
