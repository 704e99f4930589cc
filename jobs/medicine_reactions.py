"""What patients ask about medicines: handed to the hospital, followed, told, offered in time."""

from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session

from app import clock
from app.domain.exchange.medicine_documents import MedicineCancellation
from app.domain.exchange.medicine_flow import FlowState
from app.domain.exchange.medicine_words import CANCEL_REFUSED, QUIET, sentence
from app.domain.outreach.messaging import Lane
from app.domain.trust.access import Actor
from app.models import Event, MedicineFlow, OutboundDocument, Patient
from app.services.exchange import medicines, requesting
from app.services.outreach import patient_notices
from app.services.outreach.patient_notices import Notice
from app.services.plans import supply_offers
from jobs.chores import Work

_NOTICE_LIFE: Final = timedelta(days=2)
_TITLE: Final = "您的用药服务有新进展，请查看"
_CALLED_OFF: Final = "患者取消"
_LAPSED: Final = "逾期未办理或未取药"
_BY_CLOCK: Final = Actor("job", None, "medicine-flow")


def offer_refills(work: Work, session: Session, event: Event) -> None:
    if event.patient_id is None:
        return
    patient = session.get_one(Patient, event.patient_id)
    if event.kind == "patient.updated" and patient.deceased_at is None:
        return  # a new address or phone: nothing that medicines ask about
    supply_offers.offer_refills(session, patient.id, work.medicines, clock.now(), work.zone)


def hand_over_medicines(work: Work, session: Session, event: Event) -> None:
    """Write what a patient asked for to the hospital; a refill waits there for a signature."""
    now = clock.now()
    supply_offers.take_up(session, event.payload["flow_id"], now, work.zone)
    flow = medicines.lock_asked(session, event.payload["flow_id"])
    if flow is None:
        return
    document = requesting.request_medicines(
        session, flow.patient_id, flow.wish, flow.subject, _asker(flow), now
    )
    flow.document_id = document.id


def give_back_medicines(work: Work, session: Session, event: Event) -> None:
    flow = session.get_one(MedicineFlow, event.payload["flow_id"], with_for_update=True)
    if flow.document_id is None:
        return
    document = session.get_one(OutboundDocument, flow.document_id)
    is_lapsed = flow.state is FlowState.EXPIRED
    given_back = MedicineCancellation(
        document.number, document.filler_number or "", _LAPSED if is_lapsed else _CALLED_OFF
    )
    requesting.cancel_medicines(
        session, flow.patient_id, given_back, f"{flow.subject}:{event.payload['step_id']}",
        _BY_CLOCK if is_lapsed else _asker(flow), clock.now(),
    )  # fmt: skip


def follow_medicines(work: Work, session: Session, event: Event) -> None:
    medicines.follow(session, event, clock.now())


def tell_of_medicines(work: Work, session: Session, event: Event) -> None:
    """Say each state once, in reviewed words; the lock screen shows that there is something."""
    flow = session.get_one(MedicineFlow, event.payload["flow_id"])
    patient = session.get_one(Patient, flow.patient_id)
    if patient.deceased_at is not None:
        return
    if event.kind == "medicine-flow.kept":
        state, name, text = None, f"kept-{event.id}", CANCEL_REFUSED.format(kind=flow.kind.label)
    else:
        state = FlowState(event.payload["state"])
        name, text = state.value, sentence(flow.kind, state)
        if state is FlowState.REFUSED and flow.declined_for is not None:
            text = flow.declined_for.advice
    now = clock.now()
    notice = Notice(
        kind="task-reminder", subject=f"{flow.subject}:{name}", title=_TITLE,
        text=text, page=f"pages/medicine/index?service={flow.public_id}",
        lane=Lane.TRANSACTIONAL, expires_at=now + _NOTICE_LIFE, is_inbox_alone=state in QUIET,
    )  # fmt: skip
    patient_notices.notify_patient(session, flow.patient_id, notice, now, work.zone, work.outlets)


def _asker(flow: MedicineFlow) -> Actor:
    return Actor("wechat-account", flow.account_id, "medicine-flow")
