"""What the hospital, the doctor and the clock say of flows, in whatever order it comes."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import ApprovalRefused, DocumentUnderWay, NotFound
from app.domain.exchange.documents import OF_MEDICINES, DocumentKind, may_approve
from app.domain.exchange.medicine_flow import (
    OF_CANCELLATION,
    OF_REQUEST,
    FlowKind,
    FlowState,
    FlowWord,
    RefusalReason,
    after,
)
from app.models import Event, MedicineFlow, MedicineFlowStep, OutboundDocument, Practitioner
from app.models.staff.staff_access import teams_of
from app.services.exchange.medicines.moving import keep_going, move


def lock_asked(session: Session, flow_id: int) -> MedicineFlow | None:
    """Return a flow for which nothing was written yet, locked; None where that is past."""
    flow = session.get_one(MedicineFlow, flow_id, with_for_update=True)
    if flow.state is not FlowState.REQUESTED or flow.document_id is not None:
        return None
    return flow


def follow(session: Session, event: Event, now: datetime) -> None:
    """Take what became of a document (`outbound.<deed>`) to the flow it is of, once."""
    document = session.get_one(OutboundDocument, event.payload["document_id"])
    if document.kind not in OF_MEDICINES:
        return
    is_cancellation = document.kind is DocumentKind.MEDICINE_CANCELLATION
    flow = session.scalar(
        select(MedicineFlow)
        .filter_by(document_id=document.revokes_id if is_cancellation else document.id)
        .with_for_update()
    )
    deed = event.kind.partition(".")[2]
    word = (OF_CANCELLATION if is_cancellation else OF_REQUEST).get(deed)
    if flow is None or word is None or _was_read(session, flow, event):
        return
    if word is FlowWord.CANCEL_REFUSED:
        keep_going(session, flow, event, now)
    else:
        move(session, flow, word, now, event=event, reason=document.answer)


def find_for_staff(session: Session, public_id: str, practitioner_id: int) -> MedicineFlow:
    """Return a flow of one of somebody's teams, locked.

    :raises NotFound: none of theirs
    """
    flow = session.scalar(
        select(MedicineFlow)
        .where(
            MedicineFlow.public_id == public_id,
            MedicineFlow.care_team_id.in_(teams_of(practitioner_id)),
        )
        .with_for_update()
    )
    if flow is None:
        raise NotFound
    return flow


def note_signature(session: Session, flow: MedicineFlow, now: datetime) -> None:
    """Note that a doctor signed the flow's document."""
    move(session, flow, FlowWord.SIGNED, now)


def decline(
    session: Session,
    flow: MedicineFlow,
    practitioner_id: int,
    reason: RefusalReason,
    now: datetime,
) -> None:
    """Note that a doctor does not sign, and why; the caller withdraws the document.

    :raises ApprovalRefused: not a doctor, or no longer active
    :raises DocumentUnderWay: it does not wait for a signature any more
    """
    who = session.get_one(Practitioner, practitioner_id)
    if not who.is_active or not may_approve(who.role, DocumentKind.REFILL_REQUEST):
        raise ApprovalRefused
    if after(flow.state, FlowWord.DECLINED) is None:
        raise DocumentUnderWay
    flow.declined_for = reason
    move(session, flow, FlowWord.DECLINED, now)


def lapse(session: Session, now: datetime, limit: int = 100) -> int:
    """End what has been silent too long, and codes that ran out; return how many.

    What may still be given back at the hospital is.
    """
    due = session.scalars(
        select(MedicineFlow)
        .where(
            MedicineFlow.state.in_((FlowState.HANDED_OVER, FlowState.ACCEPTED, FlowState.READY)),
            MedicineFlow.lapses_at <= now,
        )
        .order_by(MedicineFlow.lapses_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for flow in due:
        is_out = flow.state is FlowState.READY and flow.kind is not FlowKind.PICKUP
        move(session, flow, FlowWord.LAPSED, now)
        if not is_out:
            session.add(
                Event.of(
                    "medicine-flow.given-up", now, patient_id=flow.patient_id, flow_id=flow.id,
                    step_id=0,
                )
            )  # fmt: skip
    return len(due)


def _was_read(session: Session, flow: MedicineFlow, event: Event) -> bool:
    read = select(MedicineFlowStep.id).filter_by(flow_id=flow.id, event_id=event.id)
    return session.scalar(read) is not None
