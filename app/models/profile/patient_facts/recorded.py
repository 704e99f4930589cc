"""What the hospital knows of one patient besides results: who they are, their care and visits."""

from typing import Any

from sqlalchemy import and_, select

from app.domain.criteria.population import PlanState, Reach
from app.domain.profile.patient_facts import Visit
from app.models.plans.care_plan import CarePlan
from app.models.profile.clinical import MedicationRequest
from app.models.profile.encounter import Condition, Encounter
from app.models.profile.patient import Patient
from app.models.profile.patient_facts.asked import Asked
from app.models.profile.risk import RiskAssessment
from app.models.profile.tag import Tag, TagAssignment
from app.models.profile.tag_library import library
from app.models.profile.what_counts import (
    LOOK_BACK,
    PLAN_STATES,
    has_begun,
    is_assessed,
    is_diagnosed,
    is_taken,
)
from app.models.trust.account import PatientLink, WeChatAccount
from app.models.trust.reach import is_follower


def person(asked: Asked) -> dict[str, Any]:
    """Return what the patient's own row says, by the names of the facts."""
    row = asked.session.execute(
        select(
            Patient.birth_date.label("birth_on"),
            Patient.gender,
            Patient.department_code.label("department"),
            Patient.region,
        ).where(Patient.id == asked.patient_id)
    ).one_or_none()
    return {} if row is None else dict(row._mapping)


def reach(asked: Asked) -> frozenset[Reach]:
    """Return by which ways somebody can be reached; see `app.models.trust.reach`."""
    live = and_(PatientLink.patient_id == Patient.id, PatientLink.is_live.is_(True))
    rows = asked.session.execute(
        select(Patient.phone_index.is_not(None), PatientLink.id.is_not(None), is_follower())
        .outerjoin(PatientLink, live)
        .outerjoin(WeChatAccount, WeChatAccount.id == PatientLink.account_id)
        .where(Patient.id == asked.patient_id)
    )
    ways = (Reach.PHONE, Reach.MINI_PROGRAM, Reach.OFFICIAL_ACCOUNT)
    return frozenset(way for row in rows for way, leads in zip(ways, row, strict=True) if leads)


def conditions(asked: Asked) -> frozenset[str]:
    return frozenset(
        asked.session.scalars(
            select(Condition.code).where(Condition.patient_id == asked.patient_id, is_diagnosed())
        )
    )


def medications(asked: Asked) -> frozenset[str]:
    return frozenset(
        asked.session.scalars(
            select(MedicationRequest.code).where(
                MedicationRequest.patient_id == asked.patient_id, is_taken()
            )
        )
    )


def tags(asked: Asked) -> frozenset[str]:
    """Return the tags borne with all that stand above them, and what those were once called."""
    keys = asked.session.scalars(
        select(Tag.key)
        .join(TagAssignment, TagAssignment.tag_id == Tag.id)
        .where(TagAssignment.patient_id == asked.patient_id, TagAssignment.is_live.is_(True))
    ).all()
    return library(asked.session).tree.with_above(keys) if keys else frozenset()


def visits(asked: Asked) -> list[Visit]:
    rows = asked.session.execute(
        select(Encounter.encounter_class, Encounter.department_code, Encounter.started_at)
        .where(
            Encounter.patient_id == asked.patient_id,
            Encounter.started_at.between(asked.since - LOOK_BACK, asked.now),
            has_begun(),
        )
        .order_by(Encounter.started_at.desc(), Encounter.id.desc())
    )
    return [Visit(kind, department, at) for kind, department, at in rows if at is not None]


def plans(asked: Asked) -> dict[str, PlanState]:
    """Return how the newest enrolment in each plan stands."""
    rows = asked.session.execute(
        select(CarePlan.plan_key, CarePlan.status)
        .where(CarePlan.patient_id == asked.patient_id)
        .order_by(CarePlan.id)
    )
    return {key: PLAN_STATES[status] for key, status in rows}


def risks(asked: Asked) -> dict[str, str]:
    rows = asked.session.execute(
        select(RiskAssessment.score, RiskAssessment.band).where(
            RiskAssessment.patient_id == asked.patient_id, is_assessed()
        )
    )
    return {score: band for score, band in rows if band is not None}
