"""Services about medicines as the patient sees them on the phone, and as the team does."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.domain.exchange.medicine_documents import (
    LastReading,
    MedicineDelivery,
    MedicinePickup,
    MedicineRequest,
    RefillRequest,
)
from app.domain.exchange.medicine_flow import ENDED, OPEN, FlowKind, FlowState, may_cancel
from app.domain.exchange.medicine_rules import MedicineRules
from app.domain.exchange.medicine_words import label, sentence
from app.domain.profile.adherence import Unknown
from app.domain.profile.masking import masked_phone
from app.models import MedicineFlow, MedicineFlowStep, OutboundDocument, Patient
from app.models.profile.reading.supplies import medicines_at_hand
from app.models.staff.staff_access import cares_for, teams_of

_MOST: Final = 50
_ENDED_SHOWN: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class MedicineLine:
    """One medicine at hand: how long it lasts, and what may be asked for it."""

    id: str
    name: str
    dosage: str
    until: date | None  # the first day without it
    days_left: int | None
    why_not_refilled: str | None
    why_not_delivered: str | None


@dataclass(frozen=True, slots=True)
class FlowLine:
    id: str
    kind: FlowKind
    state: FlowState
    label: str
    text: str
    medicines: tuple[str, ...]
    asked_at: datetime
    changed_at: datetime
    may_cancel: bool
    is_cancelling: bool


@dataclass(frozen=True, slots=True)
class HistoryLine:
    state: FlowState
    label: str
    at: datetime


@dataclass(frozen=True, slots=True)
class FlowDetail:
    """One service in full; what does not belong to its kind is None."""

    line: FlowLine
    history: tuple[HistoryLine, ...]
    weeks: int | None = None
    address: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    recipient: str | None = None
    code: str | None = None
    code_expires_at: datetime | None = None


class Show(StrEnum):
    TO_SIGN = "to-sign"
    OPEN = "open"
    ENDED = "ended"


_STATES: Final = {
    Show.TO_SIGN: (FlowState.AWAITING_SIGNATURE,),
    Show.OPEN: tuple(OPEN - {FlowState.AWAITING_SIGNATURE}),
    Show.ENDED: tuple(ENDED),
}


@dataclass(frozen=True, slots=True)
class StaffLine:
    """One service for the team; `answer` is the hospital's words."""

    id: str
    kind: FlowKind
    state: FlowState
    label: str
    patient_pk: int
    patient_id: str
    patient_name: str
    may_open: bool  # the record: who asks the team for a service is not yet in its care
    medicines: tuple[tuple[str, str], ...]  # name, dosage
    asked_at: datetime
    changed_at: datetime
    is_cancelling: bool
    number: str | None
    answer: str | None
    declined_for: str | None
    weeks: int | None = None
    is_stable: bool | None = None
    statement: str = ""
    readings: Sequence[LastReading] = field(default_factory=tuple)
    to_whom: str = ""


@dataclass(frozen=True, slots=True)
class StaffList:
    lines: tuple[StaffLine, ...]
    counts: dict[Show, int]


def medicines_of(
    session: Session, patient_id: int, rules: MedicineRules, now: datetime, zone: ZoneInfo
) -> list[MedicineLine]:
    """Return what the patient has of the hospital's medicines."""
    today = now.astimezone(zone).date()
    lines = []
    for one in medicines_at_hand(session, patient_id, now, zone):
        until = None if isinstance(one.until, Unknown) else one.until
        lines.append(
            MedicineLine(
                one.request_id, one.name, one.dosage, until,
                None if until is None else max(0, (until - today).days),
                rules.why_not_refilled(one.name), rules.why_not_delivered(one.name),
            )
        )  # fmt: skip
    return lines


def flows_of(session: Session, patient_id: int) -> list[FlowLine]:
    """Return the patient's last services, newest first."""
    flows = session.scalars(
        select(MedicineFlow)
        .filter_by(patient_id=patient_id)
        .order_by(MedicineFlow.id.desc())
        .limit(_MOST)
    )
    return [_line(flow) for flow in flows]


def flow_in_full(session: Session, patient_id: int, flow_id: str, now: datetime) -> FlowDetail:
    """:raises NotFound: no such service of this patient"""
    flow = session.scalar(select(MedicineFlow).filter_by(public_id=flow_id, patient_id=patient_id))
    if flow is None:
        raise NotFound
    wish = flow.wish
    bare = FlowDetail(_line(flow), _history(session, flow))
    match wish:
        case RefillRequest():
            return replace(bare, weeks=wish.weeks)
        case MedicineDelivery():
            return replace(
                bare, address=wish.address, starts_at=wish.starts_at, ends_at=wish.ends_at,
                recipient=wish.recipient,
            )  # fmt: skip
        case MedicinePickup():
            # Of no use before, and of none to anybody afterwards.
            is_valid = flow.state in OPEN and now < wish.code_expires_at
            return replace(
                bare, recipient=wish.proxy_name, code=wish.code if is_valid else None,
                code_expires_at=wish.code_expires_at,
            )  # fmt: skip


def flows_for_staff(session: Session, practitioner_id: int, show: Show, now: datetime) -> StaffList:
    """Return the services of somebody's teams: what waits longest first, what ended last first."""
    is_ours = MedicineFlow.care_team_id.in_(teams_of(practitioner_id))
    recent = (MedicineFlow.state.in_(OPEN)) | (MedicineFlow.changed_at > now - _ENDED_SHOWN)
    number: dict[FlowState, int] = dict(
        session.execute(
            select(MedicineFlow.state, func.count())
            .where(is_ours, recent)
            .group_by(MedicineFlow.state)
        ).all()
    )
    order = MedicineFlow.changed_at.desc() if show is Show.ENDED else MedicineFlow.created_at
    rows = session.execute(
        select(MedicineFlow, Patient, OutboundDocument, cares_for(practitioner_id, now))
        .join(Patient, Patient.id == MedicineFlow.patient_id)
        .outerjoin(OutboundDocument, OutboundDocument.id == MedicineFlow.document_id)
        .where(is_ours, recent, MedicineFlow.state.in_(_STATES[show]))
        .order_by(order, MedicineFlow.id)
        .limit(_MOST)
    )
    return StaffList(
        tuple(_staff_line(*row) for row in rows),
        {one: sum(number.get(state, 0) for state in _STATES[one]) for one in Show},
    )


def _line(flow: MedicineFlow) -> FlowLine:
    text = sentence(flow.kind, flow.state)
    if flow.declined_for is not None and flow.state is FlowState.REFUSED:
        text = flow.declined_for.advice
    return FlowLine(
        id=flow.public_id,
        kind=flow.kind,
        state=flow.state,
        label=label(flow.kind, flow.state),
        text=text,
        medicines=tuple(one.name for one in flow.wish.medicines),
        asked_at=flow.created_at,
        changed_at=flow.changed_at,
        may_cancel=may_cancel(flow.kind, flow.state) and flow.cancel_asked_at is None,
        is_cancelling=flow.cancel_asked_at is not None,
    )


def _history(session: Session, flow: MedicineFlow) -> tuple[HistoryLine, ...]:
    steps = session.scalars(
        select(MedicineFlowStep)
        .filter_by(flow_id=flow.id, is_counted=True)
        .order_by(MedicineFlowStep.id)
    )
    lines = [
        HistoryLine(FlowState.REQUESTED, label(flow.kind, FlowState.REQUESTED), flow.created_at)
    ]
    for step in steps:
        if step.state is not lines[-1].state:
            lines.append(HistoryLine(step.state, label(flow.kind, step.state), step.at))
    return tuple(lines)


def _staff_line(
    flow: MedicineFlow, patient: Patient, document: OutboundDocument | None, may_open: bool
) -> StaffLine:
    wish = flow.wish
    refill = wish if isinstance(wish, RefillRequest) else None
    return StaffLine(
        id=flow.public_id,
        kind=flow.kind,
        state=flow.state,
        label=label(flow.kind, flow.state),
        patient_pk=patient.id,
        patient_id=patient.public_id,
        patient_name=patient.name or "",
        may_open=bool(may_open),
        medicines=tuple((one.name, one.dosage) for one in wish.medicines),
        asked_at=flow.created_at,
        changed_at=flow.changed_at,
        is_cancelling=flow.cancel_asked_at is not None,
        number=document.number if document else None,
        answer=document.answer if document else None,
        declined_for=flow.declined_for.label if flow.declined_for else None,
        weeks=refill.weeks if refill else None,
        is_stable=refill.is_stable if refill else None,
        statement=refill.statement if refill else "",
        readings=refill.readings if refill else (),
        to_whom=_to_whom(wish),
    )


def _to_whom(wish: MedicineRequest) -> str:
    """Say who gets the medicine; neither address nor code: the pharmacy has them."""
    match wish:
        case MedicineDelivery():
            return f"收药人 {wish.recipient}，电话 {masked_phone(wish.phone)}"
        case MedicinePickup():
            who = f"{wish.proxy_name}（{wish.proxy_relation}）"
            return f"代取人 {who}，证件后四位 {wish.identity_tail}"
        case RefillRequest():
            return ""
