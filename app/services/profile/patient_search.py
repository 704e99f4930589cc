"""Finding patients of one's own: by a number, a phone or a name, all of them, or a segment's."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select, true, union_all
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.criteria.tree import Criterion
from app.domain.errors import NotFound
from app.domain.profile.masking import masked_phone, name_for
from app.domain.trust.access import StaffRole
from app.models import (
    Alert,
    CarePlan,
    Department,
    Gender,
    Patient,
    PatientIdentifier,
    PlanDefinition,
    RelatedPerson,
)
from app.models.profile.patient_index import heads_of
from app.models.profile.tag_tree import tag_tree
from app.models.segments.criteria_sql import matching
from app.models.staff.staff_access import cared_for_by

PAGE: Final = 25
MOST_FOUND: Final = 50
LONGEST_QUERY: Final = 60
_PHONE: Final = re.compile(r"(\+?86[- ]?)?1\d{2}[- ]?\d{4}[- ]?\d{4}")
# The hospital's own numbers; a citizen's number finds nobody here.
_RECORD_NUMBERS: Final = ("MR", "PI", "AN", "VN")


class FoundBy(StrEnum):
    PHONE = "phone"
    NUMBER = "number"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class PatientLine:
    """A patient as a list shows them; the name as the role may read it."""

    id: int
    public_id: str
    name: str
    masked_phone: str | None
    gender: Gender
    birth_date: date | None
    is_deceased: bool
    department_name: str | None
    region: str | None
    plans: tuple[str, ...]
    open_alerts: int
    has_needs: bool


@dataclass(frozen=True, slots=True)
class PatientPage:
    """`after` names the last line where there are more."""

    lines: tuple[PatientLine, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class Searcher:
    """Who looks: only patients of their teams are found."""

    practitioner_id: int
    role: StaffRole | None


def find_patients(
    session: Session, who: Searcher, text: str, now: datetime
) -> tuple[PatientPage, tuple[FoundBy, ...]]:
    """Return who bears exactly this number, phone or name, and by which of them they were sought.

    A number of a merged record finds the person it is now. Family's phones count too: they call.
    """
    text = text.strip()[:LONGEST_QUERY]
    if not text:
        return PatientPage((), None), ()
    found = _exactly(text)
    either = union_all(*found.values()).subquery()
    wanted = heads_of(select(either.c[0]))
    query = _own(who, now).where(Patient.id.in_(wanted)).order_by(Patient.id.desc())
    ids = list(session.scalars(query.limit(MOST_FOUND + 1)))
    page = _lines(session, who, ids, MOST_FOUND)
    return page, tuple(found)


def list_patients(
    session: Session,
    who: Searcher,
    now: datetime,
    *,
    criterion: Criterion | None = None,
    after: str | None = None,
    zone: ZoneInfo = HOSPITAL,
) -> PatientPage:
    """Return a page of one's patients, the last registered first; of a segment, those it means.

    :raises NotFound: `after` names no patient
    """
    query = _own(who, now)
    if criterion is not None:
        query = query.where(Patient.id.in_(matching(criterion, now, zone, tag_tree(session))))
    if after is not None:
        last = session.scalar(select(Patient.id).where(Patient.public_id == after))
        if last is None:
            raise NotFound
        query = query.where(Patient.id < last)
    ids = list(session.scalars(query.order_by(Patient.id.desc()).limit(PAGE + 1)))
    return _lines(session, who, ids, PAGE)


def _exactly(text: str) -> dict[FoundBy, Select[int]]:
    if _PHONE.fullmatch(text):
        own = select(Patient.id).where(Patient.phone_index == Patient.phone.index("patient", text))
        family = select(RelatedPerson.patient_id).where(
            RelatedPerson.phone_index == RelatedPerson.phone.index("related_person", text)
        )
        either = own.union(family).subquery()
        return {FoundBy.PHONE: select(either.c.id)}
    number = PatientIdentifier.value.index("patient_identifier", text)
    found = {
        FoundBy.NUMBER: select(PatientIdentifier.patient_id).where(
            PatientIdentifier.value_index == number,
            PatientIdentifier.type_code.in_(_RECORD_NUMBERS),
        )
    }
    # Names hold no digits here; a number that is none should not be looked for among them.
    if not any(letter.isdigit() for letter in text):
        name = Patient.name.index("patient", text)
        found[FoundBy.NAME] = select(Patient.id).where(Patient.name_index == name)
    return found


def _own(who: Searcher, now: datetime) -> Select[int]:
    return select(Patient.id).where(
        Patient.id.in_(cared_for_by(who.practitioner_id, now)), Patient.merged_into_id.is_(None)
    )


def _lines(session: Session, who: Searcher, ids: Sequence[int], most: int) -> PatientPage:
    shown = list(ids[:most])
    if not shown:
        return PatientPage((), None)
    rows = session.execute(
        select(Patient, Department.name)
        .outerjoin(Department, Department.code == Patient.department_code)
        .where(Patient.id.in_(shown))
    )
    patients = {patient.id: (patient, name) for patient, name in rows}
    plans: dict[int, list[str]] = {}
    for patient_id, title in session.execute(
        select(CarePlan.patient_id, PlanDefinition.title)
        .join(PlanDefinition, PlanDefinition.id == CarePlan.plan_definition_id)
        .where(CarePlan.patient_id.in_(shown), CarePlan.is_open == true())
        .order_by(CarePlan.id)
    ):
        plans.setdefault(patient_id, []).append(title)
    counted = session.execute(
        select(Alert.patient_id, func.count().label("number"))
        .where(Alert.patient_id.in_(shown), Alert.is_open == true())
        .group_by(Alert.patient_id)
    )
    alerts = {row.patient_id: row.number for row in counted}
    lines = tuple(
        PatientLine(
            id=patient.id,
            public_id=patient.public_id,
            name=name_for(who.role, patient.name),
            masked_phone=masked_phone(patient.phone) if patient.phone else None,
            gender=patient.gender,
            birth_date=patient.birth_date,
            is_deceased=patient.deceased_at is not None,
            department_name=department,
            region=patient.region,
            plans=tuple(plans.get(patient.id, ())),
            open_alerts=alerts.get(patient.id, 0),
            has_needs=patient.needs_sealed is not None,
        )
        for patient, department in (patients[key] for key in shown)
    )
    return PatientPage(lines, lines[-1].public_id if len(ids) > most else None)
