"""Reports, prescriptions, orders, vaccinations and allergies, as hospital systems tell them."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import (
    CARE,
    FREE_TEXT,
    OPERATION,
    Base,
    PlatformId,
    Sealed,
    key_column,
    public_id_column,
)
from app.domain.intake.clinical_records import ImmunizationStatus, ReportStatus, RequestStatus
from app.encryption import Encrypted
from app.models.profile.sourced import Sourced


class DiagnosticReport(Sourced, Base):
    """A report of a laboratory, of imaging or pathology (FHIR DiagnosticReport)."""

    __tablename__ = "diagnostic_report"
    __table_args__ = (
        UniqueConstraint("patient_id", "identity"),
        Index(None, "patient_id", "issued_at"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    encounter_id: Mapped[int | None] = mapped_column(ForeignKey("encounter.id"), info=OPERATION)
    status: Mapped[ReportStatus] = mapped_column(info=CARE)
    category: Mapped[str | None] = mapped_column(info=CARE)  # HL7 table 0074: LAB, RAD, PAT…
    code: Mapped[str] = mapped_column(PlatformId(64), info=CARE)
    code_system: Mapped[str] = mapped_column(info=OPERATION)
    local_code: Mapped[str | None] = mapped_column(info=CARE)
    display: Mapped[str | None] = mapped_column(info=CARE)
    conclusion = Encrypted("conclusion_sealed")
    conclusion_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    effective_at: Mapped[datetime | None] = mapped_column(info=CARE)
    issued_at: Mapped[datetime | None] = mapped_column(info=CARE)


class MedicationRequest(Sourced, Base):
    """A medicine ordered for a patient (FHIR MedicationRequest), with its last dispensing."""

    __tablename__ = "medication_request"
    __table_args__ = (
        UniqueConstraint("patient_id", "identity"),
        Index(None, "patient_id", "authored_at"),
        Index(None, "source", "local_code"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    encounter_id: Mapped[int | None] = mapped_column(ForeignKey("encounter.id"), info=OPERATION)
    status: Mapped[RequestStatus] = mapped_column(info=CARE)
    code: Mapped[str] = mapped_column(PlatformId(64), info=CARE)
    code_system: Mapped[str] = mapped_column(info=OPERATION)
    local_code: Mapped[str | None] = mapped_column(info=CARE)
    display: Mapped[str | None] = mapped_column(info=CARE)
    dosage = Encrypted("dosage_sealed")  # the instruction as a person wrote it
    dosage_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    dose: Mapped[Decimal | None] = mapped_column(info=CARE)
    dose_unit: Mapped[str | None] = mapped_column(info=CARE)
    route_code: Mapped[str | None] = mapped_column(info=CARE)
    route_name: Mapped[str | None] = mapped_column(info=CARE)
    frequency: Mapped[str | None] = mapped_column(info=CARE)
    quantity: Mapped[Decimal | None] = mapped_column(info=CARE)
    quantity_unit: Mapped[str | None] = mapped_column(info=CARE)
    authored_at: Mapped[datetime | None] = mapped_column(info=CARE)
    starts_at: Mapped[datetime | None] = mapped_column(info=CARE)
    ends_at: Mapped[datetime | None] = mapped_column(info=CARE)
    dispensed_at: Mapped[datetime | None] = mapped_column(info=CARE)


class ServiceRequest(Sourced, Base):
    """An examination, test or procedure asked for (FHIR ServiceRequest)."""

    __tablename__ = "service_request"
    __table_args__ = (
        UniqueConstraint("patient_id", "identity"),
        Index(None, "patient_id", "authored_at"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    encounter_id: Mapped[int | None] = mapped_column(ForeignKey("encounter.id"), info=OPERATION)
    status: Mapped[RequestStatus] = mapped_column(info=CARE)
    category: Mapped[str | None] = mapped_column(info=CARE)
    priority: Mapped[str | None] = mapped_column(info=CARE)  # FHIR request-priority
    code: Mapped[str] = mapped_column(PlatformId(64), info=CARE)
    code_system: Mapped[str] = mapped_column(info=OPERATION)
    local_code: Mapped[str | None] = mapped_column(info=CARE)
    display: Mapped[str | None] = mapped_column(info=CARE)
    requester_code: Mapped[str | None] = mapped_column(info=CARE)
    requester_name: Mapped[str | None] = mapped_column(info=CARE)
    note = Encrypted("note_sealed")
    note_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    authored_at: Mapped[datetime | None] = mapped_column(info=CARE)
    occurs_at: Mapped[datetime | None] = mapped_column(info=CARE)


class Immunization(Sourced, Base):
    """One vaccination (FHIR Immunization)."""

    __tablename__ = "immunization"
    __table_args__ = (
        UniqueConstraint("patient_id", "identity"),
        Index(None, "patient_id", "occurred_on"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    encounter_id: Mapped[int | None] = mapped_column(ForeignKey("encounter.id"), info=OPERATION)
    status: Mapped[ImmunizationStatus] = mapped_column(info=CARE)
    code: Mapped[str] = mapped_column(PlatformId(64), info=CARE)
    code_system: Mapped[str] = mapped_column(info=OPERATION)
    local_code: Mapped[str | None] = mapped_column(info=CARE)
    display: Mapped[str | None] = mapped_column(info=CARE)
    dose_number: Mapped[int | None] = mapped_column(info=CARE)
    lot_number: Mapped[str | None] = mapped_column(info=CARE)
    occurred_on: Mapped[date | None] = mapped_column(info=CARE)


class AllergyIntolerance(Sourced, Base):
    """Something a patient does not tolerate (FHIR AllergyIntolerance)."""

    __tablename__ = "allergy_intolerance"
    __table_args__ = (UniqueConstraint("patient_id", "identity"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    is_active: Mapped[bool] = mapped_column(info=CARE)
    criticality: Mapped[str | None] = mapped_column(info=CARE)  # FHIR: low, high
    code: Mapped[str] = mapped_column(PlatformId(64), info=CARE)
    code_system: Mapped[str] = mapped_column(info=OPERATION)
    local_code: Mapped[str | None] = mapped_column(info=CARE)
    display: Mapped[str | None] = mapped_column(info=CARE)
    reaction = Encrypted("reaction_sealed")
    reaction_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    recorded_at: Mapped[datetime | None] = mapped_column(info=CARE)
