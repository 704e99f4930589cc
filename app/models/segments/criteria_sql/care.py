"""Leaves about the care a patient is in, as sets of patients."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, false, func, select
from sqlalchemy.orm import aliased

from app.domain.criteria.population import AtRisk, Medicated, OnPlan, Visited
from app.domain.criteria.tree import ActiveCondition
from app.models.plans.care_plan import CarePlan
from app.models.profile.clinical import MedicationRequest
from app.models.profile.encounter import Condition, Encounter
from app.models.profile.risk import RiskAssessment
from app.models.profile.tag import Tag, TagAssignment
from app.models.profile.what_counts import (
    PLAN_STATES,
    has_begun,
    is_assessed,
    is_diagnosed,
    is_taken,
)
from app.models.segments.criteria_sql.comparing import begins_with, is_exactly


def diagnosed(leaf: ActiveCondition, _: datetime) -> Select[int]:
    codes = _codes_from(Condition.code, leaf.prefix)
    return select(Condition.patient_id).where(codes, is_diagnosed())


def medicated(leaf: Medicated, _: datetime) -> Select[int]:
    codes = _codes_from(MedicationRequest.code, leaf.prefix)
    return select(MedicationRequest.patient_id).where(codes, is_taken())


def tagged(keys: Iterable[str]) -> Select[int]:
    """Select who bears one of the tags: a tag and those below it in the tree."""
    tags = select(Tag.id).where(Tag.key.in_(sorted(keys)))
    return select(TagAssignment.patient_id).where(
        TagAssignment.tag_id.in_(tags), TagAssignment.is_live.is_(True)
    )


def on_plan(leaf: OnPlan, _: datetime) -> Select[int]:
    """Select by the newest enrolment in the plan: a patient may have left and come back."""
    newer = aliased(CarePlan)
    statuses = [status for status, state in PLAN_STATES.items() if state is leaf.state]
    return select(CarePlan.patient_id).where(
        CarePlan.plan_key == leaf.key,
        CarePlan.status.in_(statuses),
        ~exists().where(
            newer.patient_id == CarePlan.patient_id,
            newer.plan_key == CarePlan.plan_key,
            newer.id > CarePlan.id,
        ),
    )


def visited(leaf: Visited, now: datetime) -> Select[int]:
    visits = select(Encounter.patient_id).where(
        Encounter.started_at.between(now - leaf.within, now), has_begun()
    )
    if leaf.encounter_class is not None:
        visits = visits.where(Encounter.encounter_class == leaf.encounter_class)
    if leaf.department is not None:
        visits = visits.where(is_exactly(Encounter.department_code, leaf.department))
    if leaf.at_least > 1:
        visits = visits.group_by(Encounter.patient_id).having(func.count() >= leaf.at_least)
    return visits


def at_risk(leaf: AtRisk, _: datetime) -> Select[int]:
    return select(RiskAssessment.patient_id).where(
        RiskAssessment.score == leaf.score, RiskAssessment.band == leaf.band, is_assessed()
    )


def _codes_from(column: Any, prefix: str) -> ColumnElement[bool]:
    # Codes are ASCII; no column of them may be compared with anything else.
    return begins_with(column, prefix) if prefix.isascii() else false()
