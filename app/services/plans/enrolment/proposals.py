"""What waits for a person's word: the team's queue, yes with a day, no with a reason; by hand."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.domain.plans.enrolling import DeclineReason, EndReason, Way
from app.domain.plans.plan import Anchor
from app.domain.plans.plan import PlanDefinition as Plan
from app.domain.trust.access import Actor
from app.models import (
    CarePlan,
    CareTeam,
    EnrolmentProposal,
    EnrolmentStatus,
    Event,
    Patient,
)
from app.models.plans.knowledge import knowledge
from app.models.profile.patient_index import head_named
from app.models.staff.staff_access import cares_for, teams_of
from app.models.trust.audit import record
from app.services.plans.enrolment import life
from app.services.plans.enrolment.anchors import find_anchor
from app.services.plans.enrolment.entering import begin_plan, last_plan, plan_offered
from app.services.plans.enrolment.errors import AlreadyOnPlan, AnchorNeeded, ProposalSettled

PAGE: Final = 50
_EARLIEST, _LATEST = timedelta(days=731), timedelta(days=366)


@dataclass(frozen=True, slots=True)
class ProposalLine:
    """A question as the queue shows it; `anchor` says what kind of day the plan counts from."""

    id: str
    patient_id: str
    patient_name: str
    plan_key: str
    plan_name: str
    anchor: Anchor | None
    anchor_on: date | None
    kind: Way
    reason: str
    team_name: str
    proposed_at: datetime


@dataclass(frozen=True, slots=True)
class ProposalQueue:
    lines: tuple[ProposalLine, ...]
    total: int


def list_proposals(session: Session, actor: Actor, now: datetime) -> ProposalQueue:
    """Return what waits for the teams of the asker, who asked themselves first, then the oldest.

    Whose names were shown is noted in the trail.
    """
    waiting, total = _theirs(actor), count_proposals(session, actor)
    asked_first = EnrolmentProposal.account_id.is_(None)
    rows = session.execute(
        waiting.order_by(asked_first, EnrolmentProposal.proposed_at, EnrolmentProposal.id).limit(
            PAGE
        )
    ).all()
    plans = knowledge(session).plans
    lines = tuple(_line(one, patient, team, plans.get(one.plan_key)) for one, patient, team in rows)
    detail = {"patients": sorted({patient.id for _, patient, _ in rows})}
    record(session, actor, "list", "enrolment-proposal", now, detail=detail)
    return ProposalQueue(lines, total)


def count_proposals(session: Session, actor: Actor) -> int:
    """Return how many wait for the teams of the asker."""
    waiting = _theirs(actor).with_only_columns(func.count())
    return session.scalar(waiting) or 0


def accept(
    session: Session,
    proposal_id: str,
    actor: Actor,
    now: datetime,
    zone: ZoneInfo,
    *,
    anchor_on: date | None = None,
    note: str | None = None,
) -> CarePlan:
    """Begin what was proposed, from the day told, else from the one found.

    :raises NotFound: no such proposal to one of the asker's teams
    :raises ProposalSettled: somebody was faster
    :raises AnchorNeeded: nobody knows the day
    :raises AlreadyOnPlan, PlanNotOffered: as by hand
    """
    proposal, patient = _find(session, proposal_id, actor)
    if anchor_on is None:
        plan = plan_offered(session, proposal.plan_key, now.astimezone(zone).date())
        found = find_anchor(session, patient, plan.anchor, now, zone)
        anchor_on = proposal.anchor_on or (found.on if found else None)
    care_plan = _begin(
        session, patient, proposal.plan_key, anchor_on, proposal.care_team_id, actor, now, zone,
        way=proposal.kind, note=note, encounter_id=proposal.encounter_id,
    )  # fmt: skip
    proposal.settle(EnrolmentStatus.ACCEPTED, now, actor.id)
    proposal.note, proposal.care_plan_id = note or None, care_plan.id
    detail = {"proposal": proposal_id}
    record(
        session, actor, "accept", "enrolment-proposal", now, patient_id=patient.id, detail=detail
    )
    return care_plan


def decline(
    session: Session,
    proposal_id: str,
    reason: DeclineReason,
    actor: Actor,
    now: datetime,
    *,
    note: str | None = None,
) -> None:
    """Say no, with a reason; machines do not ask again for a while.

    :raises NotFound: no such proposal to one of the asker's teams
    :raises ProposalSettled: somebody was faster
    """
    proposal, patient = _find(session, proposal_id, actor)
    proposal.settle(EnrolmentStatus.DECLINED, now, actor.id)
    proposal.declined_because, proposal.note = reason, note or None
    session.add(Event.of("enrolment.declined", now, patient_id=patient.id, proposal_id=proposal.id))
    detail = {"proposal": proposal_id, "reason": reason}
    record(
        session, actor, "decline", "enrolment-proposal", now, patient_id=patient.id, detail=detail
    )


def enrol_by_hand(
    session: Session,
    patient: Patient,
    plan_key: str,
    anchor_on: date | None,
    care_team_id: int,
    actor: Actor,
    now: datetime,
    zone: ZoneInfo,
    *,
    note: str | None = None,
) -> CarePlan:
    """Put a patient on a plan because a person says so: over the plan's rule on coming again.

    What waited as a question about this plan is answered by it.

    :raises AnchorNeeded: no day, or one out of reason
    :raises AlreadyOnPlan: with this day, or a later one
    :raises PlanNotOffered: no such plan in force
    """
    care_plan = _begin(
        session, patient, plan_key, anchor_on, care_team_id, actor, now, zone,
        way=Way.HAND, note=note,
    )  # fmt: skip
    waiting = session.scalar(
        select(EnrolmentProposal).filter_by(patient_id=patient.id, plan_key=plan_key, is_open=True)
    )
    if waiting is not None:
        waiting.settle(EnrolmentStatus.ACCEPTED, now, actor.id)
        waiting.care_plan_id = care_plan.id
    detail = {"plan": plan_key}
    record(session, actor, "enrol", "care-plan", now, patient_id=patient.id, detail=detail)
    return care_plan


def withdraw_request(
    session: Session, patient_id: int, proposal_id: str, account_id: int, now: datetime
) -> None:
    """Let a patient take back what they asked for; taken back once more, nothing changes.

    :raises NotFound: no such request of theirs
    """
    proposal = session.scalar(
        select(EnrolmentProposal).where(
            EnrolmentProposal.public_id == proposal_id,
            EnrolmentProposal.patient_id == patient_id,
            EnrolmentProposal.account_id.is_not(None),
        )
    )
    if proposal is None:
        raise NotFound
    if proposal.is_open:
        proposal.settle(EnrolmentStatus.WITHDRAWN, now, None)


def find_enrollable(
    session: Session, patient_public_id: str, practitioner_id: int, now: datetime
) -> Patient:
    """Return a patient whom somebody may put on a plan: theirs, proposed, of their department.

    :raises NotFound: no such patient, or none of theirs
    """
    departments = select(CareTeam.department_code).where(
        CareTeam.id.in_(teams_of(practitioner_id)), CareTeam.department_code.is_not(None)
    )
    asked = exists().where(
        EnrolmentProposal.patient_id == Patient.id,
        EnrolmentProposal.is_open.is_(True),
        EnrolmentProposal.care_team_id.in_(teams_of(practitioner_id)),
    )
    patient = session.scalar(
        select(Patient).where(
            Patient.id == head_named(patient_public_id),
            Patient.deceased_at.is_(None),
            or_(
                cares_for(practitioner_id, now),
                asked,
                Patient.department_code.in_(departments),
            ),
        )
    )
    if patient is None:
        raise NotFound
    return patient


def _begin(
    session: Session,
    patient: Patient,
    plan_key: str,
    anchor_on: date | None,
    care_team_id: int,
    actor: Actor,
    now: datetime,
    zone: ZoneInfo,
    *,
    way: Way,
    note: str | None,
    encounter_id: int | None = None,
) -> CarePlan:
    session.get_one(Patient, patient.id, with_for_update=True)
    today = now.astimezone(zone).date()
    plan = plan_offered(session, plan_key, today)
    if anchor_on is None or not today - _EARLIEST <= anchor_on <= today + _LATEST:
        raise AnchorNeeded
    kept = last_plan(session, patient.id, plan_key)
    if kept is not None and kept.is_open:
        if kept.anchor_on >= anchor_on:
            raise AlreadyOnPlan
        life.end_plan(session, kept, EndReason.NEW_ANCHOR, actor, now)
    return begin_plan(
        session, patient.id, plan, anchor_on, care_team_id, now,
        encounter_id=encounter_id, actor=actor, way=way, note=note,
    )  # fmt: skip


def _find(session: Session, proposal_id: str, actor: Actor) -> tuple[EnrolmentProposal, Patient]:
    row = session.execute(
        _theirs(actor, only_open=False)
        .where(EnrolmentProposal.public_id == proposal_id)
        .with_for_update(of=EnrolmentProposal)
    ).one_or_none()
    if row is None:
        raise NotFound
    proposal, patient, _ = row
    if not proposal.is_open:
        raise ProposalSettled
    return proposal, patient


def _of_teams(practitioner_id: int) -> tuple[ColumnElement[bool], ...]:
    return (
        EnrolmentProposal.care_team_id.in_(teams_of(practitioner_id)),
        Patient.merged_into_id.is_(None),
    )


def _theirs(
    actor: Actor, *, only_open: bool = True
) -> Select[EnrolmentProposal, Patient, CareTeam]:
    rows = (
        select(EnrolmentProposal, Patient, CareTeam)
        .join(Patient, Patient.id == EnrolmentProposal.patient_id)
        .join(CareTeam, CareTeam.id == EnrolmentProposal.care_team_id)
        .where(*_of_teams(actor.id or 0))
    )
    return rows.where(EnrolmentProposal.is_open.is_(True)) if only_open else rows


def _line(
    one: EnrolmentProposal, patient: Patient, team: CareTeam, plan: Plan | None
) -> ProposalLine:
    return ProposalLine(
        one.public_id, patient.public_id, patient.name or "", one.plan_key,
        plan.name if plan else one.plan_key, plan.anchor if plan else None, one.anchor_on,
        one.kind, one.reason or "", team.name, one.proposed_at,
    )  # fmt: skip
