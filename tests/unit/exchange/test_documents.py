"""Documents survive being kept; what a patient says is theirs and nothing more."""

from datetime import UTC, date, datetime, timedelta

import pytest

from app.domain.exchange.documents import (
    AdmissionCertificate,
    AppointmentCancellation,
    AppointmentRequest,
    Content,
    DocumentKind,
    ExamRequest,
    PrevisitRecord,
    Priority,
    kind_of,
    latest,
    may_approve,
    needs_approval,
    read_content,
    write_content,
)
from app.domain.exchange.previsit import Section, SectionText, section_of
from app.domain.intake.hospital_records import Coded, Identifier
from app.domain.trust.access import StaffRole
from tests.integration.requests import DELIVERY, GIVEN_BACK, PICKUP, REFILL

NOON = datetime(2026, 5, 4, 4, 0, tzinfo=UTC)
VISIT = Identifier("HIS", "VN", "V1")
ENDO = Coded("ENDO", "内分泌科")
EVERY: tuple[Content, ...] = (
    ExamRequest(Coded("K01", "血钾", "LIS"), Priority.STAT, "复查", NOON, VISIT),
    ExamRequest(Coded("K01")),
    AdmissionCertificate(
        ENDO, Coded("E11.9", "2型糖尿病"), Priority.URGENT, "血糖", date(2026, 5, 6), VISIT
    ),
    AppointmentRequest(ENDO, NOON, NOON + timedelta(minutes=30), Coded("D1", "林医生"), "复诊"),
    AppointmentCancellation("CL1", VISIT, NOON, "不需要了"),
    PrevisitRecord(
        (SectionText(Section.CHIEF_COMPLAINT, "头痛3天"),), NOON, True, ENDO, VISIT, VISIT
    ),
    REFILL,
    DELIVERY,
    PICKUP,
    GIVEN_BACK,
)


@pytest.mark.parametrize("content", EVERY, ids=lambda one: type(one).__name__)
def test_what_is_kept_reads_back_the_same(content: Content) -> None:
    assert read_content(kind_of(content), write_content(content)) == content


def test_what_is_no_document_is_refused() -> None:
    for kind in DocumentKind:
        with pytest.raises(ValueError):
            read_content(kind, '{"code": 1}')


@pytest.mark.parametrize("section", ["体征", "physical-findings", "diagnosis", "assessment", ""])
def test_a_patient_fills_no_finding_and_no_diagnosis(section: str) -> None:
    with pytest.raises(ValueError):
        section_of(section, "血压高")


def test_a_complaint_has_at_most_twenty_characters() -> None:
    assert section_of("chief-complaint", "痛" * 20).text == "痛" * 20
    for text in ("痛" * 21, "", "  "):
        with pytest.raises(ValueError):
            section_of("chief-complaint", text)
    assert section_of("present-illness", "痛" * 21)


def test_every_section_has_a_heading_a_code_and_the_mark() -> None:
    assert len({section.loinc for section in Section}) == len(Section)
    for section in Section:
        assert section.heading
        assert SectionText(section, "无").marked == "【患者自述】无"


def test_orders_need_a_clinician_and_an_admission_or_refill_a_doctor() -> None:
    assert [kind for kind in DocumentKind if needs_approval(kind)] == [
        DocumentKind.EXAM_REQUEST,
        DocumentKind.ADMISSION_CERTIFICATE,
        DocumentKind.REFILL_REQUEST,
    ]
    assert not may_approve(StaffRole.HEAD_NURSE, DocumentKind.REFILL_REQUEST)
    assert may_approve(StaffRole.NURSE, DocumentKind.EXAM_REQUEST)
    assert not may_approve(StaffRole.OPERATOR, DocumentKind.EXAM_REQUEST)
    assert not may_approve(StaffRole.NURSE, DocumentKind.ADMISSION_CERTIFICATE)
    assert may_approve(StaffRole.DOCTOR, DocumentKind.ADMISSION_CERTIFICATE)


def test_a_booking_is_of_no_use_once_it_has_begun() -> None:
    soon = AppointmentRequest(ENDO, NOON + timedelta(hours=1), NOON + timedelta(hours=2))

    assert latest(soon, NOON) == soon.starts_at
    assert latest(EVERY[1], NOON) == NOON + timedelta(hours=48)
