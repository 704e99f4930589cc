"""Every firing kept with its reason: for whoever asks why, and for the cool-down."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.plans.rules import Hit
from app.models import Alert, CarePlan, FiringDeed, Observation, RuleFiring


def keep_firing(
    session: Session,
    plan: CarePlan,
    hit: Hit,
    deed: FiringDeed,
    now: datetime,
    observation: Observation | None,
    alert: Alert | None = None,
) -> None:
    """Keep that a rule held, and what came of it."""
    session.add(
        RuleFiring(
            patient_id=plan.patient_id,
            rule_key=hit.rule.key,
            rule_version=hit.rule.version,
            deed=deed,
            alert_id=alert.id if alert else None,
            observation_id=observation.id if observation else None,
            explanation="\n".join(hit.lines),
            judged_at=hit.at,
            fired_at=now,
        )
    )


def last_acted(session: Session, patient_id: int, rule_key: str) -> datetime | None:
    """Return when a rule last did something for a patient."""
    return session.scalar(
        select(func.max(RuleFiring.fired_at)).filter_by(
            patient_id=patient_id, rule_key=rule_key, deed=FiringDeed.ACTED
        )
    )
