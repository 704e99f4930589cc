"""Rules asked of one patient when something happened; what they open, worsen or clear."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import alerting
from app.domain.alert_clock import AlertClock
from app.domain.alerting import AlertStatus, Outcome, Step
from app.domain.plan_schedule import TaskReason, TaskStatus
from app.domain.plans import ActionKind
from app.domain.rules import (
    AssignTag,
    Audience,
    CreateTask,
    Hit,
    RaiseAlert,
    RuleAction,
    SendArticle,
    SendMessage,
)
from app.domain.vital_signs import Interpretation
from app.models import (
    Alert,
    AlertStep,
    CarePlan,
    Event,
    Observation,
    Patient,
    PublicationStatus,
    Rule,
    Task,
    TaskOwner,
)
from app.models.knowledge import knowledge
from app.models.patient_facts import load_facts
from app.models.tag import bear

_CLOCK: Final = AlertClock()


def evaluate(
    session: Session,
    patient_id: int,
    triggers: Iterable[str],
    now: datetime,
    zone: ZoneInfo,
    *,
    observation_id: int | None = None,
    cause: Event | None = None,
) -> None:
    """Ask the rules that `triggers` wake and carry out what their hits say.

    Only the rules of packs whose plan the patient is on are asked. The patient's row lock makes
    two events of one patient take turns, so that an episode is opened once.
    """
    known = knowledge(session)
    session.get_one(Patient, patient_id, with_for_update=True)
    plans = _plans_by_pack(session, patient_id)
    woken = {
        compiled.rule.key: compiled
        for trigger in triggers
        for compiled in known.rules.woken_by(trigger)
        if known.pack_of_rule(compiled.rule.key) in plans
    }
    observation = session.get(Observation, observation_id) if observation_id else None
    if not woken or (observation is not None and observation.is_current is None):
        return
    facts = load_facts(session, patient_id, now, zone)
    measured_at = observation.effective_at if observation else None
    hits = [hit for one in woken.values() if (hit := one.evaluate(facts, measured_at))]
    for hit in _worst_of_each_episode(hits):
        plan = plans[known.pack_of_rule(hit.rule.key)]
        _carry_out(session, plan, hit, now, zone, observation, cause)
    if observation is not None:
        episodes = {one.rule.episode: one.rule.clears_after for one in woken.values()}
        for hit in hits:
            episodes.pop(hit.rule.episode, None)
        _count_quiet(session, patient_id, episodes, observation, now, cause)


def evaluate_absences(session: Session, now: datetime, zone: ZoneInfo, after: int = 0) -> int:
    """Ask the rules that time wakes of the next 200 patients on a plan; return the last id.

    0 means that all have been asked. Readings that never came are found by this alone.
    """
    patients = session.scalars(
        select(CarePlan.patient_id)
        .where(CarePlan.is_open.is_(True), CarePlan.patient_id > after)
        .distinct()
        .order_by(CarePlan.patient_id)
        .limit(200)
    ).all()
    for patient_id in patients:
        evaluate(session, patient_id, ("clock",), now, zone)
    return patients[-1] if patients else 0


def review_implausible(
    session: Session, patient_id: int, observation_id: int, now: datetime
) -> None:
    """Ask staff to look at a reading that cannot be true and that the patient stands by."""
    plan = session.scalars(
        select(CarePlan).filter_by(patient_id=patient_id, is_open=True).limit(1)
    ).one_or_none()
    if plan is not None:
        slot = f"implausible/{observation_id}"
        _add_task(session, plan, slot, "核对不太可能的测量结果", now, due_within=timedelta(days=1))


def withdraw_alerts_of(
    session: Session, observation_id: int, now: datetime, *, cause: Event | None = None
) -> None:
    """Withdraw open alerts that stood on a result since corrected or taken back."""
    for step in session.scalars(
        select(AlertStep).where(AlertStep.observation_id == observation_id)
    ):
        alert = session.get_one(Alert, step.alert_id, with_for_update=True)
        if not alerting.may_become(alert.status, AlertStatus.WITHDRAWN):
            continue
        alert.status = AlertStatus.WITHDRAWN
        alert.is_open = None
        alert.acknowledge_by = None
        alert.closed_at = alert.closed_at or now
        _note(session, alert, "withdrawn", now)
        _tell(session, alert, "alert.withdrawn", now, cause)


def _plans_by_pack(session: Session, patient_id: int) -> dict[str, CarePlan]:
    plans = session.scalars(select(CarePlan).filter_by(patient_id=patient_id, is_open=True))
    return {plan.plan_definition.pack_key or "": plan for plan in plans}


def _worst_of_each_episode(hits: Iterable[Hit]) -> list[Hit]:
    worst: dict[str, Hit] = {}
    for hit in hits:
        kept = worst.get(hit.rule.episode)
        if kept is None or hit.rule.grade.is_worse_than(kept.rule.grade):
            worst[hit.rule.episode] = hit
    return list(worst.values())


def _carry_out(
    session: Session,
    plan: CarePlan,
    hit: Hit,
    now: datetime,
    zone: ZoneInfo,
    observation: Observation | None,
    cause: Event | None,
) -> None:
    if hit.must_review:
        _make_task(session, plan, hit, "review", now, title="核对迟到的测量结果")
        return
    if hit.rule.alert is not None and not _raise(session, plan, hit, now, zone, observation, cause):
        return
    for number, action in enumerate(hit.rule.actions):
        _act(session, plan, hit, number, action, now, cause)


def _act(
    session: Session,
    plan: CarePlan,
    hit: Hit,
    number: int,
    action: RuleAction,
    now: datetime,
    cause: Event | None,
) -> None:
    match action:
        case CreateTask():
            _make_task(
                session, plan, hit, str(number), now, title=action.title,
                audience=action.audience, due_within=action.due_within,
                questionnaire=action.questionnaire,
            )  # fmt: skip
        case SendArticle():
            _make_task(
                session, plan, hit, str(number), now, title="读一读这篇健康知识",
                audience=Audience.PATIENT, due_within=timedelta(days=2), article=action.article,
            )  # fmt: skip
        case AssignTag():
            bear(session, plan.patient_id, action.tag, hit.rule.name, now, cause=cause)
        case SendMessage():
            session.add(
                Event.of(
                    "rule.message", now, patient_id=plan.patient_id, cause=cause,
                    rule=hit.rule.key, action=number,
                )
            )  # fmt: skip
        case RaiseAlert():
            pass  # raised before everything else


def _raise(
    session: Session,
    plan: CarePlan,
    hit: Hit,
    now: datetime,
    zone: ZoneInfo,
    observation: Observation | None,
    cause: Event | None,
) -> bool:
    """Open, append to or worsen the episode; False where the rule's other actions are done."""
    alert = session.scalar(
        select(Alert)
        .filter_by(patient_id=plan.patient_id, episode=hit.rule.episode, is_open=True)
        .with_for_update()
    )
    rule = session.scalars(
        select(Rule).filter_by(key=hit.rule.key, status=PublicationStatus.ACTIVE)
    ).one()
    if alert is None:
        if hit.rule.is_cooling(_last_closed(session, plan.patient_id, hit.rule.episode), now):
            return False
        alert = Alert(
            patient_id=plan.patient_id,
            care_plan_id=plan.id,
            care_team_id=plan.care_team_id,
            rule_id=rule.id,
            episode=hit.rule.episode,
            grade=hit.rule.grade,
            status=AlertStatus.ACTIVE,
            explanation="\n".join(hit.lines),
            acknowledge_by=_CLOCK.acknowledge_by(hit.rule.grade, now, zone),
            opened_at=now,
            last_hit_at=now,
        )
        session.add(alert)
        session.flush()
        _note(session, alert, "opened", now, observation=observation, note=hit.lines)
        _tell(session, alert, "alert.opened", now, cause)
        return True
    decision = alerting.on_hit(_episode(alert), hit.rule.grade)
    if observation is None and decision.step is Step.APPEND:
        return False  # time passing finds the same absence again: no news
    alert.hits += 1
    alert.normals = 0
    alert.last_hit_at = now
    if decision.step is not Step.ESCALATE:
        _note(session, alert, "appended", now, observation=observation, note=hit.lines)
        return False
    alert.rule_id = rule.id
    alert.grade = hit.rule.grade
    alert.status = AlertStatus.ACTIVE
    alert.owner_id = None
    alert.explanation = "\n".join(hit.lines)
    alert.acknowledge_by = _CLOCK.acknowledge_by(hit.rule.grade, now, zone)
    _note(session, alert, "worsened", now, observation=observation, note=hit.lines)
    _tell(session, alert, "alert.worsened", now, cause)
    return True


def _count_quiet(
    session: Session,
    patient_id: int,
    clears_after: Mapping[str, int],
    observation: Observation,
    now: datetime,
    cause: Event | None,
) -> None:
    """Count a reading that fired nothing towards, or against, clearing open episodes."""
    open_alerts = session.scalars(
        select(Alert)
        .where(
            Alert.patient_id == patient_id,
            Alert.is_open.is_(True),
            Alert.episode.in_(clears_after),
        )
        .with_for_update()
    ).all()
    for alert in open_alerts:
        if observation.interpretation == Interpretation.NORMAL:
            decision = alerting.on_normal(_episode(alert), clears_after[alert.episode])
        else:
            decision = alerting.on_abnormal(_episode(alert))
        if decision.episode is not None:
            alert.normals = decision.episode.normals
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


def _make_task(
    session: Session,
    plan: CarePlan,
    hit: Hit,
    action: str,
    now: datetime,
    *,
    title: str,
    audience: Audience = Audience.STAFF,
    due_within: timedelta = timedelta(days=1),
    questionnaire: str | None = None,
    article: str | None = None,
) -> None:
    """Make the task of one firing; the same rule on the same day makes it once."""
    slot = f"rule:{hit.rule.key}/{action}/{now:%Y-%m-%d}"
    if audience is Audience.STAFF:
        _add_task(session, plan, slot, title, now, due_within=due_within)
        return
    _add_task(
        session, plan, slot, title, now, due_within=due_within, owner=TaskOwner.PATIENT,
        kind=ActionKind.QUESTIONNAIRE if questionnaire else ActionKind.ARTICLE,
        subject=questionnaire or article,
    )  # fmt: skip


def _add_task(
    session: Session,
    plan: CarePlan,
    slot: str,
    title: str,
    now: datetime,
    *,
    due_within: timedelta,
    owner: TaskOwner = TaskOwner.STAFF,
    kind: ActionKind = ActionKind.STAFF_TASK,
    subject: str | None = None,
) -> None:
    """Add a task that is open from now on, unless its slot has one."""
    there = select(Task.id).filter_by(care_plan_id=plan.id, slot=slot)
    if session.scalar(there) is not None:
        return
    session.add(
        Task(
            patient_id=plan.patient_id,
            care_plan_id=plan.id,
            slot=slot,
            owner=owner,
            kind=kind,
            subject=subject,
            title=title,
            status=TaskStatus.READY,
            status_reason=TaskReason.OPEN,
            starts_at=now,
            due_at=now + due_within,
            ends_at=now + max(due_within, timedelta(days=1)),
            remind_at=now if owner is TaskOwner.PATIENT else None,
            created_at=now,
        )
    )
