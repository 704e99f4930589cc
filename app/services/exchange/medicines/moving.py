"""One word on one flow: its state, its history, the team's tasks, the event that tells of it."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.exchange.medicine_documents import MedicinePickup
from app.domain.exchange.medicine_flow import (
    OPEN,
    FlowState,
    FlowWord,
    after,
    is_repeat,
    lapses_at,
)
from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.domain.staff.contacts import StaffTaskKind, calling_hour
from app.models import Event, MedicineFlow, MedicineFlowStep, Task
from app.models.staff.team_work import OPEN_TASK, team_task

# Our choice: a working day to sign, half of one to call somebody who waits for medicine.
_TO_SIGN: Final = timedelta(hours=24)
_TO_CALL: Final = timedelta(hours=4)


def move(
    session: Session,
    flow: MedicineFlow,
    word: FlowWord,
    now: datetime,
    *,
    event: Event | None = None,
    reason: str | None = None,
) -> None:
    """Write what was said of a flow; what is known already is not written twice.

    The caller locked the flow. `reason` is for the team, in the hospital's words.
    """
    if is_repeat(flow.state, word):
        return
    to = after(flow.state, word)
    session.add(
        MedicineFlowStep(
            flow_id=flow.id, word=word, state=to or flow.state, is_counted=to is not None,
            event_id=event.id if event else None, at=now,
        )
    )  # fmt: skip
    if to is None:
        return
    flow.state, flow.changed_at = to, now
    flow.lapses_at = lapses_at(to, now, _code_expires_at(flow))
    if to not in OPEN:
        flow.cancel_asked_at = None
    session.add(
        Event.of(
            "medicine-flow.moved", now, patient_id=flow.patient_id, cause=event, flow_id=flow.id,
            state=to.value,
        )
    )  # fmt: skip
    _share_out(session, flow, word, now, reason)


def keep_going(session: Session, flow: MedicineFlow, event: Event, now: datetime) -> None:
    """Note that the hospital does not let the patient call it off."""
    if flow.cancel_asked_at is None:
        return
    flow.cancel_asked_at = None
    session.add(
        MedicineFlowStep(
            flow_id=flow.id, word=FlowWord.CANCEL_REFUSED, state=flow.state, is_counted=True,
            event_id=event.id, at=now,
        )
    )  # fmt: skip
    session.add(
        Event.of(
            "medicine-flow.kept", now, patient_id=flow.patient_id, cause=event, flow_id=flow.id
        )
    )
    _ask_team(session, flow, f"cancel-{event.id}", "患者想取消用药服务，医院没有同意，请联系", now)


def _share_out(
    session: Session, flow: MedicineFlow, word: FlowWord, now: datetime, reason: str | None
) -> None:
    if flow.state is FlowState.AWAITING_SIGNATURE:
        _ask_team(session, flow, "sign", f"{flow.kind.label}申请待医生审核", now, within=_TO_SIGN)
        return
    _close(session, flow, "sign", now)
    # A doctor of ours who declines tells the patient why: nobody need call.
    if flow.state is FlowState.EXPIRED or (
        flow.state is FlowState.REFUSED and word is not FlowWord.DECLINED
    ):
        what = "医院没有办理" if flow.state is FlowState.REFUSED else "没有按时办成"
        title = f"{flow.kind.label}：{what}，请联系患者"
        _ask_team(session, flow, flow.state.value, title, now, reason=reason)


def _ask_team(
    session: Session,
    flow: MedicineFlow,
    name: str,
    title: str,
    now: datetime,
    *,
    within: timedelta = _TO_CALL,
    reason: str | None = None,
) -> None:
    slot = f"{flow.subject}:{name}"
    due_at = calling_hour(now + within, HOSPITAL)
    task = team_task(
        flow.patient_id, flow.care_team_id, StaffTaskKind.MEDICINE_SERVICE, title, slot, due_at, now
    )
    task.note = f"医院的答复：{reason}" if reason else None
    session.add(task)


def _close(session: Session, flow: MedicineFlow, name: str, now: datetime) -> None:
    task = session.scalar(
        select(Task).where(
            Task.patient_id == flow.patient_id,
            Task.slot == f"{flow.subject}:{name}",
            Task.status.in_(OPEN_TASK),
        )
    )
    if task is None:
        return
    if flow.state in (FlowState.SIGNED, FlowState.REFUSED):
        session.add(task.complete(now))
    else:
        task.status, task.status_reason = TaskStatus.CANCELLED, TaskReason.NOT_NEEDED
        task.finished_at = now


def _code_expires_at(flow: MedicineFlow) -> datetime | None:
    wish = flow.wish
    return wish.code_expires_at if isinstance(wish, MedicinePickup) else None
