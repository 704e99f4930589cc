"""Rules asked of one patient when something happened, and what their hits set off."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session, load_only

from app.clock import HOSPITAL
from app.domain.criteria.needs import FactNeeds
from app.domain.criteria.windows import StepBudgetExceeded
from app.domain.plans.rules import (
    AssignTag,
    Audience,
    ChangePlan,
    CompiledRule,
    CreateTask,
    Hit,
    RaiseAlert,
    RuleAction,
    SendArticle,
    SendMessage,
)
from app.domain.profile.patient_facts import Facts
from app.models import (
    Alert,
    CarePlan,
    Event,
    FiringDeed,
    Observation,
    Patient,
    PlanDefinition,
    SwitchScope,
)
from app.models.plans.knowledge import knowledge
from app.models.plans.rule_work import switched_off
from app.models.profile.patient_facts import load_facts
from app.models.profile.tagging import bear
from app.services.plans.rule_evaluation.absences import settle_absences
from app.services.plans.rule_evaluation.alarmed_forms import AlarmedForm, take_over
from app.services.plans.rule_evaluation.episodes import count_quiet, episodes_told, raise_alert
from app.services.plans.rule_evaluation.firings import keep_firing, last_acted
from app.services.plans.rule_evaluation.tasks import add_task, make_task

log = structlog.get_logger()

# A row's width costs more than the row: the driver reads a description of each column.
_OF_READING: Final = (
    Observation.id,
    Observation.patient_id,
    Observation.code,
    Observation.effective_at,
    Observation.is_current,
    Observation.interpretation,
)
_OF_PLAN: Final = (CarePlan.id, CarePlan.patient_id, CarePlan.care_team_id)


def evaluate(
    session: Session,
    patient_id: int,
    triggers: Iterable[str],
    now: datetime,
    zone: ZoneInfo,
    *,
    observation_id: int | None = None,
    response_id: int | None = None,
    cause: Event | None = None,
) -> None:
    """Ask the rules that `triggers` wake and carry out what their hits say.

    Only the rules of packs whose plan the patient is on are asked. The patient's row lock makes
    two events of one patient take turns, so that an episode is opened once.
    """
    known, triggers = knowledge(session), tuple(triggers)
    asked = [compiled for trigger in triggers for compiled in known.rules.woken_by(trigger)]
    if not asked and not any(map(known.rules.is_waiting_for, triggers)):
        return  # most results of a laboratory: nobody takes turns for what no rule reads
    observation = _lock(session, patient_id, observation_id)
    plans, alerts = _plans_and_alerts(session, patient_id)
    woken = {one.rule.key: one for one in asked if known.pack_of_rule(one.rule.key) in plans}
    if observation is not None:
        if observation.is_current is None:
            return
        settle_absences(session, known, observation, alerts, now, zone, cause)
    if not woken:
        return
    measured_at = observation.effective_at if observation else None
    needs = FactNeeds.joined(one.needs for one in woken.values())
    facts = load_facts(session, patient_id, now, zone, needs, as_of=measured_at)
    hits = [hit for one in woken.values() if (hit := _ask(one, facts, measured_at))]
    if not hits and not alerts:
        return  # so it is nearly always: what follows would change nothing
    silent, told = switched_off(session), episodes_told(session, patient_id, observation)
    speaking = {
        key: one
        for key, one in woken.items()
        if (SwitchScope.RULE, key) not in silent
        and (SwitchScope.PACK, known.pack_of_rule(key)) not in silent
        and one.rule.episode not in told
    }
    hits = [hit for hit in hits if hit.rule.key in speaking]
    form = AlarmedForm.of(session, response_id) if hits and response_id else None
    for hit in _worst_of_each_episode(hits):
        plan = plans[known.pack_of_rule(hit.rule.key)]
        _carry_out(session, plan, hit, now, zone, observation, alerts, form, cause)
    if observation is not None:
        hit_now = {hit.rule.episode for hit in hits}
        clears_after = {
            key: one.rule.clears_after
            for key, one in speaking.items()
            if one.rule.episode not in hit_now
        }
        count_quiet(session, alerts, clears_after, observation, now, cause)


def _lock(session: Session, patient_id: int, observation_id: int | None) -> Observation | None:
    """Lock a patient, and return the reading, by one query."""
    return session.execute(
        select(Patient.id, Observation)
        .outerjoin(Observation, Observation.id == observation_id)
        .where(Patient.id == patient_id)
        .options(load_only(*_OF_READING))
        .with_for_update()
    ).one()[1]


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
    """Ask staff to look at a reading that cannot be true; of one device once a day."""
    observation = session.get_one(Observation, observation_id)
    slot = f"implausible/{observation_id}"
    if observation.device_id is not None:
        day = observation.effective_at.astimezone(HOSPITAL).date()
        slot = f"implausible/device-{observation.device_id}/{day}"
    _ask_staff(session, patient_id, slot, "核对不太可能的测量结果", now)


def review_photo(session: Session, patient_id: int, photo_id: int, now: datetime) -> None:
    """Ask staff to look at a photo: within a day, as of a wound (clinical fact sheet, D11)."""
    _ask_staff(session, patient_id, f"photo/{photo_id}", "看患者发来的照片", now)


def _ask_staff(session: Session, patient_id: int, slot: str, title: str, now: datetime) -> None:
    """Give the team of an open plan a task for a day; without a plan nobody would do it."""
    plan = session.scalars(
        select(CarePlan).filter_by(patient_id=patient_id, is_open=True).limit(1)
    ).one_or_none()
    if plan is not None:
        add_task(session, plan, slot, title, now, due_within=timedelta(days=1))


def _plans_and_alerts(session: Session, patient_id: int) -> tuple[dict[str, CarePlan], list[Alert]]:
    """Return a patient's open plans by pack and open alerts, the oldest first.

    Alerts are not locked: staff are at them, and few are acted upon (`is_still_open`).
    """
    rows = session.execute(
        select(CarePlan, PlanDefinition.pack_key, Alert.id)
        .select_from(Patient)
        .outerjoin(CarePlan, (CarePlan.patient_id == Patient.id) & CarePlan.is_open.is_(True))
        .outerjoin(PlanDefinition, PlanDefinition.id == CarePlan.plan_definition_id)
        .outerjoin(Alert, (Alert.patient_id == Patient.id) & Alert.is_open.is_(True))
        .where(Patient.id == patient_id)
        .order_by(CarePlan.id)
        .options(load_only(*_OF_PLAN))
    ).all()
    plans = {row.pack_key or "": row.CarePlan for row in rows if row.CarePlan}
    ids = {row.id for row in rows if row.id is not None}
    if not ids:
        return plans, []
    found = select(Alert).where(Alert.id.in_(ids)).order_by(Alert.id)
    return plans, list(session.scalars(found))


def _worst_of_each_episode(hits: Iterable[Hit]) -> list[Hit]:
    worst: dict[str, Hit] = {}
    for hit in hits:
        kept = worst.get(hit.rule.episode)
        if kept is None or hit.rule.grade.is_worse_than(kept.rule.grade):
            worst[hit.rule.episode] = hit
    return list(worst.values())


def _ask(rule: CompiledRule, facts: Facts, measured_at: datetime | None) -> Hit | None:
    """Ask one rule; one that would read too much must not keep the others from being asked."""
    try:
        return rule.evaluate(facts, measured_at)
    except StepBudgetExceeded:
        log.error("rule_too_costly", rule=rule.rule.key)
        return None


def _carry_out(
    session: Session,
    plan: CarePlan,
    hit: Hit,
    now: datetime,
    zone: ZoneInfo,
    observation: Observation | None,
    alerts: Sequence[Alert],
    form: AlarmedForm | None,
    cause: Event | None,
) -> None:
    if hit.must_review:
        make_task(session, plan, hit, "review", now, title="核对迟到的测量结果")
        keep_firing(session, plan, hit, FiringDeed.REVIEW, now, observation)
        return
    if hit.rule.alert is not None:
        raised = take_over(session, plan, hit, now, zone, form, cause) if form else None
        raised = raised or raise_alert(session, plan, hit, now, zone, observation, alerts, cause)
        if raised is None:
            return
        deed, alert = raised
        keep_firing(session, plan, hit, deed, now, observation, alert)
        if deed is not FiringDeed.ACTED:
            return
    elif hit.rule.is_cooling(last_acted(session, plan.patient_id, hit.rule.key), now):
        if cause is not None:
            keep_firing(session, plan, hit, FiringDeed.COOLING, now, observation)
        return  # time passing finds the same again every hour: not worth a row
    else:
        keep_firing(session, plan, hit, FiringDeed.ACTED, now, observation)
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
            make_task(
                session, plan, hit, str(number), now, title=action.title,
                audience=action.audience, due_within=action.due_within,
                questionnaire=action.questionnaire,
            )  # fmt: skip
        case SendArticle():
            make_task(
                session, plan, hit, str(number), now, title="读一读这篇健康知识",
                audience=Audience.PATIENT, due_within=timedelta(days=2), article=action.article,
            )  # fmt: skip
        case AssignTag():
            bear(
                session, plan.patient_id, action.tag, hit.rule.name, now,
                basis=f"alert-rule:{hit.rule.key}", cause=cause,
            )  # fmt: skip
        case SendMessage():
            session.add(
                Event.of(
                    "rule.message", now, patient_id=plan.patient_id, cause=cause,
                    rule=hit.rule.key, action=number,
                )
            )  # fmt: skip
        case ChangePlan():
            session.add(
                Event.of(
                    "rule.plan", now, patient_id=plan.patient_id, cause=cause,
                    rule=hit.rule.key, action=number, care_team_id=plan.care_team_id,
                )
            )  # fmt: skip
        case RaiseAlert():
            pass  # raised before everything else
