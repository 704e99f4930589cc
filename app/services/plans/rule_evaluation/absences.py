"""Alerts for readings that never came: what becomes of them when one comes."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.criteria.needs import FactNeeds
from app.domain.staff.alerting import AlertStatus, Outcome
from app.models import Alert, AlertStep, Event, Observation, Rule
from app.models.plans.knowledge import Knowledge
from app.models.profile.patient_facts import load_facts


def settle_absences(
    session: Session,
    known: Knowledge,
    observation: Observation,
    now: datetime,
    zone: ZoneInfo,
    cause: Event | None,
) -> None:
    """End the alerts that waited for such a reading, where their rule holds no more.

    One that nobody has taken ends with the coded outcome `data-arrived`: what it told of is over,
    and a reading that is itself bad has an alert of its own. One that somebody has taken is theirs:
    they may have promised a call, so it says that data came and offers them that outcome. A rule
    that clears by nothing (`clears_after` 0) is left to staff.
    """
    waiting = {
        one.rule.key: one
        for one in known.rules.absences_of(observation.code)
        if one.rule.clears_after
    }
    if not waiting:
        return
    found = session.execute(
        select(Alert, Rule.key)
        .join(Rule, Rule.id == Alert.rule_id)
        .where(
            Alert.patient_id == observation.patient_id,
            Alert.is_open.is_(True),
            Rule.key.in_(waiting),
        )
        .with_for_update(of=Alert)
    ).all()
    if not found:
        return
    needs = FactNeeds.joined(waiting[row.key].needs for row in found)
    facts = load_facts(session, observation.patient_id, now, zone, needs)
    for alert, key in found:
        if waiting[key].check(facts) is None:
            _settle(session, alert, observation, now, cause)


def _settle(
    session: Session, alert: Alert, observation: Observation, now: datetime, cause: Event | None
) -> None:
    kind = Outcome.DATA_ARRIVED.value
    said = select(AlertStep.id).filter_by(alert_id=alert.id, kind=kind).limit(1)
    if alert.status is not AlertStatus.ACTIVE and session.scalar(said) is not None:
        return
    session.add(AlertStep(alert_id=alert.id, kind=kind, observation_id=observation.id, at=now))
    if alert.status is not AlertStatus.ACTIVE:
        return
    alert.status, alert.outcome = AlertStatus.RESOLVED, Outcome.DATA_ARRIVED
    alert.is_open = alert.acknowledge_by = None
    alert.closed_at = now
    session.add(
        Event.of("alert.closed", now, patient_id=alert.patient_id, cause=cause, alert_id=alert.id)
    )
