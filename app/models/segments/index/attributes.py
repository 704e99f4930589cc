"""Which attributes of patients are indexed, and the statements that read them.

One statement a source, for all patients or for a few: what is built anew and what is followed
event by event reads the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Select, exists, func, literal, select
from sqlalchemy.orm import aliased

from app.database import Text
from app.domain.criteria.population import Reach
from app.models.plans.care_plan import CarePlan
from app.models.profile.behaviour import Preference
from app.models.profile.clinical import MedicationRequest
from app.models.profile.encounter import Condition
from app.models.profile.patient import Patient
from app.models.profile.risk import RiskAssessment
from app.models.profile.tag import Tag, TagAssignment
from app.models.profile.what_counts import (
    PLAN_STATES,
    is_assessed,
    is_diagnosed,
    is_preferred,
    is_taken,
)
from app.models.segments.criteria_sql import base_population
from app.models.segments.index.id_lists import id_list
from app.models.trust.account import PatientLink, WeChatAccount
from app.models.trust.reach import is_follower

Value: TypeAlias = tuple[str, ...]


class Attribute(StrEnum):
    TAG = "tag"  # (key): exactly this one
    GENDER = "gender"
    DEPARTMENT = "department"
    REGION = "region"
    CONDITION = "condition"  # (code): active and no mere suspicion
    MEDICATION = "medication"  # (code): of an active prescription
    PLAN = "plan"  # (key, state of the newest enrolment)
    REACH = "reach"
    RISK = "risk"  # (score, band)
    PREFERENCE = "preference"  # (kind, value)
    BIRTH = "birth"  # (year, month, day as one number: 19610309)


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of patient and value; `has_repeats` where one patient may have the same twice."""

    attribute: Attribute
    patient: ColumnElement[int]
    parts: tuple[ColumnElement[Any], ...]
    rows: Select[Any]
    has_repeats: bool = False
    value: Callable[[Sequence[Any]], Value] = lambda parts: tuple(str(part) for part in parts)

    def of(self, patients: Sequence[int]) -> Select[Any]:
        """Select patient and parts of a few patients."""
        return self.rows.where(self.patient.in_(patients))

    def grouped(self, first: int, last: int) -> Select[Any]:
        """Select parts, how many patients, and their ids as text, of a range of patients."""
        who = self.patient.distinct() if self.has_repeats else self.patient
        grouped = self.rows.with_only_columns(
            *self.parts, *id_list(who), maintain_column_froms=True
        )
        # MariaDB overlooks blanks at the end of a text: with its length it is itself.
        lengths = [func.length(part) for part in self.parts if isinstance(part.type, Text)]
        return grouped.where(self.patient.between(first, last)).group_by(*self.parts, *lengths)


def _source(
    attribute: Attribute,
    patient: Any,
    *parts: Any,
    where: Sequence[ColumnElement[bool]],
    has_repeats: bool = False,
    value: Callable[[Sequence[Any]], Value] | None = None,
) -> Source:
    more = {} if value is None else {"value": value}
    return Source(
        attribute, patient, parts, select(patient, *parts).where(*where), has_repeats, **more
    )


# Whom a segment may mean at all.
BASE: Final = select(Patient.id).where(base_population())


def base_between(first: int, last: int) -> Select[Any, Any]:
    """Select how many patients of a range count, and their ids as text."""
    counted = base_population() & Patient.id.between(first, last)
    return select(*id_list(Patient.id)).where(counted)


def birth_key(born_on: date) -> int:
    """Return a date as one number in which a later day is more, and a year is 10,000."""
    return born_on.year * 10_000 + born_on.month * 100 + born_on.day


_later: Final = aliased(CarePlan)
_IS_NEWEST: Final = ~exists().where(
    _later.patient_id == CarePlan.patient_id,
    _later.plan_key == CarePlan.plan_key,
    _later.id > CarePlan.id,
)


def _reach(by: Reach, patient: Any, *where: ColumnElement[bool], has_repeats: bool) -> Source:
    # Grouped by nothing but a constant: the rows say only who.
    return _source(
        Attribute.REACH, patient, literal(by.value).label("way"), where=where,
        has_repeats=has_repeats,
    )  # fmt: skip


SOURCES: Final[tuple[Source, ...]] = (
    _source(Attribute.GENDER, Patient.id, Patient.gender, where=[base_population()]),
    _source(
        Attribute.DEPARTMENT, Patient.id, Patient.department_code,
        where=(base_population(), Patient.department_code.is_not(None)),
    ),
    _source(
        Attribute.REGION, Patient.id, Patient.region,
        where=(base_population(), Patient.region.is_not(None)),
    ),
    _source(
        Attribute.BIRTH, Patient.id, Patient.birth_date,
        where=(base_population(), Patient.birth_date.is_not(None)),
        value=lambda parts: (str(birth_key(parts[0])),),
    ),
    _source(
        Attribute.TAG, TagAssignment.patient_id, Tag.key,
        where=(TagAssignment.tag_id == Tag.id, TagAssignment.is_live.is_(True)),
    ),
    _source(
        Attribute.CONDITION, Condition.patient_id, Condition.code,
        where=[is_diagnosed()],
        has_repeats=True,
    ),
    _source(
        Attribute.MEDICATION, MedicationRequest.patient_id, MedicationRequest.code,
        where=[is_taken()],
        has_repeats=True,
    ),
    _source(
        Attribute.PLAN, CarePlan.patient_id, CarePlan.plan_key, CarePlan.status,
        where=(_IS_NEWEST,),
        value=lambda parts: (parts[0], PLAN_STATES[parts[1]].value),
    ),
    _reach(
        Reach.MINI_PROGRAM, PatientLink.patient_id, PatientLink.is_live.is_(True), has_repeats=True
    ),
    _reach(
        Reach.OFFICIAL_ACCOUNT, PatientLink.patient_id,
        PatientLink.is_live.is_(True), PatientLink.account_id == WeChatAccount.id, is_follower(),
        has_repeats=True,
    ),
    _reach(
        Reach.PHONE, Patient.id, base_population(), Patient.phone_index.is_not(None),
        has_repeats=False,
    ),
    _source(
        Attribute.RISK, RiskAssessment.patient_id, RiskAssessment.score, RiskAssessment.band,
        where=[is_assessed()],
    ),
    _source(
        Attribute.PREFERENCE, Preference.patient_id, Preference.kind, Preference.value,
        where=[is_preferred()],
    ),
)  # fmt: skip
