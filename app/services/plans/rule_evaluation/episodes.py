"""The open alert of one patient and kind of trouble: opened, worsened, cleared, withdrawn."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.plans.rules import Hit
from app.domain.profile.vital_signs import Interpretation
from app.domain.staff import alerting
from app.domain.staff.alert_clock import AlertClock, first_level, level_when_worse
from app.domain.staff.alerting import AlertStatus, Outcome, Step
from app.models import (
    Alert,
    AlertStep,
    CarePlan,
    Event,
    FiringDeed,
    Observation,
    PublicationStatus,
    Rule,
)

_CLOCK: Final = AlertClock()
_HITS: Final = ("opened", "appended", "worsened")


def withdraw_alerts_of(
    session: Session,
    observation_id: int,
    now: datetime,
    *,
    patient_id: int | None = None,
    cause: Event | None = None,
) -> None:
    """Withdraw open alerts that stood on a result since corrected or taken back.

    One that the corrected value hit as well stays: it stands on the new version. With
    `patient_id` only those of a patient whose result it turned out not to be.
    """
    successor = _successor(session, observation_id) if patient_id is None else None
    for step in session.scalars(
        select(AlertStep).where(
            AlertStep.observation_id == observation_id, AlertStep.kind.in_(_HITS)
        )
    ):
        alert = session.get_one(Alert, step.alert_id, with_for_update=True)
        if patient_id not in (None, alert.patient_id):
            continue
        if not alerting.may_become(alert.status, AlertStatus.WITHDRAWN):
            continue
        if successor is not None and _is_hit_by(session, alert, successor):
            continue
        alert.status = AlertStatus.WITHDRAWN
        alert.is_open = None
        alert.acknowledge_by = None
        alert.closed_at = alert.closed_at or now
        _note(session, alert, "withdrawn", now)
        _tell(session, alert, "alert.withdrawn", now, cause)


def _successor(session: Session, observation_id: int) -> int | None:
    """Return the version of the same result that is current now."""
    old = session.get_one(Observation, observation_id)
    return session.scalar(
        select(Observation.id).filter_by(
            patient_id=old.patient_id, identity=old.identity, is_current=True
        )
    )


def _is_hit_by(session: Session, alert: Alert, observation_id: int) -> bool:
    hits = select(AlertStep.id).where(
        AlertStep.alert_id == alert.id,
        AlertStep.observation_id == observation_id,
        AlertStep.kind.in_(_HITS),
    )
    return session.scalar(hits.limit(1)) is not None


def episodes_told(
    session: Session, patient_id: int, observation: Observation | None
) -> frozenset[str]:
    """Return the episodes that have counted this reading: history may be read again."""
    if observation is None:
        return frozenset()
    return frozenset(
        session.scalars(
            select(Alert.episode)
            .join(AlertStep, AlertStep.alert_id == Alert.id)
            .where(Alert.patient_id == patient_id, AlertStep.observation_id == observation.id)
        )
    )


def is_still_open(session: Session, alert: Alert) -> bool:
    """Lock an alert that was open a moment ago, and tell whether it is."""
    session.refresh(alert, with_for_update=True)
    return alert.is_open is True


def raise_alert(
    session: Session,
    plan: CarePlan,
    hit: Hit,
    now: datetime,
    zone: ZoneInfo,
    observation: Observation | None,
    alerts: Sequence[Alert],
    cause: Event | None,
) -> tuple[FiringDeed, Alert | None] | None:
    """Open, append to or worsen the episode, and say which; None where it is no news.

    `alerts` are the patient's open ones. Only where it acted are the rule's other actions still
    to be done.
    """
    alert = next((one for one in alerts if one.episode == hit.rule.episode), None)
    if alert is not None and not is_still_open(session, alert):
        alert = None
    rule = session.scalars(
        select(Rule).filter_by(key=hit.rule.key, status=PublicationStatus.ACTIVE)
    ).one()
    if alert is None:
        if hit.rule.is_cooling(_last_closed(session, plan.patient_id, hit.rule.episode), now):
            # Time passing finds the same again every hour: not worth a row.
            return (FiringDeed.COOLING, None) if cause is not None else None
        alert = Alert(
            patient_id=plan.patient_id,
            care_plan_id=plan.id,
            care_team_id=plan.care_team_id,
            rule_id=rule.id,
            episode=hit.rule.episode,
            grade=hit.rule.grade,
            status=AlertStatus.ACTIVE,
            level=first_level(hit.rule.grade),
            explanation="\n".join(hit.lines),
            acknowledge_by=_CLOCK.acknowledge_by(hit.rule.grade, now, zone),
            opened_at=now,
            last_hit_at=now,
        )
        session.add(alert)
        session.flush()
        _note(session, alert, "opened", now, observation=observation, note=hit.lines)
        _tell(session, alert, "alert.opened", now, cause)
        return FiringDeed.ACTED, alert
    decision = alerting.on_hit(_episode(alert), hit.rule.grade)
    if observation is None and decision.step is Step.APPEND:
        return None  # time passing finds the same absence again: no news
    alert.hits += 1
    alert.normals = 0
    alert.last_hit_at = now
    if decision.step is not Step.ESCALATE:
        _note(session, alert, "appended", now, observation=observation, note=hit.lines)
        return FiringDeed.APPENDED, alert
    alert.rule_id = rule.id
    alert.grade = hit.rule.grade
    alert.status = AlertStatus.ACTIVE
    alert.owner_id = None
    alert.level = level_when_worse(hit.rule.grade, alert.level)
    alert.told_with_id = None
    alert.explanation = "\n".join(hit.lines)
    alert.acknowledge_by = _CLOCK.acknowledge_by(hit.rule.grade, now, zone)
    _note(session, alert, "worsened", now, observation=observation, note=hit.lines)
    _tell(session, alert, "alert.worsened", now, cause)
    return FiringDeed.ACTED, alert


def count_quiet(
    session: Session,
    alerts: Iterable[Alert],
    clears_after: Mapping[str, int],
    observation: Observation,
    now: datetime,
    cause: Event | None,
) -> None:
    """Count a reading that fired nothing towards, or against, clearing open episodes.

    How many clear one is said by the rule it stands on now (`clears_after`, by key): the severe
    one of an episode may leave to staff what a milder one lets pass by itself.
    """
    for alert in alerts:
        key = alert.rule.key if alert.rule else None
        if key is None or key not in clears_after or not is_still_open(session, alert):
            continue
        if observation.interpretation == Interpretation.NORMAL:
            decision = alerting.on_normal(_episode(alert), clears_after[key])
        else:
            decision = alerting.on_abnormal(_episode(alert))
        if decision.episode is not None:
            alert.normals = decision.episode.normals
        if decision.step is Step.COUNT_NORMAL:
            _note(session, alert, "counted", now, observation=observation)
        if decision.step is Step.CLEAR:
            alert.status = AlertStatus.RESOLVED
            alert.outcome = Outcome.BACK_TO_NORMAL
            alert.is_open = None
            alert.acknowledge_by = None
            alert.closed_at = now
            _note(session, alert, "cleared", now, observation=observation)
            _tell(session, alert, "alert.closed", now, cause)


def _episode(alert: Alert) -> alerting.Episode:
    return alerting.Episode(alert.grade, alert.status, alert.normals)


def _last_closed(session: Session, patient_id: int, episode: str) -> datetime | None:
    return session.scalar(
        select(Alert.last_hit_at)
        .filter_by(patient_id=patient_id, episode=episode, is_open=None)
        .order_by(Alert.id.desc())
        .limit(1)
    )


def _note(
    session: Session,
    alert: Alert,
    kind: str,
    now: datetime,
    *,
    observation: Observation | None = None,
    note: Iterable[str] = (),
) -> None:
    session.add(
        AlertStep(
            alert_id=alert.id,
            kind=kind,
            observation_id=observation.id if observation else None,
            note="\n".join(note) or None,
            at=now,
        )
    )


def _tell(session: Session, alert: Alert, kind: str, now: datetime, cause: Event | None) -> None:
    session.add(Event.of(kind, now, patient_id=alert.patient_id, cause=cause, alert_id=alert.id))
