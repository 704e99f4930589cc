"""A dry run: a rule asked of what is kept of the last days, and nothing done about it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.domain.criteria.windows import StepBudgetExceeded
from app.domain.plans.rehearsing import Rehearsal
from app.domain.plans.rules import Rule, compile_rule
from app.models import CarePlan, Observation, Patient, PlanDefinition
from app.models.plans.knowledge import knowledge
from app.models.profile.patient_facts import load_facts

log = structlog.get_logger()

MOST_PATIENTS: Final = 500


def rehearse(
    session: Session,
    rule: Rule,
    pack_key: str,
    now: datetime,
    zone: ZoneInfo,
    days: int,
    most: int = MOST_PATIENTS,
) -> tuple[Rehearsal, bool]:
    """Return what a rule would have done in the last `days`, and whether some were left out.

    Asked are the patients on a plan of the pack; while nobody is, for the pack is new, those of
    whom it would read something. At most `most`, the newest records first.
    """
    compiled = compile_rule(rule, knowledge(session).names)
    since = now - timedelta(days=days)
    found = Rehearsal(zone)
    patients = _patients(session, compiled.rule, pack_key, since, most + 1)
    for patient_id in patients[:most]:
        facts = load_facts(session, patient_id, now, zone, compiled.needs, as_of=since)
        try:
            found.ask(compiled, patient_id, facts, since)
        except StepBudgetExceeded:
            log.warning("rule_too_costly", rule=rule.key)
    return found, len(patients) > most


def _patients(
    session: Session, rule: Rule, pack_key: str, since: datetime, most: int
) -> Sequence[int]:
    living = select(Patient.id).where(
        Patient.merged_into_id.is_(None), Patient.deceased_at.is_(None)
    )
    followed = (
        select(CarePlan.patient_id)
        .join(PlanDefinition, PlanDefinition.id == CarePlan.plan_definition_id)
        .where(PlanDefinition.pack_key == pack_key, CarePlan.is_open.is_(True))
    )
    chosen = _newest(living.where(Patient.id.in_(followed)), most)
    found = session.scalars(chosen).all()
    codes = [code for kind, _, code in (one.partition(":") for one in rule.wakes)
             if kind == "observation"]  # fmt: skip
    if found or not codes:
        return found
    measured = select(Observation.patient_id).where(
        Observation.code.in_(codes), Observation.effective_at >= since
    )
    return session.scalars(_newest(living.where(Patient.id.in_(measured)), most)).all()


def _newest(patients: Select[int], most: int) -> Select[int]:
    return patients.order_by(Patient.id.desc()).limit(most)
