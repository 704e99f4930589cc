"""Asking a hospital system: once, signed where a clinician must, and answered by our number."""

import json
from collections.abc import Iterable
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.errors import ApprovalRefused, DocumentUnderWay, NotFound
from app.domain.exchange.answers import Answer, Verdict
from app.domain.exchange.documents import (
    AdmissionCertificate,
    AppointmentCancellation,
    DocumentKind,
    DocumentStatus,
)
from app.domain.intake.hospital_records import Coded
from app.domain.trust.access import Actor, StaffRole
from app.integrations.hl7.interpret import Reader
from app.integrations.hl7.source import Source
from app.models import AuditEvent, Event, InboundMessage, OutboundDelivery, OutboundDocument
from app.models.exchange.answering import take_answers
from app.services.exchange import deliveries, handing_over, requesting
from app.services.intake import interpret_message
from tests import factories
from tests.conftest import NOON
from tests.integration.requests import (
    BOOKING,
    ENDOCRINOLOGY,
    NURSE,
    POTASSIUM,
    TOLD,
    approved_exam,
    known_patient,
)
from tests.unit.hl7.messages import message

ROUTES = dict.fromkeys(DocumentKind, "his")
PATIENT = Actor("wechat-account", 7, "test")


def happened(session: Session) -> list[str]:
    session.flush()
    kinds = session.scalars(select(Event.kind).order_by(Event.id))
    return [kind for kind in kinds if kind.startswith("outbound.")]


def statuses(documents: Iterable[OutboundDocument]) -> list[DocumentStatus]:
    return [one.status for one in documents]


def test_a_patients_wish_for_an_exam_is_no_order(session: Session) -> None:
    patient = known_patient(session)

    document = requesting.request_exam(session, patient.id, POTASSIUM, "wish:1", PATIENT, NOON)

    assert document.status is DocumentStatus.DRAFT
    assert handing_over.queue_approved(session, ROUTES, NOON) == 0
    assert happened(session) == ["outbound.drafted"]


def test_a_nurses_signature_sends_an_exam_request(session: Session) -> None:
    patient, nurse = known_patient(session), factories.practitioner(session)
    document = requesting.request_exam(session, patient.id, POTASSIUM, "alert:1", NURSE, NOON)

    for _ in range(2):
        requesting.approve(session, document.id, nurse.id, NOON)
    assert handing_over.queue_approved(session, ROUTES, NOON) == 1
    assert handing_over.queue_approved(session, ROUTES, NOON) == 0

    assert document.status is DocumentStatus.QUEUED
    assert (document.approver_id, document.target) == (nurse.id, "his:his")
    assert happened(session) == ["outbound.drafted", "outbound.approved"]
    audited = session.scalars(select(AuditEvent.action).filter_by(entity="outbound-document"))
    assert list(audited) == ["create", "approve"]


@pytest.mark.parametrize(
    ("role", "is_active"),
    [(StaffRole.NURSE, True), (StaffRole.OPERATOR, True), (StaffRole.DOCTOR, False)],
)
def test_an_admission_is_signed_by_an_active_doctor_alone(
    session: Session, role: StaffRole, is_active: bool
) -> None:
    patient = known_patient(session)
    other = factories.practitioner(session, role=role, is_active=is_active)
    doctor = factories.practitioner(session, role=StaffRole.DOCTOR)
    certificate = AdmissionCertificate(ENDOCRINOLOGY, Coded("E11.9", "2型糖尿病"))
    document = requesting.request_admission(
        session, patient.id, certificate, "visit:1", NURSE, NOON
    )

    with pytest.raises(ApprovalRefused):
        requesting.approve(session, document.id, other.id, NOON)
    with pytest.raises(ApprovalRefused):
        requesting.approve(session, document.id, 999_999, NOON)
    assert document.status is DocumentStatus.DRAFT
    requesting.approve(session, document.id, doctor.id, NOON)

    assert document.status is DocumentStatus.APPROVED


def test_the_same_thing_is_asked_once_and_a_new_revision_again(session: Session) -> None:
    patient, other = known_patient(session), known_patient(session, "P0002")

    first = requesting.request_exam(session, patient.id, POTASSIUM, "alert:1", NURSE, NOON)
    again = requesting.request_exam(session, patient.id, POTASSIUM, "alert:1", NURSE, NOON)
    revised = requesting.request_exam(
        session, patient.id, POTASSIUM, "alert:1", NURSE, NOON, revision=2
    )
    others = requesting.request_exam(session, other.id, POTASSIUM, "alert:1", NURSE, NOON)

    assert again is first
    assert len({first.number, revised.number, others.number}) == 3
    assert happened(session) == ["outbound.drafted"] * 3


def test_a_request_for_a_retired_record_is_made_for_the_person(session: Session) -> None:
    survivor, retired = known_patient(session), known_patient(session, "P0002")
    retired.merged_into_id = survivor.id
    session.flush()

    document = requesting.request_exam(session, retired.id, POTASSIUM, "alert:1", NURSE, NOON)

    assert document.patient_id == survivor.id


def test_the_content_is_sealed_and_its_number_fits_the_oldest_field(session: Session) -> None:
    document = requesting.hand_over_previsit(
        session, known_patient(session).id, TOLD, "visit:1", PATIENT, NOON
    )

    assert document.status is DocumentStatus.APPROVED
    assert "口渴".encode() not in document.content_sealed
    assert len(document.number) <= 20
    assert document.number.isalnum()
    assert document.number.isupper()


def test_a_booking_that_has_not_left_is_taken_back_without_a_word(session: Session) -> None:
    patient = known_patient(session)
    booking = requesting.request_appointment(session, patient.id, BOOKING, "task:1", PATIENT, NOON)
    handing_over.queue_approved(session, ROUTES, NOON)

    given = AppointmentCancellation(placer=booking.number)
    taken = requesting.cancel_appointment(session, patient.id, given, "task:1", PATIENT, NOON)

    assert taken is booking
    assert booking.status is DocumentStatus.CANCELLED
    assert session.scalars(select(OutboundDelivery.state)).one() == "cancelled"
    assert session.scalar(select(func.count()).select_from(OutboundDocument)) == 1


def test_a_cancellation_waits_for_the_booking_it_gives_back(session: Session) -> None:
    patient = known_patient(session)
    booking = requesting.request_appointment(session, patient.id, BOOKING, "task:1", PATIENT, NOON)
    handing_over.queue_approved(session, ROUTES, NOON)
    token, ids = deliveries.claim(session, ["his:his"], NOON, 5)
    handing_over.begin_handing_over(session, token, ids, NOON)

    given = AppointmentCancellation(placer=booking.number)
    back = requesting.cancel_appointment(session, patient.id, given, "task:1", PATIENT, NOON)

    assert back.revokes_id == booking.id
    assert handing_over.queue_approved(session, ROUTES, NOON) == 0
    booking.status = DocumentStatus.SENT
    session.flush()
    assert handing_over.queue_approved(session, ROUTES, NOON) == 1


def test_nobody_gives_back_another_persons_booking(session: Session) -> None:
    patient, other = known_patient(session), known_patient(session, "P0002")
    booking = requesting.request_appointment(session, patient.id, BOOKING, "task:1", PATIENT, NOON)

    with pytest.raises(NotFound):
        requesting.cancel_appointment(
            session, other.id, AppointmentCancellation(booking.number), "x", PATIENT, NOON
        )


def test_what_may_have_left_is_not_withdrawn(session: Session) -> None:
    document = approved_exam(session, known_patient(session))
    handing_over.queue_approved(session, ROUTES, NOON)
    token, ids = deliveries.claim(session, ["his:his"], NOON, 5)
    handing_over.begin_handing_over(session, token, ids, NOON)

    with pytest.raises(DocumentUnderWay):
        requesting.withdraw(session, document.id, NURSE, NOON)


# -------------------------------------------------------------------------------- the answers


def test_the_newest_answer_stands_whatever_the_order_of_arrival(session: Session) -> None:
    document = approved_exam(session, known_patient(session))
    document.status = DocumentStatus.SENT
    accepted = Answer(document.number, Verdict.ACCEPTED, NOON, "F1")
    done = Answer(document.number, Verdict.COMPLETED, NOON + timedelta(hours=1), "F1")

    for answer in (done, accepted, done):
        take_answers(session, [answer], NOON, patient_id=document.patient_id)

    assert document.status is DocumentStatus.COMPLETED
    assert document.filler_number == "F1"
    assert happened(session)[2:] == ["outbound.completed"]


def test_an_answer_to_another_patients_request_is_left_out_and_reported(session: Session) -> None:
    document = approved_exam(session, known_patient(session))
    document.status = DocumentStatus.SENT
    other = known_patient(session, "P0002")
    answer = Answer(document.number, Verdict.ACCEPTED, NOON)

    notes = take_answers(session, [answer], NOON, patient_id=other.id)

    assert notes == ("answer-to-another-patients-request",)
    assert document.status is DocumentStatus.SENT


def test_a_refusal_keeps_its_words_sealed(session: Session) -> None:
    document = approved_exam(session, known_patient(session))
    document.status = DocumentStatus.SENT

    take_answers(session, [Answer(document.number, Verdict.REFUSED, NOON, "", "无此项目")], NOON)

    assert document.status is DocumentStatus.REFUSED
    assert document.answer == "无此项目"
    events = session.scalars(select(Event.payload).filter_by(kind="outbound.refused"))
    assert "无此项目" not in json.dumps(list(events), ensure_ascii=False)


def test_a_booking_of_the_hospital_that_comes_by_hl7_accepts_our_request(session: Session) -> None:
    patient = known_patient(session, "80001")
    wish = requesting.request_appointment(session, patient.id, BOOKING, "task:1", PATIENT, NOON)
    wish.status = DocumentStatus.SENT
    body = message(
        f"SCH|{wish.number}^CARELOOP|B77^HIS|||||||||^^^20260506120000||||||||||||||BOOKED",
        "PID|1||80001^^^HIS^MR", "RGS|1|A", "AIL|1|A|ENDO", kind="SIU^S12",
        sent="20260504110000",
    )  # fmt: skip
    inbound = InboundMessage(
        source="hl7:his", dedupe_key=bytes(32), kind="SIU^S12", body=body.decode(),
        status="received", received_at=NOON,
    )  # fmt: skip
    session.add(inbound)

    interpret_message(session, inbound, Reader([Source("his")])("his", body), NOON)

    assert inbound.status == "processed"
    assert wish.status is DocumentStatus.ACCEPTED
    assert wish.filler_number == "B77"
    assert happened(session)[-1] == "outbound.accepted"


@pytest.mark.parametrize(
    ("control", "status"), [("SC", DocumentStatus.ACCEPTED), ("UA", DocumentStatus.REFUSED)]
)
def test_an_order_of_the_hospital_that_comes_by_hl7_answers_our_request(
    session: Session, control: str, status: DocumentStatus
) -> None:
    document = approved_exam(session, known_patient(session, "80001"))
    document.status = DocumentStatus.SENT
    number = document.number
    body = message(
        "PID|1||80001^^^HIS^MR", f"ORC|{control}|{number}^CARELOOP|F77^HIS",
        f"OBR|1|{number}^CARELOOP|F77^HIS|K01^血钾", kind="ORM^O01", sent="20260504110000",
    )  # fmt: skip
    inbound = InboundMessage(
        source="hl7:his", dedupe_key=bytes(32), kind="ORM^O01", body=body.decode("latin-1"),
        status="received", received_at=NOON,
    )  # fmt: skip
    session.add(inbound)
    session.flush()

    interpret_message(session, inbound, Reader([Source("his")])("his", body), NOON)

    assert document.status is status
    assert document.filler_number == "F77"


def test_a_merged_patient_is_sent_under_the_survivors_numbers(session: Session) -> None:
    survivor, retired = known_patient(session), known_patient(session, "P0002")
    document = approved_exam(session, retired)
    retired.merged_into_id = survivor.id
    handing_over.queue_approved(session, ROUTES, NOON)
    token, ids = deliveries.claim(session, ["his:his"], NOON, 5)

    ((_, sent),) = handing_over.begin_handing_over(session, token, ids, NOON)

    assert sent.number == document.number
    assert [one.value for one in sent.subject.identifiers] == ["P0001"]


# ---------------------------------------------------------------------------- never invisible


def test_what_nobody_signs_or_takes_fails_visibly_when_its_time_is_over(session: Session) -> None:
    patient = known_patient(session)
    draft = requesting.request_exam(session, patient.id, POTASSIUM, "a:1", NURSE, NOON)
    homeless = requesting.hand_over_previsit(session, patient.id, TOLD, "a:2", PATIENT, NOON)
    queued = approved_exam(session, patient, "a:3")
    handing_over.queue_approved(session, {DocumentKind.EXAM_REQUEST: "his"}, NOON)

    assert deliveries.overdue(session, NOON + timedelta(hours=2)) == {"queued": 1}
    deliveries.sweep(session, NOON + timedelta(days=3))

    assert statuses([draft, homeless, queued]) == [DocumentStatus.FAILED] * 3
    assert happened(session).count("outbound.failed") == 3
    delivery = session.scalars(select(OutboundDelivery)).one()
    assert delivery.state == "expired"
    deliveries.retry(session, delivery, NOON + timedelta(days=3))
    assert (queued.status, delivery.state) == (DocumentStatus.QUEUED, "queued")


def test_nothing_is_asked_for_somebody_who_died_but_a_booking_is_given_back(
    session: Session,
) -> None:
    patient = known_patient(session)
    exam = approved_exam(session, patient)
    back = requesting.cancel_appointment(
        session, patient.id, AppointmentCancellation(filler=None), "b:1", PATIENT, NOON
    )
    handing_over.queue_approved(session, ROUTES, NOON)
    patient.deceased_at = NOON
    token, ids = deliveries.claim(session, ["his:his"], NOON, 5)

    calls = handing_over.begin_handing_over(session, token, ids, NOON)

    assert [document.number for _, document in calls] == [back.number]
    assert exam.status is DocumentStatus.CANCELLED


def test_a_document_that_cannot_be_read_fails_and_stops_no_other(session: Session) -> None:
    patient = known_patient(session)
    broken, whole = approved_exam(session, patient), approved_exam(session, patient, "alert:2")
    broken.content_sealed = whole.content_sealed
    handing_over.queue_approved(session, ROUTES, NOON)
    token, ids = deliveries.claim(session, ["his:his"], NOON, 5)

    calls = handing_over.begin_handing_over(session, token, ids, NOON)

    assert [document.number for _, document in calls] == [whole.number]
    assert broken.status is DocumentStatus.FAILED
