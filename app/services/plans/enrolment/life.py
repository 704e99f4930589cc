"""The life of a plan begun: it rests, goes on, changes hands and ends; each change is a step."""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from app.domain.outreach.messaging import CommunicationState
from app.domain.plans.enrolling import TASKS_ENDED, TASKS_HELD, EndReason, HoldReason
from app.domain.plans.plan_schedule import TaskReason, TaskStatus, instant
from app.domain.trust.access import Actor
from app.models import (
    CarePlan,
    CarePlanStatus,
    CarePlanStep,
    CareTeam,
    Communication,
    EnrolmentProposal,
    EnrolmentStatus,
    Event,
    StepKind,
    Task,
    TaskOwner,
)
from app.services.plans.enrolment.anchors import is_admitted
from app.services.plans.enrolment.errors import NotInThisState

BY_CLOCK: Final = Actor("job", None, "plan-life")
UNFINISHED: Final = (TaskStatus.REQUESTED, TaskStatus.READY, TaskStatus.IN_PROGRESS)
_UNSENT: Final = (CommunicationState.QUEUED, CommunicationState.HELD)


def hold_plan(
    session: Session,
    plan: CarePlan,
    reason: HoldReason,
    actor: Actor,
    now: datetime,
    *,
    until: date | None = None,
    note: str | None = None,
    cause: Event | None = None,
) -> None:
    """Let a plan rest from now on; what is pending is cancelled, and comes back with `resume_plan`.

    `until` is the last day of rest; without it the plan rests until somebody says otherwise.

    :raises NotInThisState: it does not run
    """
    if plan.status is not CarePlanStatus.ACTIVE:
        raise NotInThisState
    plan.status = CarePlanStatus.ON_HOLD
    plan.hold_reason, plan.hold_begins_on, plan.hold_ends_on = reason, None, until
    cancel_tasks(session, plan.id, TASKS_HELD[reason], now)
    step = CarePlanStep.of(
        plan, StepKind.HELD, actor, now,
        reason=reason, note=note, until=until.isoformat() if until else None,
    )  # fmt: skip
    session.add(step)
    _say(session, "care-plan.held", plan, now, cause)


def plan_hold(
    session: Session,
    plan: CarePlan,
    reason: HoldReason,
    begins_on: date,
    until: date | None,
    actor: Actor,
    now: datetime,
    today: date,
    *,
    note: str | None = None,
) -> None:
    """Let a plan rest from a day on: at once where it has come, else when the clock gets there.

    :raises NotInThisState: it does not run, or the days are in the past or the wrong way round
    """
    if plan.status is not CarePlanStatus.ACTIVE or (until and until < max(begins_on, today)):
        raise NotInThisState
    if begins_on <= today:
        hold_plan(session, plan, reason, actor, now, until=until, note=note)
        return
    plan.hold_reason, plan.hold_begins_on, plan.hold_ends_on = reason, begins_on, until
    step = CarePlanStep.of(
        plan, StepKind.HOLD_PLANNED, actor, now, reason=reason, note=note,
        begins=begins_on.isoformat(), until=until.isoformat() if until else None,
    )  # fmt: skip
    session.add(step)


def resume_plan(
    session: Session,
    plan: CarePlan,
    actor: Actor,
    now: datetime,
    zone: ZoneInfo,
    *,
    note: str | None = None,
    cause: Event | None = None,
) -> None:
    """Let a plan go on from today; nothing of the days before comes back.

    Its calendar is stale until the clock has brought it to what is asked. A rest that was only
    planned is taken back.

    :raises NotInThisState: it neither rests nor is going to
    """
    if plan.status is CarePlanStatus.ACTIVE and plan.hold_begins_on is not None:
        _forget_hold(plan)
        session.add(CarePlanStep.of(plan, StepKind.RESUMED, actor, now, note=note))
        return
    if plan.status is not CarePlanStatus.ON_HOLD:
        raise NotInThisState
    plan.status = CarePlanStatus.ACTIVE
    reason = plan.hold_reason
    _forget_hold(plan)
    today = instant(datetime.combine(now.astimezone(zone).date(), time.min), zone)
    plan.asks_from, plan.stale_since = today, now
    # What was not expanded while it rested: from today, not from where the calendar broke off.
    plan.expanded_until = max(plan.expanded_until or today, today)
    session.add(CarePlanStep.of(plan, StepKind.RESUMED, actor, now, reason=reason, note=note))
    _say(session, "care-plan.resumed", plan, now, cause)


def end_plan(
    session: Session,
    plan: CarePlan,
    reason: EndReason,
    actor: Actor,
    now: datetime,
    *,
    note: str | None = None,
    cause: Event | None = None,
) -> None:
    """End a plan: what is pending and what is still unsent of it is cancelled with it.

    :raises NotInThisState: it has ended
    """
    if plan.is_open is None:
        raise NotInThisState
    is_done = reason in (EndReason.COMPLETED, EndReason.NEW_ANCHOR)
    plan.status = CarePlanStatus.COMPLETED if is_done else CarePlanStatus.REVOKED
    plan.is_open, plan.ended_at, plan.end_reason = None, now, reason
    plan.hold_begins_on = plan.hold_ends_on = plan.hold_reason = None
    cancel_tasks(session, plan.id, TASKS_ENDED.get(reason, TaskReason.PLAN_ENDED), now)
    session.add(CarePlanStep.of(plan, StepKind.ENDED, actor, now, reason=reason, note=note))
    session.flush()  # the unique key is free for the next run
    _say(session, "care-plan.ended", plan, now, cause)


def end_all(
    session: Session,
    patient_id: int,
    reason: EndReason,
    actor: Actor,
    now: datetime,
    *,
    cause: Event | None = None,
) -> int:
    """End every open plan of a patient, with all questions and unsent messages; return how many."""
    plans = open_plans(session, patient_id)
    for plan in plans:
        end_plan(session, plan, reason, actor, now, cause=cause)
    for waiting in session.scalars(
        select(EnrolmentProposal).filter_by(patient_id=patient_id, is_open=True)
    ):
        waiting.settle(EnrolmentStatus.WITHDRAWN, now, None)
    what = Task.patient_id == patient_id
    if reason is not EndReason.DECEASED:  # staff still answer what they were called for
        what &= Task.owner == TaskOwner.PATIENT
    _cancel(session, what, TASKS_ENDED.get(reason, TaskReason.PLAN_ENDED), now)
    cancel_messages(session, patient_id)
    return len(plans)


def cancel_messages(session: Session, patient_id: int, account_id: int | None = None) -> None:
    """Take back what still waits to be sent to a patient, or to one account about them."""
    of = [Communication.patient_id == patient_id, Communication.link_id.is_not(None)]
    if account_id is not None:
        of.append(Communication.account_id == account_id)
    session.execute(
        update(Communication)
        .where(Communication.state.in_(_UNSENT), *of)
        .values(state=CommunicationState.CANCELLED, reason="pointless")
    )


def transfer_plan(
    session: Session,
    plan: CarePlan,
    team: CareTeam,
    actor: Actor,
    now: datetime,
    *,
    note: str | None = None,
) -> None:
    """Hand a plan over to another team; tasks and their times stay.

    :raises NotInThisState: it has ended, or is theirs already
    """
    if plan.is_open is None or plan.care_team_id == team.id:
        raise NotInThisState
    step = CarePlanStep.of(
        plan, StepKind.TRANSFERRED, actor, now, note=note,
        team_before=plan.care_team_id, team_after=team.id,
    )  # fmt: skip
    plan.care_team_id = team.id
    session.add(step)
    _say(session, "care-plan.transferred", plan, now, None)


def rest_while_admitted(
    session: Session, patient_id: int, now: datetime, *, cause: Event | None = None
) -> None:
    """Put running plans on hold while the patient is in hospital, and take back what is pending."""
    for plan in open_plans(session, patient_id):
        if plan.status is CarePlanStatus.ACTIVE:
            hold_plan(session, plan, HoldReason.ADMISSION, BY_CLOCK, now, cause=cause)


def resume_after_stay(
    session: Session,
    patient_id: int,
    now: datetime,
    zone: ZoneInfo,
    *,
    cause: Event | None = None,
) -> None:
    """Let go on what rested for a stay that is over; what a new discharge began anew has ended."""
    resting = [
        plan
        for plan in open_plans(session, patient_id)
        if plan.status is CarePlanStatus.ON_HOLD and plan.hold_reason is HoldReason.ADMISSION
    ]
    if not resting or is_admitted(session, patient_id):
        return
    for plan in resting:
        resume_plan(session, plan, BY_CLOCK, now, zone, cause=cause)


def turn_holds(session: Session, now: datetime, zone: ZoneInfo, limit: int = 200) -> int:
    """Begin the rests whose first day has come, end those whose last day is over."""
    today = now.astimezone(zone).date()
    due = session.scalars(
        select(CarePlan)
        .where(
            CarePlan.is_open.is_(True),
            or_(
                and_(CarePlan.status == CarePlanStatus.ACTIVE, CarePlan.hold_begins_on <= today),
                and_(CarePlan.status == CarePlanStatus.ON_HOLD, CarePlan.hold_ends_on < today),
            ),
        )
        .order_by(CarePlan.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=CarePlan)
    ).all()
    for plan in due:
        _turn(session, plan, now, zone, today)
    return len(due)


def open_plans(session: Session, patient_id: int) -> Sequence[CarePlan]:
    return session.scalars(
        select(CarePlan).filter_by(patient_id=patient_id, is_open=True).order_by(CarePlan.id)
    ).all()


def cancel_tasks(session: Session, plan_id: int, reason: TaskReason, now: datetime) -> None:
    """Cancel what is unfinished of a plan, and the messages about it that are not sent yet."""
    _cancel(session, Task.care_plan_id == plan_id, reason, now)


def _cancel(
    session: Session, which: ColumnElement[bool], reason: TaskReason, now: datetime
) -> None:
    pending = select(Task.id).where(which, Task.status.in_(UNFINISHED))
    session.execute(
        update(Communication)
        .where(Communication.state.in_(_UNSENT), Communication.task_id.in_(pending))
        .values(state=CommunicationState.CANCELLED, reason="pointless")
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Task)
        .where(which, Task.status.in_(UNFINISHED))
        .values(
            status=TaskStatus.CANCELLED, status_reason=reason, finished_at=now, remind_at=None
        )
    )  # fmt: skip


def _turn(session: Session, plan: CarePlan, now: datetime, zone: ZoneInfo, today: date) -> None:
    if plan.status is CarePlanStatus.ON_HOLD:
        if not is_admitted(session, plan.patient_id):
            resume_plan(session, plan, BY_CLOCK, now, zone)
            return
        # They came back into hospital: the end of the stay lets it go on.
        plan.hold_reason, plan.hold_ends_on = HoldReason.ADMISSION, None
        session.add(
            CarePlanStep.of(plan, StepKind.HELD, BY_CLOCK, now, reason=HoldReason.ADMISSION)
        )
        return
    until, reason = plan.hold_ends_on, plan.hold_reason or HoldReason.TRAVEL
    if until is not None and until < today:  # no clock ran in all that time
        _forget_hold(plan)
        return
    hold_plan(session, plan, reason, BY_CLOCK, now, until=until)


def _forget_hold(plan: CarePlan) -> None:
    plan.hold_reason = plan.hold_begins_on = plan.hold_ends_on = None


def _say(session: Session, kind: str, plan: CarePlan, now: datetime, cause: Event | None) -> None:
    event = Event.of(kind, now, patient_id=plan.patient_id, cause=cause, care_plan_id=plan.id)
    session.add(event)
