"""What a patient asks for: a refill, a delivery, a pick-up by proxy; and calling it off.

Nothing is written to the hospital here: the events say that it should be.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.domain.exchange.documents import write_content
from app.domain.exchange.medicine_documents import (
    LastReading,
    MedicineDelivery,
    MedicinePickup,
    MedicineRequest,
    PrescribedMedicine,
    RefillRequest,
)
from app.domain.exchange.medicine_flow import OPEN, FlowKind, FlowState, FlowWord, may_cancel
from app.domain.exchange.medicine_rules import USUAL_WEEKS, MedicineRules
from app.domain.plans.rules import Grade
from app.models import Event, MedicineFlow, MedicineFlowStep, Patient
from app.models.profile.reading.alerts import open_alerts
from app.models.profile.reading.supplies import medicines_at_hand
from app.models.profile.reading.trends import trends_of
from app.models.staff.on_call import NoTeam, newest_plan, team_on_call
from app.services.exchange.medicines.errors import (
    FlowUnderWay,
    MedicineNotOffered,
    NeedsVisit,
    NobodyToAsk,
    TooLateToCancel,
    TooManyWeeks,
    WindowNotPossible,
)
from app.services.exchange.medicines.moving import move

_READING_DAYS: Final = 30
_READINGS: Final = 6
_AHEAD: Final = timedelta(days=14)
# Read out at a counter, with the last characters of an identity document beside it.
_CODE_DIGITS: Final = 8


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for whom, when, and by which rule; `reference` is the phone's own name for it."""

    patient_id: int
    account_id: int
    reference: str
    medicines: tuple[str, ...]  # public ids of prescriptions
    rules: MedicineRules
    now: datetime
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Proxy:
    """Who fetches the medicines for the patient."""

    name: str
    relation: str
    phone: str
    identity_tail: str


@dataclass(frozen=True, slots=True)
class Asked:
    flow: MedicineFlow
    is_new: bool


def ask_refill(
    session: Session,
    asking: Asking,
    weeks: int,
    *,
    is_stable: bool,
    is_confirmed: bool,
    statement: str,
) -> Asked:
    """Ask for some weeks more of the same; the same reference again returns the first.

    :raises NeedsVisit: the patient says that something has changed
    :raises TooManyWeeks: the rule has fewer, or asks for more than is there
    :raises MedicineNotOffered: no medicine of theirs, or none for a long prescription
    :raises FlowUnderWay: one of them is being refilled
    :raises NobodyToAsk: no team would look at it
    """

    def wish(medicines: tuple[PrescribedMedicine, ...]) -> MedicineRequest:
        if not is_stable:
            raise NeedsVisit
        _require_weeks(session, asking, weeks, is_confirmed=is_confirmed)
        readings = _last_readings(session, asking)
        return RefillRequest(medicines, weeks, is_stable, is_confirmed, statement, readings)

    return _ask(session, asking, FlowKind.REFILL, asking.rules.why_not_refilled, wish)


def ask_delivery(
    session: Session,
    asking: Asking,
    recipient: str,
    phone: str,
    address: str,
    starts_at: datetime,
    ends_at: datetime,
) -> Asked:
    """Ask that prescribed medicines be brought; raises as `ask_refill`.

    :raises WindowNotPossible: the span of time lies behind, too far ahead, or is none
    """

    def wish(medicines: tuple[PrescribedMedicine, ...]) -> MedicineRequest:
        if not asking.now < starts_at < ends_at <= asking.now + _AHEAD:
            raise WindowNotPossible
        return MedicineDelivery(medicines, recipient, phone, address, starts_at, ends_at)

    return _ask(session, asking, FlowKind.DELIVERY, asking.rules.why_not_delivered, wish)


def ask_pickup(session: Session, asking: Asking, proxy: Proxy) -> Asked:
    """Let somebody else fetch prescribed medicines, with a code that works once.

    The caller made sure that the patient, or who acts for them, agrees. Raises as `ask_refill`.
    """

    def wish(medicines: tuple[PrescribedMedicine, ...]) -> MedicineRequest:
        code = "".join(secrets.choice("0123456789") for _ in range(_CODE_DIGITS))
        return MedicinePickup(
            medicines, proxy.name, proxy.relation, proxy.phone, proxy.identity_tail, code,
            asking.now + asking.rules.code_lasts, asking.now,
        )  # fmt: skip

    return _ask(session, asking, FlowKind.PICKUP, lambda _: None, wish)


def cancel(session: Session, patient_id: int, flow_id: str, now: datetime) -> MedicineFlow:
    """Call a service off; the hospital is told. Again, nothing changes.

    :raises NotFound: no such service of this patient
    :raises TooLateToCancel: it is dispensed, under way or over
    """
    flow = session.scalar(
        select(MedicineFlow).filter_by(public_id=flow_id, patient_id=patient_id).with_for_update()
    )
    if flow is None:
        raise NotFound
    if flow.state is FlowState.CANCELLED or flow.cancel_asked_at is not None:
        return flow
    if not may_cancel(flow.kind, flow.state):
        raise TooLateToCancel
    if flow.document_id is None:  # nothing was written yet: nobody else need know
        move(session, flow, FlowWord.CANCELLED, now)
        return flow
    flow.cancel_asked_at = now
    step = MedicineFlowStep(
        flow_id=flow.id, word=FlowWord.CANCEL_ASKED, state=flow.state, is_counted=True, at=now
    )
    session.add(step)
    session.flush()
    session.add(
        Event.of(
            "medicine-flow.given-up", now, patient_id=patient_id, flow_id=flow.id, step_id=step.id
        )
    )
    return flow


def _ask(
    session: Session,
    asking: Asking,
    kind: FlowKind,
    why_not: Callable[[str], str | None],
    wish: Callable[[tuple[PrescribedMedicine, ...]], MedicineRequest],
) -> Asked:
    # The lock makes two sends from one phone, and two phones of a family, take turns.
    patient = session.get_one(Patient, asking.patient_id, with_for_update=True)
    kept = session.scalar(
        select(MedicineFlow).filter_by(account_id=asking.account_id, reference=asking.reference)
    )
    if kept is not None:
        if kept.patient_id != patient.id:
            raise NotFound
        return Asked(kept, is_new=False)
    medicines = _chosen(session, asking, why_not)
    content = wish(medicines)
    _require_none_under_way(session, patient.id, kind, medicines)
    flow = MedicineFlow(
        kind=kind, patient_id=patient.id, account_id=asking.account_id,
        reference=asking.reference, care_team_id=_team(session, patient),
        state=FlowState.REQUESTED, content=write_content(content),
        changed_at=asking.now, created_at=asking.now,
    )  # fmt: skip
    session.add(flow)
    session.flush()
    session.add(Event.of("medicine-flow.asked", asking.now, patient_id=patient.id, flow_id=flow.id))
    return Asked(flow, is_new=True)


def _chosen(
    session: Session, asking: Asking, why_not: Callable[[str], str | None]
) -> tuple[PrescribedMedicine, ...]:
    at_hand = {
        one.request_id: one
        for one in medicines_at_hand(session, asking.patient_id, asking.now, asking.zone)
    }
    chosen = []
    for named in dict.fromkeys(asking.medicines):
        one = at_hand.get(named)
        if one is None:
            raise MedicineNotOffered("只能选择本院正在给您用的药，请刷新后重新选择")
        problem = why_not(one.name)
        if problem is not None:
            raise MedicineNotOffered(f"{one.name}：{problem}")
        chosen.append(PrescribedMedicine(one.code, one.prescription, one.dosage))
    return tuple(chosen)


def _require_none_under_way(
    session: Session, patient_id: int, kind: FlowKind, medicines: tuple[PrescribedMedicine, ...]
) -> None:
    codes = {one.code.code for one in medicines}
    running = session.scalars(
        select(MedicineFlow)
        .filter_by(patient_id=patient_id, kind=kind)
        .where(MedicineFlow.state.in_(OPEN))
    )
    if any(one.code.code in codes for flow in running for one in flow.wish.medicines):
        raise FlowUnderWay


def _require_weeks(session: Session, asking: Asking, weeks: int, *, is_confirmed: bool) -> None:
    """More than four weeks want a quiet record and the patient's word (see `medicine_rules`)."""
    if weeks > asking.rules.longest_weeks:
        raise TooManyWeeks(f"一次最多配 {asking.rules.longest_weeks} 周的药")
    if weeks <= USUAL_WEEKS:
        return
    if not is_confirmed:
        raise TooManyWeeks(f"超过 {USUAL_WEEKS} 周的用药需要您确认已了解注意事项")
    if any(one.grade is not Grade.MILD for one in open_alerts(session, asking.patient_id)):
        raise TooManyWeeks(f"您有健康提醒还在处理，这次先申请 {USUAL_WEEKS} 周以内的药")


def _last_readings(session: Session, asking: Asking) -> tuple[LastReading, ...]:
    """Return the newest value of what was measured lately, for the doctor who signs."""
    trends = trends_of(
        session, asking.patient_id, asking.now, asking.zone, _READING_DAYS, _READINGS
    )
    return tuple(
        LastReading(
            name=one.name,
            value=f"{one.points[-1].value.normalize():f}",
            unit=one.unit or "",
            at=one.points[-1].at,
            trend=one.sentence,
        )
        for one in trends
    )


def _team(session: Session, patient: Patient) -> int:
    try:
        return team_on_call(session, newest_plan(session, patient.id), patient.department_code)
    except NoTeam:
        raise NobodyToAsk from None
