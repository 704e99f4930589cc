"""Refill, delivery and pick-up by proxy: asked, signed, handed over, answered, told, called off."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.errors import ApprovalRefused, DocumentUnderWay, NotFound
from app.domain.exchange.answers import Answer, Verdict
from app.domain.exchange.delivering import DeliveryState
from app.domain.exchange.documents import DocumentKind, DocumentStatus, read_content
from app.domain.exchange.medicine_documents import MedicineCancellation, MedicinePickup
from app.domain.exchange.medicine_flow import FlowState, FlowWord, RefusalReason
from app.domain.exchange.medicine_rules import MedicineRules
from app.domain.intake.clinical_records import RequestStatus
from app.domain.outreach.messaging import Channel
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.plans.rules import Grade
from app.domain.trust.access import Actor
from app.integrations.fhir.reader import Reader
from app.models import (
    Communication,
    Event,
    InboundMessage,
    MedicationRequest,
    MedicineFlow,
    MedicineFlowStep,
    OutboundDelivery,
    OutboundDocument,
    Patient,
    PatientIdentifier,
    Task,
    TaskOwner,
)
from app.models.exchange.answering import take_answers
from app.models.exchange.claims import end_document
from app.services.exchange import handing_over, medicines, requesting
from app.services.exchange.medicines import Asking, Proxy, Show
from app.services.exchange.medicines.errors import (
    FlowUnderWay,
    MedicineNotOffered,
    NeedsVisit,
    TooLateToCancel,
    TooManyWeeks,
    WindowNotPossible,
)
from app.services.intake import interpret_message, patient_index
from app.services.outreach import patient_notices
from app.services.plans import plan_expansion
from tests import factories
from tests.conftest import NOON
from tests.integration.records import digest
from tests.integration.test_the_loop import hospital_clock, settle
from tests.integration.ward import OUTLETS, Ward, build, grant, measure

__all__ = ["hospital_clock"]

pytestmark = pytest.mark.usefixtures("hospital_clock")

MR = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}
ROUTES = dict.fromkeys(DocumentKind, "his")
RULES = MedicineRules()
PROXY = Proxy("李家属", "女儿", "12000000002", "123X")


@pytest.fixture
def ward(session: Session) -> Ward:
    return build(session)


def prescribed(session: Session, ward: Ward, code: str = "M01", **more: Any) -> MedicationRequest:
    """Keep a medicine dispensed 20 days ago for 28, unless `more` says otherwise."""
    values: dict[str, Any] = {
        "display": "二甲双胍片", "status": RequestStatus.ACTIVE, "quantity": Decimal(56),
        "quantity_unit": "片", "dose": Decimal(1), "dose_unit": "片", "frequency": "BID",
        "authored_at": NOON - timedelta(days=20), "dispensed_at": NOON - timedelta(days=20),
        **more,
    }  # fmt: skip
    row = MedicationRequest(
        patient_id=ward.patient.id, code=code, code_system="", issuer="HIS", number=f"RX{code}",
        identity=digest("rx", code, str(values["authored_at"])), created_at=NOON, **values,
    )  # fmt: skip
    session.add(row)
    session.flush()
    session.add(Event.of("medication-request.recorded", NOON, patient_id=ward.patient.id))
    session.flush()
    return row


def asking(ward: Ward, *rows: MedicationRequest, reference: str = "ref-1") -> Asking:
    return Asking(
        ward.patient.id, ward.account.id, reference, tuple(row.public_id for row in rows), RULES,
        NOON, HOSPITAL,
    )  # fmt: skip


def ask_refill(
    session: Session, ward: Ward, *rows: MedicationRequest, weeks: int = 4, **more: Any
) -> MedicineFlow:
    said = {"is_stable": True, "is_confirmed": False, "statement": "", **more}
    reference = said.pop("reference", "ref-1")
    wish = asking(ward, *rows, reference=reference)
    return medicines.ask_refill(session, wish, weeks, **said).flow


def handed_over(session: Session, flow: MedicineFlow) -> OutboundDocument:
    """Let the hospital's system take what was written."""
    settle(session)
    handing_over.queue_approved(session, ROUTES, NOON)
    document = session.get_one(OutboundDocument, flow.document_id)
    delivery = session.scalars(select(OutboundDelivery).filter_by(document_id=document.id)).one()
    delivery.state, document.status = DeliveryState.DONE, DocumentStatus.SENT
    session.add(
        Event.of("outbound.sent", NOON, patient_id=flow.patient_id, document_id=document.id)
    )
    session.flush()
    settle(session)
    return document


def answered(
    session: Session, document: OutboundDocument, verdict: Verdict, minutes: int, reason: str = ""
) -> None:
    at = NOON + timedelta(minutes=minutes)
    take_answers(session, [Answer(document.number, verdict, at, "T77", reason)], NOON)
    session.flush()
    settle(session)


def inbox(session: Session) -> list[str]:
    rows = session.scalars(
        select(Communication).filter_by(channel=Channel.INBOX).order_by(Communication.id)
    )
    return [row.content or "" for row in rows]


def staff_tasks(session: Session) -> list[tuple[str, TaskStatus]]:
    rows = session.scalars(select(Task).filter_by(owner=TaskOwner.STAFF).order_by(Task.id))
    return [(row.title, row.status) for row in rows]


def test_a_refill_waits_for_a_doctor_and_ends_in_the_patients_hand(
    session: Session, ward: Ward
) -> None:
    flow = ask_refill(session, ward, prescribed(session, ward))
    settle(session)

    assert flow.state is FlowState.AWAITING_SIGNATURE
    assert handing_over.queue_approved(session, ROUTES, NOON) == 0
    assert staff_tasks(session) == [("长处方续方申请待医生审核", TaskStatus.READY)]

    requesting.approve(session, flow.document_id or 0, ward.doctor.id, NOON)
    medicines.note_signature(session, flow, NOON)
    document = handed_over(session, flow)
    assert flow.state is FlowState.HANDED_OVER
    assert staff_tasks(session)[0][1] is TaskStatus.COMPLETED

    for minutes, verdict in ((1, Verdict.ACCEPTED), (2, Verdict.READY), (3, Verdict.COMPLETED)):
        answered(session, document, verdict, minutes)
        answered(session, document, verdict, minutes)  # a repeat

    assert flow.state is FlowState.COMPLETED
    told = inbox(session)
    assert len(told) == len(set(told)) == 6
    assert "等医生审核" in told[0]
    assert "核对药名" in told[-1]
    steps = session.scalars(select(MedicineFlowStep).order_by(MedicineFlowStep.id)).all()
    assert [step.word for step in steps] == [
        FlowWord.DRAFTED, FlowWord.SIGNED, FlowWord.SENT, FlowWord.ACCEPTED, FlowWord.READY,
        FlowWord.COMPLETED,
    ]  # fmt: skip


def test_a_patient_is_called_for_news_and_not_for_what_they_just_did(
    session: Session, ward: Ward
) -> None:
    def called() -> int:
        rows = session.scalars(select(Communication).where(Communication.channel != Channel.INBOX))
        return sum("用药服务" in (row.content or "") for row in rows)

    grant(session, ward, 5)
    flow = medicines.ask_pickup(session, asking(ward, prescribed(session, ward)), PROXY).flow
    document = handed_over(session, flow)
    assert called() == 0

    answered(session, document, Verdict.ACCEPTED, 1)
    assert called() == 1


def test_late_answers_change_nothing_and_stay_in_the_history(session: Session, ward: Ward) -> None:
    row = prescribed(session, ward)
    flow = medicines.ask_pickup(session, asking(ward, row), PROXY).flow
    document = handed_over(session, flow)

    answered(session, document, Verdict.READY, 5)
    answered(session, document, Verdict.ACCEPTED, 1)  # said before, arrived after
    assert flow.state is FlowState.READY
    # The same from a hospital that puts no time on its answers.
    answered(session, document, Verdict.ACCEPTED, 9)

    assert flow.state is FlowState.READY
    last = session.scalars(select(MedicineFlowStep).order_by(MedicineFlowStep.id.desc())).first()
    assert last is not None
    assert (last.word, last.is_counted) == (FlowWord.ACCEPTED, False)


def test_a_refusal_of_the_hospital_becomes_a_task_with_its_reason(
    session: Session, ward: Ward
) -> None:
    flow = medicines.ask_pickup(session, asking(ward, prescribed(session, ward)), PROXY).flow
    document = handed_over(session, flow)

    answered(session, document, Verdict.REFUSED, 1, "库存不足")

    assert flow.state is FlowState.REFUSED
    task = session.scalars(select(Task).filter_by(owner=TaskOwner.STAFF)).one()
    assert task.title == "代配药：医院没有办理，请联系患者"
    assert (task.note, task.care_team_id) == ("医院的答复：库存不足", ward.team.id)
    # The hospital's words are for staff; the patient is told that somebody will call.
    assert "护理团队会与您联系" in inbox(session)[-1]
    assert not any("库存" in text for text in inbox(session))


def test_a_doctor_who_declines_tells_why_and_nothing_leaves(session: Session, ward: Ward) -> None:
    flow = ask_refill(session, ward, prescribed(session, ward))
    settle(session)

    with pytest.raises(ApprovalRefused):
        medicines.decline(session, flow, ward.nurse.id, RefusalReason.NEEDS_VISIT, NOON)
    medicines.decline(session, flow, ward.doctor.id, RefusalReason.NEEDS_VISIT, NOON)
    doctor = Actor("practitioner", ward.doctor.id)
    requesting.withdraw(session, flow.document_id or 0, doctor, NOON)
    session.flush()
    settle(session)

    assert flow.state is FlowState.REFUSED
    assert "预约门诊复诊" in inbox(session)[-1]
    assert [status for _, status in staff_tasks(session)] == [TaskStatus.COMPLETED]
    with pytest.raises(DocumentUnderWay):
        medicines.decline(session, flow, ward.doctor.id, RefusalReason.OTHER, NOON)


def test_what_has_not_left_is_cancelled_here(session: Session, ward: Ward) -> None:
    flow = ask_refill(session, ward, prescribed(session, ward))
    settle(session)

    for _ in range(2):
        medicines.cancel(session, ward.patient.id, flow.public_id, NOON)
    session.flush()
    settle(session)

    assert flow.state is FlowState.CANCELLED
    assert session.get_one(OutboundDocument, flow.document_id).status is DocumentStatus.CANCELLED
    assert session.scalars(select(OutboundDocument.kind)).all() == [DocumentKind.REFILL_REQUEST]
    assert [status for _, status in staff_tasks(session)] == [TaskStatus.CANCELLED]


def test_what_the_hospital_has_is_asked_back_from_it(session: Session, ward: Ward) -> None:
    flow = medicines.ask_pickup(session, asking(ward, prescribed(session, ward)), PROXY).flow
    document = handed_over(session, flow)
    answered(session, document, Verdict.READY, 1)

    medicines.cancel(session, ward.patient.id, flow.public_id, NOON)
    session.flush()
    settle(session)

    back = session.scalars(
        select(OutboundDocument).filter_by(kind=DocumentKind.MEDICINE_CANCELLATION)
    ).one()
    told = read_content(back.kind, back.content or "")
    assert isinstance(told, MedicineCancellation)
    assert (told.placer, told.filler, back.revokes_id) == (document.number, "T77", document.id)
    assert flow.state is FlowState.READY
    assert flow.cancel_asked_at is not None

    back.status = DocumentStatus.SENT
    answered(session, back, Verdict.COMPLETED, 2)
    assert (flow.state, flow.cancel_asked_at) == (FlowState.CANCELLED, None)


def test_a_cancellation_that_the_hospital_refuses_is_told_and_may_be_asked_again(
    session: Session, ward: Ward
) -> None:
    flow = medicines.ask_pickup(session, asking(ward, prescribed(session, ward)), PROXY).flow
    handed_over(session, flow)
    medicines.cancel(session, ward.patient.id, flow.public_id, NOON)
    session.flush()
    settle(session)
    kind = DocumentKind.MEDICINE_CANCELLATION
    back = session.scalars(select(OutboundDocument).filter_by(kind=kind)).one()
    back.status = DocumentStatus.SENT
    answered(session, back, Verdict.REFUSED, 1)

    assert (flow.state, flow.cancel_asked_at) == (FlowState.HANDED_OVER, None)
    assert "没有同意取消" in inbox(session)[-1]
    assert staff_tasks(session)[-1][0] == "患者想取消用药服务，医院没有同意，请联系"

    medicines.cancel(session, ward.patient.id, flow.public_id, NOON)
    session.flush()
    settle(session)
    assert len(session.scalars(select(OutboundDocument.id).filter_by(kind=kind)).all()) == 2


def test_nothing_on_its_way_is_cancelled(session: Session, ward: Ward) -> None:
    row = prescribed(session, ward)
    flow = medicines.ask_delivery(
        session, asking(ward, row), "李测试", "12000000001", "演示路 1 号",
        NOON + timedelta(days=1), NOON + timedelta(days=1, hours=2),
    ).flow  # fmt: skip
    document = handed_over(session, flow)
    answered(session, document, Verdict.READY, 1)

    with pytest.raises(TooLateToCancel):
        medicines.cancel(session, ward.patient.id, flow.public_id, NOON)
    with pytest.raises(NotFound):
        medicines.cancel(session, ward.patient.id + 1, flow.public_id, NOON)


def test_what_never_arrives_ends_with_a_task(session: Session, ward: Ward) -> None:
    flow = medicines.ask_pickup(session, asking(ward, prescribed(session, ward)), PROXY).flow
    settle(session)
    end_document(session, flow.document_id or 0, DocumentStatus.FAILED, NOON)
    session.flush()
    settle(session)

    assert flow.state is FlowState.EXPIRED
    assert staff_tasks(session)[-1][0] == "代配药：没有按时办成，请联系患者"
    assert "请不要自行停药" in inbox(session)[-1]


def test_a_code_that_ran_out_ends_the_pickup_and_frees_the_medicine(
    session: Session, ward: Ward, hospital_clock: list[datetime]
) -> None:
    flow = medicines.ask_pickup(session, asking(ward, prescribed(session, ward)), PROXY).flow
    document = handed_over(session, flow)
    answered(session, document, Verdict.READY, 1)
    wish = flow.wish
    assert isinstance(wish, MedicinePickup)
    assert wish.code.isdecimal()
    assert len(wish.code) == 8
    assert medicines.lapse(session, wish.code_expires_at - timedelta(seconds=1)) == 0

    hospital_clock[0] = wish.code_expires_at
    assert medicines.lapse(session, wish.code_expires_at) == 1
    session.flush()
    settle(session)

    assert flow.state is FlowState.EXPIRED
    kinds = session.scalars(select(OutboundDocument.kind).order_by(OutboundDocument.id)).all()
    assert kinds == [DocumentKind.MEDICINE_PICKUP, DocumentKind.MEDICINE_CANCELLATION]
    detail = medicines.flow_in_full(session, ward.patient.id, flow.public_id, NOON)
    assert detail.code is None
    # Fetched in the last minute, told late: a fact.
    answered(session, document, Verdict.COMPLETED, 9)
    assert flow.state is FlowState.COMPLETED


def test_a_delivery_never_confirmed_is_not_asked_back(session: Session, ward: Ward) -> None:
    row = prescribed(session, ward)
    flow = medicines.ask_delivery(
        session, asking(ward, row), "李测试", "12000000001", "演示路 1 号",
        NOON + timedelta(days=1), NOON + timedelta(days=1, hours=2),
    ).flow  # fmt: skip
    answered(session, handed_over(session, flow), Verdict.READY, 1)

    assert medicines.lapse(session, NOON + timedelta(days=8)) == 1
    session.flush()
    settle(session)

    assert session.scalars(select(OutboundDocument.kind)).all() == [DocumentKind.MEDICINE_DELIVERY]


def test_a_task_that_comes_by_fhir_answers(session: Session, ward: Ward) -> None:
    number = PatientIdentifier(
        patient_id=ward.patient.id, issuer="HIS", type_code="MR", value="MR0001", created_at=NOON
    )
    session.add(number)
    flow = medicines.ask_pickup(session, asking(ward, prescribed(session, ward)), PROXY).flow
    document = handed_over(session, flow)
    task = {
        "resourceType": "Task", "status": "ready", "intent": "order",
        "for": {"identifier": {"system": "HIS", "type": MR, "value": "MR0001"}},
        "identifier": [{"system": "urn:careloop:outbound", "value": document.number}],
        "meta": {"lastUpdated": "2026-05-04T05:00:00Z"},
    }  # fmt: skip
    body = json.dumps(task).encode()
    inbound = InboundMessage(
        source="his", dedupe_key=bytes(32), kind="Task", body=body.decode(), status="received",
        received_at=NOON,
    )  # fmt: skip
    session.add(inbound)
    session.flush()

    interpret_message(session, inbound, Reader()("his", body), NOON)
    settle(session)

    assert flow.state is FlowState.READY


def test_a_merge_takes_the_service_along(session: Session, ward: Ward) -> None:
    flow = medicines.ask_pickup(session, asking(ward, prescribed(session, ward)), PROXY).flow
    document = handed_over(session, flow)
    survivor = factories.patient(session, department_code="ENDO")
    patient_index.merge(session, survivor, ward.patient, version="1", now=NOON)
    settle(session)
    answered(session, document, Verdict.READY, 1)

    assert (flow.state, flow.patient_id) == (FlowState.READY, survivor.id)
    shown = medicines.flow_in_full(session, survivor.id, flow.public_id, NOON)
    assert shown.line.label == "可以取药"


# --------------------------------------------------------------------------- what is not taken


def test_the_same_reference_asks_once_and_the_same_medicine_not_twice(
    session: Session, ward: Ward
) -> None:
    row = prescribed(session, ward)
    first = ask_refill(session, ward, row)

    assert ask_refill(session, ward, row).id == first.id
    with pytest.raises(FlowUnderWay):
        ask_refill(session, ward, row, reference="ref-2")
    # Another service for the same medicine is another thing.
    assert medicines.ask_pickup(session, asking(ward, row, reference="ref-3"), PROXY).is_new


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ({"is_stable": False}, NeedsVisit),
        ({"weeks": 13, "is_confirmed": True}, TooManyWeeks),
        ({"weeks": 8}, TooManyWeeks),
    ],
)
def test_the_rule_of_long_prescriptions_holds(
    session: Session, ward: Ward, said: dict[str, Any], refused: type[Exception]
) -> None:
    row = prescribed(session, ward)

    with pytest.raises(refused):
        ask_refill(session, ward, row, **said)
    assert ask_refill(session, ward, row, weeks=8, is_confirmed=True).wish is not None


def test_with_an_open_alert_four_weeks_are_the_most(session: Session, ward: Ward) -> None:
    row = prescribed(session, ward)
    factories.alert(session, ward.patient, ward.team, grade=Grade.MODERATE)

    with pytest.raises(TooManyWeeks):
        ask_refill(session, ward, row, weeks=8, is_confirmed=True)
    assert ask_refill(session, ward, row).state is FlowState.REQUESTED


def test_only_ones_own_medicines_that_are_for_it_are_taken(session: Session, ward: Ward) -> None:
    stopped = prescribed(session, ward, "M02", status=RequestStatus.STOPPED)
    asleep = prescribed(session, ward, "M03", display="艾司唑仑片")
    cold = prescribed(session, ward, "M04", display="门冬胰岛素注射液")
    other = factories.patient(session)
    foreign = prescribed(session, ward, "M05")
    foreign.patient_id = other.id
    session.flush()

    for row in (stopped, asleep, cold, foreign):
        with pytest.raises(MedicineNotOffered):
            ask_refill(session, ward, row)
    with pytest.raises(MedicineNotOffered):
        medicines.ask_delivery(
            session, asking(ward, cold), "李测试", "12000000001", "演示路 1 号",
            NOON + timedelta(days=1), NOON + timedelta(days=2),
        )  # fmt: skip
    # Somebody may fetch it at the counter, where it is kept cold.
    assert medicines.ask_pickup(session, asking(ward, cold), PROXY).is_new


@pytest.mark.parametrize(("begins", "ends"), [(-1, 1), (2, 1), (1, 15)])
def test_a_delivery_lies_within_two_weeks(
    session: Session, ward: Ward, begins: int, ends: int
) -> None:
    wish = asking(ward, prescribed(session, ward))

    with pytest.raises(WindowNotPossible):
        medicines.ask_delivery(
            session, wish, "李测试", "12000000001", "演示路 1 号",
            NOON + timedelta(days=begins), NOON + timedelta(days=ends),
        )  # fmt: skip


def test_nothing_said_of_a_proxy_or_an_address_is_readable_in_the_database(
    session: Session, ward: Ward
) -> None:
    row = prescribed(session, ward)
    flow = medicines.ask_pickup(session, asking(ward, row), PROXY).flow
    settle(session)

    document = session.get_one(OutboundDocument, flow.document_id)
    for sealed in (flow.content_sealed, document.content_sealed):
        assert "李家属".encode() not in sealed
        assert b"123X" not in sealed


# ------------------------------------------------------------------------------------- offering


def offers(session: Session) -> list[Task]:
    return list(session.scalars(select(Task).filter_by(owner=TaskOwner.PATIENT, kind="refill")))


def test_a_refill_is_offered_before_the_medicine_runs_out(session: Session, ward: Ward) -> None:
    prescribed(session, ward)  # 28 days from 20 days ago: 8 more
    prescribed(session, ward, "M02", display="阿托伐他汀钙片")
    prescribed(session, ward, "M03", display="阿莫西林胶囊")  # not for a long prescription
    # A course of a week, with five days left.
    lately = {"authored_at": NOON - timedelta(days=2), "dispensed_at": NOON - timedelta(days=2)}
    prescribed(session, ward, "M04", display="布洛芬片", quantity=Decimal(14), **lately)
    settle(session)
    settle(session)

    (task,) = offers(session)
    assert task.title == "您的药还够 7 天（到 5月12日），可以申请续方或送药到家"
    assert task.note == "阿托伐他汀钙片、二甲双胍片"
    begins = task.starts_at.astimezone(HOSPITAL)
    assert (begins.date(), begins.hour) == (date(2026, 5, 5), 9)

    plan_expansion.open_due_tasks(session, task.starts_at)
    session.expire_all()
    assert task.status is TaskStatus.READY
    assert patient_notices.remind_of_tasks(session, task.starts_at, HOSPITAL, OUTLETS) == 1
    assert (task.remind_at, "您的药还够 7 天" in inbox(session)[-1]) == (None, True)


def test_a_new_dispensing_moves_the_offer(session: Session, ward: Ward) -> None:
    prescribed(session, ward)
    settle(session)
    prescribed(session, ward, authored_at=NOON, dispensed_at=NOON)
    settle(session)

    old, new = sorted(offers(session), key=lambda task: task.id)
    assert old.status is TaskStatus.CANCELLED
    assert new.starts_at - old.starts_at == timedelta(days=28)


def test_asking_takes_the_offer_up_and_it_is_not_made_again(session: Session, ward: Ward) -> None:
    row = prescribed(session, ward)
    settle(session)
    ask_refill(session, ward, row)
    settle(session)
    session.add(Event.of("medication-request.recorded", NOON, patient_id=ward.patient.id))
    session.flush()
    settle(session)

    assert [task.status for task in offers(session)] == [TaskStatus.COMPLETED]


def test_the_dead_are_offered_and_told_nothing(session: Session, ward: Ward) -> None:
    row = prescribed(session, ward)
    ask_refill(session, ward, row)
    session.get_one(Patient, ward.patient.id).deceased_at = NOON
    session.flush()
    settle(session)

    assert offers(session) == []
    assert inbox(session) == []


def test_a_death_takes_the_offers_back(session: Session, ward: Ward) -> None:
    prescribed(session, ward)
    settle(session)
    session.get_one(Patient, ward.patient.id).deceased_at = NOON
    session.add(Event.of("patient.updated", NOON, patient_id=ward.patient.id))
    session.flush()
    settle(session)

    assert [task.status for task in offers(session)] == [TaskStatus.CANCELLED]


# -------------------------------------------------------------------------------------- reading


def test_the_doctor_sees_what_was_measured_and_only_of_their_team(
    session: Session, ward: Ward
) -> None:
    measure(session, ward, "6.1", NOON - timedelta(days=1))
    ask_refill(session, ward, prescribed(session, ward), statement="最近胃口好")
    settle(session)
    stranger = factories.practitioner(session, teams=[factories.care_team(session)])

    found = medicines.flows_for_staff(session, ward.doctor.id, Show.TO_SIGN, NOON)
    (line,) = found.lines
    assert (line.weeks, line.is_stable, line.statement) == (4, True, "最近胃口好")
    assert [(one.name, one.value) for one in line.readings] == [("血糖", "6.1")]
    assert found.counts == {Show.TO_SIGN: 1, Show.OPEN: 0, Show.ENDED: 0}
    assert medicines.flows_for_staff(session, stranger.id, Show.TO_SIGN, NOON).lines == ()
    with pytest.raises(NotFound):
        medicines.find_for_staff(session, line.id, stranger.id)


def test_each_medicine_says_how_long_it_lasts_and_what_it_is_for(
    session: Session, ward: Ward
) -> None:
    prescribed(session, ward)
    prescribed(session, ward, "M04", display="门冬胰岛素注射液", quantity=None)

    found = {
        one.name: (one.days_left, one.why_not_delivered)
        for one in medicines.medicines_of(session, ward.patient.id, RULES, NOON, HOSPITAL)
    }
    assert found == {
        "二甲双胍片": (8, None),
        "门冬胰岛素注射液": (None, "需要冷藏的药品，只能到医院领取"),
    }
