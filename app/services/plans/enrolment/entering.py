"""Beginning a plan, or proposing it: one mechanism for every way in."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.criteria.compiler import compile_criterion
from app.domain.criteria.needs import FactNeeds
from app.domain.criteria.tree import wakes
from app.domain.criteria.wording import describe
from app.domain.plans.enrolling import (
    Earlier,
    EndReason,
    Entry,
    HoldReason,
    ReEntry,
    Rule,
    Verdict,
    Way,
    is_declined,
    judge_entry,
)
from app.domain.plans.plan import PlanDefinition as Plan
from app.domain.profile.patient_facts import Facts
from app.domain.trust.access import Actor
from app.models import (
    CarePlan,
    CarePlanStatus,
    CarePlanStep,
    CareTeam,
    Event,
    Patient,
    PlanDefinition,
    PublicationStatus,
    StepKind,
)
from app.models.plans.enrolment import (
    EnrolmentPolicy,
    EnrolmentProposal,
    EnrolmentStatus,
    EnrolmentWay,
)
from app.models.plans.knowledge import Knowledge, knowledge
from app.models.profile.patient_facts import load_facts
from app.models.profile.tagging import bear
from app.services.plans.enrolment import life
from app.services.plans.enrolment.anchors import (
    Anchored,
    find_anchor,
    is_admitted,
    is_told_by_hand,
)
from app.services.plans.enrolment.consent import has_opted_out
from app.services.plans.enrolment.errors import NoCareTeam, PlanNotOffered

BY_RULE: Final = Actor("job", None, "enrolment")
# Ways that patients take of their own accord.
_ASKED: Final = frozenset({Way.REQUEST, Way.CODE, Way.CONTACT})


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody found by one way, and why; `is_automatic` lets the plan begin without a person."""

    plan: Plan
    kind: Way
    reason: str
    is_automatic: bool
    way: EnrolmentWay | None = None
    account_id: int | None = None


def enrol_where_due(
    session: Session,
    patient_id: int,
    now: datetime,
    zone: ZoneInfo,
    *,
    triggers: Collection[str] | None = None,
    cause: Event | None = None,
) -> None:
    """Offer every plan whose own criteria now fit the patient; again changes nothing.

    Only plans that `triggers` wake are asked, or all. A new discharge ends the plan of the one
    before and begins anew.

    :raises NoCareTeam: no team of the department, and no general one
    """
    known = knowledge(session)
    plans = [
        plan
        for plan in known.plans.values()
        if plan.enrol_when is not None
        and (triggers is None or not wakes(plan.enrol_when).isdisjoint(triggers))
    ]
    if not plans:
        return
    patient = session.get_one(Patient, patient_id, with_for_update=True)
    if not _may_be_offered(session, patient):
        return
    needs = FactNeeds.of(*(plan.enrol_when for plan in plans if plan.enrol_when is not None))
    facts = load_facts(session, patient_id, now, zone, needs)
    for plan in plans:
        entry = policy_of(session, plan.key).entry
        if entry is not Entry.CLOSED and plan.enrol_when is not None and _fits(plan, facts):
            reason = f"符合计划自己的条件：{describe(plan.enrol_when, known.names)}"
            automatic = entry is Entry.AUTOMATIC
            _offer(
                session, patient, Candidate(plan, Way.CRITERIA, reason, automatic), now, zone, cause
            )


def offer(
    session: Session,
    patient_id: int,
    candidate: Candidate,
    now: datetime,
    zone: ZoneInfo,
    *,
    cause: Event | None = None,
) -> CarePlan | EnrolmentProposal | None:
    """Begin the plan for somebody found, or propose it to their team; None where neither is due.

    A repeat changes nothing. The patient's row is locked until commit.

    :raises NoCareTeam: no team of the department, and no general one
    """
    patient = session.get_one(Patient, patient_id, with_for_update=True)
    if not _may_be_offered(session, patient):
        return None
    return _offer(session, patient, candidate, now, zone, cause)


def begin_plan(
    session: Session,
    patient_id: int,
    plan: Plan,
    anchor_on: date,
    care_team_id: int,
    now: datetime,
    *,
    encounter_id: int | None = None,
    actor: Actor = BY_RULE,
    way: Way = Way.CRITERIA,
    note: str | None = None,
    cause: Event | None = None,
) -> CarePlan:
    """Put a patient on the plan's version in force; the tag of the plan marks them from day 0 on.

    Who is in hospital begins at rest.
    """
    definition = session.scalars(
        select(PlanDefinition).filter_by(
            key=plan.key, version=plan.version, status=PublicationStatus.ACTIVE
        )
    ).one()
    care_plan = CarePlan(
        patient_id=patient_id,
        plan_definition_id=definition.id,
        plan_key=plan.key,
        care_team_id=care_team_id,
        status=CarePlanStatus.ACTIVE,
        anchor_on=anchor_on,
        encounter_id=encounter_id,
        created_at=now,
    )
    session.add(care_plan)
    session.flush()
    session.add(
        CarePlanStep.of(
            care_plan, StepKind.STARTED, actor, now,
            reason=way, note=note, anchor_on=anchor_on.isoformat(),
        )
    )  # fmt: skip
    if plan.tag is not None:
        bear(
            session, patient_id, plan.tag, f"加入计划：{plan.name}", now,
            basis=f"plan:{plan.key}", cause=cause,
            since=datetime.combine(anchor_on, time.min, HOSPITAL),
        )  # fmt: skip
    session.add(
        Event.of(
            "care-plan.started", now, patient_id=patient_id, cause=cause, care_plan_id=care_plan.id
        )
    )
    if is_admitted(session, patient_id):
        life.hold_plan(session, care_plan, HoldReason.ADMISSION, BY_RULE, now, cause=cause)
    return care_plan


def policy_of(session: Session, plan_key: str) -> EnrolmentPolicy:
    """Return what the hospital decided of a plan, or what holds while it did not."""
    kept = session.scalar(select(EnrolmentPolicy).filter_by(plan_key=plan_key))
    return kept or EnrolmentPolicy(
        plan_key=plan_key, entry=Entry.AUTOMATIC, re_entry=ReEntry.NEW_ANCHOR, re_entry_days=0,
        is_open_to_requests=False,
    )  # fmt: skip


def plan_offered(session: Session, plan_key: str, today: date) -> Plan:
    """Return a plan that somebody may be put on today.

    :raises PlanNotOffered: no such plan, or its pack is not in force on this day
    """
    known = knowledge(session)
    plan = known.plans.get(plan_key)
    if plan is None or not is_offered(known, plan, today):
        raise PlanNotOffered
    return plan


def is_offered(known: Knowledge, plan: Plan, today: date) -> bool:
    """Tell whether the pack that brings a plan is within its dates."""
    pack = known.packs[known.pack_of_plan[plan.key]]
    return pack.is_dated(today)


def team_for(session: Session, department_code: str | None) -> CareTeam:
    """Return the team of a department, else the one without a department.

    :raises NoCareTeam: neither is there
    """
    teams = session.scalars(select(CareTeam).order_by(CareTeam.id)).all()
    for code in (department_code, None):
        for team in teams:
            if team.department_code == code:
                return team
    raise NoCareTeam


def last_plan(session: Session, patient_id: int, plan_key: str) -> CarePlan | None:
    """Return the open run of a plan, or the last one that ended."""
    return session.scalars(
        select(CarePlan)
        .filter_by(patient_id=patient_id, plan_key=plan_key)
        .order_by(CarePlan.is_open.is_(True).desc(), CarePlan.id.desc())
        .limit(1)
    ).one_or_none()


def _may_be_offered(session: Session, patient: Patient) -> bool:
    if patient.deceased_at is not None or patient.merged_into_id is not None:
        return False
    return not (is_admitted(session, patient.id) or has_opted_out(session, patient.id))


def _fits(plan: Plan, facts: Facts) -> bool:
    return plan.enrol_when is not None and compile_criterion(plan.enrol_when)(facts) is not None


def _offer(
    session: Session,
    patient: Patient,
    candidate: Candidate,
    now: datetime,
    zone: ZoneInfo,
    cause: Event | None,
) -> CarePlan | EnrolmentProposal | None:
    plan, today = candidate.plan, now.astimezone(zone).date()
    if not is_offered(knowledge(session), plan, today):
        return None
    found = find_anchor(session, patient, plan.anchor, now, zone)
    if found is None and candidate.kind is Way.CRITERIA and not is_told_by_hand(plan.anchor):
        return None  # the day will come, and with it an event
    kept = last_plan(session, patient.id, plan.key)
    verdict = judge_entry(
        _rule_of(session, plan.key), plan.anchor, _earlier(kept, zone),
        found.on if found else None, today,
    )  # fmt: skip
    is_open = kept is not None and kept.is_open is not None
    if verdict is Verdict.NO and candidate.kind in _ASKED and not is_open:
        verdict = Verdict.PROPOSE  # who asks is heard: a person may overrule the plan's rule
    if verdict is Verdict.NO:
        return None
    team_id = _team_id(session, patient, candidate, found)
    if verdict is Verdict.PROPOSE or not candidate.is_automatic or found is None:
        return _propose(session, patient.id, candidate, team_id, found, now, zone, cause)
    if kept is not None and kept.is_open:
        life.end_plan(session, kept, EndReason.NEW_ANCHOR, BY_RULE, now, cause=cause)
    _withdraw_proposal(session, patient.id, plan.key, now)
    return begin_plan(
        session, patient.id, plan, found.on, team_id, now,
        encounter_id=found.encounter.id if found.encounter else None,
        way=candidate.kind, note=candidate.reason, cause=cause,
    )  # fmt: skip


def _team_id(
    session: Session, patient: Patient, candidate: Candidate, found: Anchored | None
) -> int:
    if candidate.way is not None and candidate.way.care_team_id is not None:
        return candidate.way.care_team_id
    encounter = found.encounter if found else None
    department = (encounter.department_code if encounter else None) or patient.department_code
    return team_for(session, department).id


def _rule_of(session: Session, plan_key: str) -> Rule:
    policy = policy_of(session, plan_key)
    return Rule(policy.re_entry, policy.re_entry_days)


def _earlier(kept: CarePlan | None, zone: ZoneInfo) -> Earlier | None:
    if kept is None:
        return None
    ended = kept.ended_at.astimezone(zone).date() if kept.ended_at else None
    return Earlier(kept.anchor_on, None if kept.is_open else ended, kept.end_reason)


def _propose(
    session: Session,
    patient_id: int,
    candidate: Candidate,
    team_id: int,
    found: Anchored | None,
    now: datetime,
    zone: ZoneInfo,
    cause: Event | None,
) -> EnrolmentProposal | None:
    """Put a question to the team, unless it waits already, or was answered no."""
    plan_key, anchor_on = candidate.plan.key, found.on if found else None
    last = session.scalars(
        select(EnrolmentProposal)
        .filter_by(patient_id=patient_id, plan_key=plan_key)
        .order_by(EnrolmentProposal.id.desc())
        .limit(1)
    ).one_or_none()
    if last is not None and last.is_open:
        return None
    if (
        last is not None
        and last.status is EnrolmentStatus.DECLINED
        and last.decided_at is not None
        and candidate.kind not in _ASKED
    ):
        declined_on = last.decided_at.astimezone(zone).date()
        if is_declined(declined_on, last.anchor_on, anchor_on, now.astimezone(zone).date()):
            return None
    proposal = EnrolmentProposal(
        patient_id=patient_id, plan_key=plan_key, care_team_id=team_id, kind=candidate.kind,
        way_id=candidate.way.id if candidate.way else None, account_id=candidate.account_id,
        anchor_on=anchor_on, reason=candidate.reason, proposed_at=now,
        encounter_id=found.encounter.id if found and found.encounter else None,
    )  # fmt: skip
    session.add(proposal)
    session.flush()
    session.add(
        Event.of(
            "enrolment.proposed", now, patient_id=patient_id, cause=cause, proposal_id=proposal.id
        )
    )
    return proposal


def _withdraw_proposal(session: Session, patient_id: int, plan_key: str, now: datetime) -> None:
    """What began by itself is no question any more."""
    waiting = session.scalar(
        select(EnrolmentProposal).filter_by(patient_id=patient_id, plan_key=plan_key, is_open=True)
    )
    if waiting is not None:
        waiting.settle(EnrolmentStatus.WITHDRAWN, now, None)
