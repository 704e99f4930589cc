"""A prescribed medicine and a wish to have it refilled, for tests of pages."""

from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.exchange.medicine_rules import MedicineRules
from app.domain.intake.clinical_records import RequestStatus
from app.models import MedicationRequest, MedicineFlow, Patient, WeChatAccount
from app.services.exchange import medicines
from app.services.exchange.medicines import Asking
from tests.integration.records import digest


def ask_refill(
    session: Session, patient: Patient, account: WeChatAccount, now: datetime
) -> MedicineFlow:
    """Prescribe metformin 20 days ago and ask for four weeks more."""
    row = MedicationRequest(
        patient_id=patient.id, code="M01", code_system="", issuer="HIS", number="RX1",
        identity=digest("rx", "M01"), status=RequestStatus.ACTIVE, display="二甲双胍片",
        quantity=Decimal(56), quantity_unit="片", dose=Decimal(1), dose_unit="片",
        frequency="BID", authored_at=now - timedelta(days=20),
        dispensed_at=now - timedelta(days=20), created_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    asking = Asking(
        patient.id, account.id, "ref-1", (row.public_id,), MedicineRules(), now, HOSPITAL
    )
    return medicines.ask_refill(
        session, asking, 4, is_stable=True, is_confirmed=False, statement="最近胃口好"
    ).flow
