"""Counts of what is kept, for operators."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import (
    Alert,
    Appointment,
    CarePlan,
    Communication,
    Condition,
    Encounter,
    Event,
    InboundMessage,
    Observation,
    Patient,
    ReactionFailure,
    Task,
)


def count(session: Session) -> dict[str, Any]:
    """Return totals, and totals by state where a thing has one.

    `observations` are results and measurements in their current version;
    `observation_versions` includes those since corrected.
    """
    return {
        "patients": _total(session, Patient.id),
        "encounters": _total(session, Encounter.id),
        "conditions": _total(session, Condition.id),
        "observations": _by(session, Observation.is_current).get("True", 0),
        "observation_versions": _total(session, Observation.id),
        "appointments": _total(session, Appointment.id),
        "events": _total(session, Event.id),
        "care_plans": _by(session, CarePlan.status),
        "tasks": _by(session, Task.status),
        "communications": _by(session, Communication.state),
        "alerts": _by(session, Alert.status),
        "inbound_messages": _by(session, InboundMessage.status),
        "reaction_failures": _total(session, ReactionFailure.id),
    }


def _total(session: Session, column: Any) -> int:
    return session.scalar(select(func.count(column))) or 0


def _by(session: Session, column: Any) -> dict[str, int]:
    rows = session.execute(select(column, func.count()).group_by(column))
    return {str(value): number for value, number in rows}
