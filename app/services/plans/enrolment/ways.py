"""Ways in that somebody opens: a segment, a code, a request; and the hospital's rule on a plan."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import ColumnElement, Select, exists, false, not_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.criteria.tree import Criterion
from app.domain.errors import DomainError, NotFound
from app.domain.plans.enrolling import NOT_AGAIN_FOR, Entry, ReEntry, Way
from app.domain.plans.plan import Anchor
from app.domain.segments.errors import TooSlow
from app.domain.segments.trees import read_tree
from app.domain.trust.access import Actor
from app.models import (
    CarePlan,
    Encounter,
    EncounterClass,
    EncounterStatus,
    EnrolmentProposal,
    EnrolmentStatus,
    EnrolmentWay,
    Event,
    Patient,
    Segment,
)
from app.models.plans.knowledge import knowledge
from app.models.profile.tag_tree import tag_tree
from app.models.segments.criteria_sql import matching
from app.models.segments.evaluating import AT_A_DEED
from app.models.segments.reading import find_segment
from app.models.segments.time_limit import limited
from app.models.trust.audit import record
from app.services.plans.enrolment.anchors import STILL_FRESH
from app.services.plans.enrolment.entering import (
    Candidate,
    last_plan,
    offer,
    plan_offered,
    policy_of,
)
from app.services.plans.enrolment.errors import AlreadyOnPlan, NoCareTeam, PlanNotOffered

log = structlog.get_logger()

# The clock's passes over a segment find those whom only time brought in.
AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class PolicyWords:
    """What the hospital may decide of a plan."""

    entry: Entry
    re_entry: ReEntry
    re_entry_days: int
    is_open_to_requests: bool


def set_policy(
    session: Session, plan_key: str, words: PolicyWords, actor: Actor, now: datetime
) -> None:
    """Decide how a plan is come into from now on; who is on it stays."""
    policy = policy_of(session, plan_key)
    policy.entry, policy.re_entry = words.entry, words.re_entry
    policy.re_entry_days = words.re_entry_days
    policy.is_open_to_requests = words.is_open_to_requests
    policy.practitioner_id, policy.updated_at = actor.id, now
    session.add(policy)
    detail = {"plan": plan_key, "entry": words.entry, "re_entry": words.re_entry}
    record(session, actor, "update", "enrolment-policy", now, detail=detail)


def open_segment_way(
    session: Session,
    plan_key: str,
    segment_id: str,
    actor: Actor,
    now: datetime,
    zone: ZoneInfo,
    *,
    is_automatic: bool,
    care_team_id: int | None = None,
) -> EnrolmentWay:
    """Let a segment lead into a plan; whom it means already is found by the next pass.

    :raises NotFound: no such segment, or none of theirs
    :raises PlanNotOffered: no such plan in force
    :raises WayIsOpen: this segment leads there already
    """
    plan_offered(session, plan_key, now.astimezone(zone).date())
    segment = find_segment(session, segment_id, actor.id)
    read_tree(segment.tree)
    way = EnrolmentWay(
        plan_key=plan_key, kind=Way.SEGMENT, is_automatic=is_automatic, segment_id=segment.id,
        care_team_id=care_team_id, practitioner_id=actor.id, created_at=now,
    )  # fmt: skip
    return _open(session, way, actor, now)


def open_code_way(
    session: Session,
    plan_key: str,
    actor: Actor,
    now: datetime,
    zone: ZoneInfo,
    *,
    kind: Way = Way.CODE,
    is_automatic: bool = False,
    care_team_id: int | None = None,
) -> EnrolmentWay:
    """Make a code that leads into a plan: for a poster, a bed, a WeCom contact way.

    :raises PlanNotOffered: no such plan in force
    """
    plan_offered(session, plan_key, now.astimezone(zone).date())
    way = EnrolmentWay(
        plan_key=plan_key, kind=kind, is_automatic=is_automatic,
        state=secrets.token_urlsafe(18),  # 24 characters: WeCom takes 30, a mini-program code 32
        care_team_id=care_team_id, practitioner_id=actor.id, created_at=now,
        ask_at=now if kind is Way.CONTACT else None,
    )  # fmt: skip
    return _open(session, way, actor, now)


def close_way(session: Session, way_id: str, actor: Actor, now: datetime) -> None:
    """Close a way in; who came by it stays.

    :raises NotFound: no such open way
    """
    way = session.scalar(select(EnrolmentWay).filter_by(public_id=way_id, is_open=True))
    if way is None:
        raise NotFound
    way.is_open, way.closed_at, way.ask_at = None, now, None
    record(session, actor, "close", "enrolment-way", now, detail={"way": way_id})


class WayIsOpen(DomainError):
    code = "way-is-open"
    title = "这个人群已经用于这个计划"


def segment_ways(session: Session) -> list[int]:
    """Return the ids of the open ways that segments lead by."""
    return [way.id for way in _segment_ways(session)]


def enrol_by_segment(
    session: Session, way_id: int, after: int, now: datetime, zone: ZoneInfo, limit: int = AT_ONCE
) -> int:
    """Offer a plan to some whom a segment means and who were not found yet.

    Return the last patient asked, to go on after; 0 when there are no more. One set-based question:
    who is on the plan, was asked or said no is not loaded.
    """
    way = session.get(EnrolmentWay, way_id)
    criterion = _criterion(way) if way is not None and way.is_open else None
    if way is None or criterion is None:
        return 0
    asked = _new_ones(session, way, criterion, now, zone).where(Patient.id > after)
    try:
        with limited(session, AT_A_DEED):
            found = session.scalars(asked.order_by(Patient.id).limit(limit)).all()
    except TooSlow:
        log.warning("segment_too_slow", segment_id=way.segment_id)
        return 0
    for patient_id in found:
        _lead(session, way, patient_id, now, zone)
    return found[-1] if found else 0


def enrol_by_segment_of(
    session: Session,
    patient_id: int,
    now: datetime,
    zone: ZoneInfo,
    *,
    cause: Event | None = None,
) -> None:
    """Ask the open segments of one patient, of whom something changed."""
    for way in _segment_ways(session):
        criterion = _criterion(way)
        if criterion is None:
            continue
        asked = _new_ones(session, way, criterion, now, zone).where(Patient.id == patient_id)
        if session.scalar(asked) is not None:
            _lead(session, way, patient_id, now, zone, cause)


def request_plan(
    session: Session,
    patient_id: int,
    account_id: int,
    plan_key: str,
    now: datetime,
    zone: ZoneInfo,
    *,
    state: str | None = None,
) -> CarePlan | EnrolmentProposal | None:
    """Let a patient ask for a plan, by themselves or with a code; None: the question waits already.

    The caller has seen to their consent.

    :raises PlanNotOffered: no such plan, not open to requests, or another plan's code
    :raises AlreadyOnPlan: they are on it
    """
    kept = last_plan(session, patient_id, plan_key)
    if kept is not None and kept.is_open:
        raise AlreadyOnPlan
    plan = plan_offered(session, plan_key, now.astimezone(zone).date())
    way = open_way_of(session, state) if state else None
    if way is None and not policy_of(session, plan_key).is_open_to_requests:
        raise PlanNotOffered
    if way is not None and way.plan_key != plan_key:
        raise PlanNotOffered
    candidate = Candidate(
        plan, way.kind if way else Way.REQUEST,
        "患者扫码申请加入" if way else "患者在小程序申请加入",
        way.is_automatic if way else False, way, account_id,
    )  # fmt: skip
    return offer(session, patient_id, candidate, now, zone)


def open_way_of(session: Session, state: str) -> EnrolmentWay:
    """Return the open way that a code leads to.

    :raises PlanNotOffered: no such code, or closed since
    """
    way = session.scalar(select(EnrolmentWay).filter_by(state=state, is_open=True))
    if way is None:
        raise PlanNotOffered
    return way


def _open(session: Session, way: EnrolmentWay, actor: Actor, now: datetime) -> EnrolmentWay:
    try:
        with session.begin_nested():
            session.add(way)
    except IntegrityError:
        raise WayIsOpen from None
    detail = {"way": way.public_id, "plan": way.plan_key, "kind": way.kind}
    record(session, actor, "open", "enrolment-way", now, detail=detail)
    return way


def _segment_ways(session: Session) -> list[EnrolmentWay]:
    return list(
        session.scalars(
            select(EnrolmentWay)
            .join(Segment, Segment.id == EnrolmentWay.segment_id)
            .where(EnrolmentWay.is_open.is_(True), Segment.is_retired.is_(False))
            .order_by(EnrolmentWay.id)
        )
    )


def _criterion(way: EnrolmentWay) -> Criterion | None:
    try:
        return read_tree(way.segment.tree) if way.segment else None
    except DomainError:
        log.warning("segment_unreadable", segment_id=way.segment_id)
        return None


def _new_ones(
    session: Session, way: EnrolmentWay, criterion: Criterion, now: datetime, zone: ZoneInfo
) -> Select[int]:
    """Select whom the segment means and whom a machine may offer the plan, none of them asked."""
    was_on = exists().where(
        CarePlan.patient_id == Patient.id,
        CarePlan.plan_key == way.plan_key,
        not_(_may_come_again(session, way.plan_key, now)),
    )
    asked = exists().where(
        EnrolmentProposal.patient_id == Patient.id,
        EnrolmentProposal.plan_key == way.plan_key,
        EnrolmentProposal.is_open.is_(True)
        | (
            (EnrolmentProposal.status == EnrolmentStatus.DECLINED)
            & (EnrolmentProposal.decided_at > now - NOT_AGAIN_FOR)
        ),
    )
    meant = matching(criterion, now, zone, tag_tree(session))
    return meant.where(~was_on, ~asked)


def _may_come_again(session: Session, plan_key: str, now: datetime) -> ColumnElement[bool]:
    """Hold for a `CarePlan` after which the plan's rule might let a machine offer it once more."""
    policy = policy_of(session, plan_key)
    if policy.re_entry is ReEntry.AFTER_DAYS:
        return CarePlan.ended_at.is_not(None) & (
            CarePlan.ended_at <= now - timedelta(days=max(policy.re_entry_days - 1, 0))
        )
    plan = knowledge(session).plans.get(plan_key)
    if policy.re_entry is ReEntry.NEVER or plan is None or plan.anchor is not Anchor.DISCHARGE:
        return false()
    return exists().where(
        Encounter.patient_id == CarePlan.patient_id,
        Encounter.encounter_class == EncounterClass.INPATIENT,
        Encounter.status == EncounterStatus.FINISHED,
        Encounter.ended_at > now - STILL_FRESH,
        Encounter.ended_at > CarePlan.created_at,
    )


def _lead(
    session: Session,
    way: EnrolmentWay,
    patient_id: int,
    now: datetime,
    zone: ZoneInfo,
    cause: Event | None = None,
) -> bool:
    try:
        plan = plan_offered(session, way.plan_key, now.astimezone(zone).date())
        name = way.segment.name if way.segment else ""
        candidate = Candidate(plan, Way.SEGMENT, f"属于人群“{name}”", way.is_automatic, way)
        return offer(session, patient_id, candidate, now, zone, cause=cause) is not None
    except NoCareTeam:
        log.warning("enrolment_without_team", patient_id=patient_id)
    except PlanNotOffered:
        log.warning("plan_not_offered", way_id=way.id)
    return False
