"""Documents for tests: a patient with a record number, and what is asked for them."""

from datetime import timedelta

from sqlalchemy.orm import Session

from app.domain.exchange.documents import (
    AppointmentRequest,
    ExamRequest,
    PrevisitRecord,
    Priority,
)
from app.domain.exchange.medicine_documents import (
    LastReading,
    MedicineCancellation,
    MedicineDelivery,
    MedicinePickup,
    PrescribedMedicine,
    RefillRequest,
)
from app.domain.exchange.previsit import Section, SectionText
from app.domain.intake.hospital_records import Coded, Identifier
from app.domain.trust.access import Actor, StaffRole
from app.models import OutboundDocument, Patient, PatientIdentifier
from app.services.exchange import requesting
from tests import factories
from tests.conftest import NOON

NURSE = Actor("practitioner", 1, "test")
POTASSIUM = ExamRequest(Coded("K01", "血钾"), Priority.URGENT, "复查血钾|一周内")
ENDOCRINOLOGY = Coded("ENDO", "内分泌科")
BOOKING = AppointmentRequest(
    ENDOCRINOLOGY, NOON + timedelta(days=2), NOON + timedelta(days=2, minutes=30)
)
TOLD = PrevisitRecord(
    (
        SectionText(Section.CHIEF_COMPLAINT, "口渴多饮2周"),
        SectionText(Section.PRESENT_ILLNESS, "两周前开始口渴\n夜尿3次^明显"),
    ),
    NOON,
    department=ENDOCRINOLOGY,
)
METFORMIN = PrescribedMedicine(
    Coded("M01", "二甲双胍片"), Identifier("HIS", "", "RX1"), "0.5g 每日2次"
)
REFILL = RefillRequest(
    (METFORMIN,), 8, True, True, "没有不舒服",
    (LastReading("血糖", "6.1", "mmol/L", NOON, "近 30 天平稳"),),
)  # fmt: skip
DELIVERY = MedicineDelivery(
    (METFORMIN,), "李测试", "12000000001", "演示市演示路 1 号",
    NOON + timedelta(days=1), NOON + timedelta(days=1, hours=4),
)  # fmt: skip
PICKUP = MedicinePickup(
    (METFORMIN,), "李家属", "女儿", "12000000002", "123X", "40061725",
    NOON + timedelta(hours=72), NOON,
)  # fmt: skip
GIVEN_BACK = MedicineCancellation("CL00000000000000BB", "T77", "患者取消")


def known_patient(session: Session, number: str = "P0001", **more: object) -> Patient:
    """Make a patient whom the hospital knows by a record number, flushed."""
    patient = factories.patient(session, **more)
    session.add(
        PatientIdentifier(
            patient_id=patient.id, issuer="HIS", type_code="MR", value=number, created_at=NOON
        )
    )
    session.flush()
    return patient


def approved_exam(
    session: Session, patient: Patient, subject: str = "alert:1", **more: object
) -> OutboundDocument:
    """Ask for a potassium and let a doctor sign."""
    doctor = factories.practitioner(session, role=StaffRole.DOCTOR, name="林医生")
    document = requesting.request_exam(session, patient.id, POTASSIUM, subject, NURSE, NOON)
    return requesting.approve(session, document.id, doctor.id, NOON)
