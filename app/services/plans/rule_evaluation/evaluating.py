"""Rules asked of one patient when something happened, and what their hits set off."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

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
from app.services.plans.rule_evaluation.episodes import count_quiet, episodes_told, raise_alert
from app.services.plans.rule_evaluation.firings import keep_firing, last_acted
from app.services.plans.rule_evaluation.tasks import add_task, make_task

log = structlog.get_logger()


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
    session.execute(select(Patient.id).filter_by(id=patient_id).with_for_update()).one()
    plans, silent = _plans_by_pack(session, patient_id), switched_off(session)
    woken = {
        compiled.rule.key: compiled
        for trigger in triggers
        for compiled in known.rules.woken_by(trigger)
        if (pack := known.pack_of_rule(compiled.rule.key)) in plans
        and (SwitchScope.RULE, compiled.rule.key) not in silent
        and (SwitchScope.PACK, pack) not in silent
    }
    observation = session.get(Observation, observation_id) if observation_id else None
    if not woken or (observation is not None and observation.is_current is None):
        return
    told = episodes_told(session, patient_id, observation)
    measured_at = observation.effective_at if observation else None
    needs = FactNeeds.joined(one.needs for one in woken.values())
    facts = load_facts(session, patient_id, now, zone, needs, as_of=measured_at)
    hits = [
        hit
        for one in woken.values()
        if one.rule.episode not in told and (hit := _ask(one, facts, measured_at))
    ]
    for hit in _worst_of_each_episode(hits):
        plan = plans[known.pack_of_rule(hit.rule.key)]
        _carry_out(session, plan, hit, now, zone, observation, cause)
    if observation is not None:
        spoken_of = told | {hit.rule.episode for hit in hits}
        clears_after = {
            key: one.rule.clears_after
            for key, one in woken.items()
            if one.rule.episode not in spoken_of
        }
        count_quiet(session, patient_id, clears_after, observation, now, cause)


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


def _plans_by_pack(session: Session, patient_id: int) -> dict[str, CarePlan]:
    rows = session.execute(
        select(CarePlan, PlanDefinition.pack_key)
        .join(PlanDefinition, PlanDefinition.id == CarePlan.plan_definition_id)
        .where(CarePlan.patient_id == patient_id, CarePlan.is_open.is_(True))
        .order_by(CarePlan.id)
    )
    return {pack_key or "": plan for plan, pack_key in rows}


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
    cause: Event | None,
) -> None:
    if hit.must_review:
        make_task(session, plan, hit, "review", now, title="核对迟到的测量结果")
        keep_firing(session, plan, hit, FiringDeed.REVIEW, now, observation)
        return
    if hit.rule.alert is not None:
        raised = raise_alert(session, plan, hit, now, zone, observation, cause)
        if raised is None:
            return
        deed, alert = raised
        keep_firing(session, plan, hit, deed, now, observation, alert)
        if deed is not FiringDeed.ACTED:
            return
    elif hit.rule.is_cooling(last_acted(session, plan.patient_id, hit.rule.key), now):
        return
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
