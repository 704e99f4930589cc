"""Alerts for readings that never came: what becomes of them when one comes."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.criteria.needs import FactNeeds
from app.domain.staff.alerting import AlertStatus, Outcome
from app.models import Alert, AlertStep, Event, Observation
from app.models.plans.knowledge import Knowledge
from app.models.profile.patient_facts import load_facts
from app.services.plans.rule_evaluation.episodes import is_still_open


def settle_absences(
    session: Session,
    known: Knowledge,
    observation: Observation,
    alerts: Iterable[Alert],
    now: datetime,
    zone: ZoneInfo,
    cause: Event | None,
) -> None:
    """End those of a patient's open alerts that waited for it, where their rule holds no more.

    One that nobody has taken ends with the coded outcome `data-arrived`: what it told of is over,
    and a reading that is itself bad has an alert of its own. One that somebody has taken is theirs:
    they may have promised a call, so it says that data came and offers them that outcome. A rule
    that clears by nothing (`clears_after` 0) is left to staff.
    """
    rules = {one.rule.key: one for one in known.rules.absences_of(observation.code)}
    waiting = [
        (alert, rules[alert.rule.key])
        for alert in (alerts if rules else ())
        if alert.rule is not None and alert.rule.key in rules
    ]
    waiting = [(alert, one) for alert, one in waiting if one.rule.clears_after]
    if not waiting:
        return
    needs = FactNeeds.joined(one.needs for _, one in waiting)
    facts = load_facts(session, observation.patient_id, now, zone, needs)
    for alert, one in waiting:
        if one.check(facts) is None and is_still_open(session, alert):
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
