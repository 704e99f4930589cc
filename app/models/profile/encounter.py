"""Visits, diagnoses and appointments, as the hospital's systems tell them."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import (
    CARE,
    OPERATION,
    Base,
    Big,
    Digest,
    PlatformId,
    key_column,
    public_id_column,
)
from app.domain.intake.hospital_records import (
    AppointmentStatus,
    EncounterClass,
    EncounterStatus,
)
from app.models.profile.patient import Patient


class Encounter(Base):
    """One visit or stay (FHIR Encounter), known by the issuer's visit number."""

    __tablename__ = "encounter"
    __table_args__ = (
        UniqueConstraint("issuer", "visit_number"),
        Index(None, "patient_id", "started_at"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    issuer: Mapped[str] = mapped_column(info=OPERATION)
    visit_number: Mapped[str] = mapped_column(info=CARE)
    encounter_class: Mapped[EncounterClass] = mapped_column(info=CARE)
    status: Mapped[EncounterStatus] = mapped_column(info=CARE)
    department_code: Mapped[str | None] = mapped_column(info=CARE)
    department_name: Mapped[str | None] = mapped_column(info=CARE)
    location: Mapped[str | None] = mapped_column(info=CARE)
    started_at: Mapped[datetime | None] = mapped_column(info=CARE)
    ended_at: Mapped[datetime | None] = mapped_column(info=CARE)
    attending_code: Mapped[str | None] = mapped_column(info=CARE)
    attending_name: Mapped[str | None] = mapped_column(info=CARE)
    source: Mapped[str | None] = mapped_column(PlatformId(64), info=OPERATION)
    # Field → version of what was last stated of it; `patient` is one of them (A45).
    stamps: Mapped[dict[str, Any]] = mapped_column(default=dict, info=OPERATION)
    inbound_id: Mapped[int | None] = mapped_column(Big, info=OPERATION)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)

    patient: Mapped[Patient] = relationship()


class Condition(Base):
    """A diagnosis (FHIR Condition)."""

    __tablename__ = "condition"
    __table_args__ = (
        # One row per patient, visit and code; a visitless diagnosis has encounter key 0.
        UniqueConstraint("patient_id", "encounter_key", "code_system", "code"),
        Index(None, "patient_id", "code"),
        Index(None, "source", "local_code"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    encounter_id: Mapped[int | None] = mapped_column(ForeignKey("encounter.id"), info=OPERATION)
    encounter_key: Mapped[int] = mapped_column(default=0, info=OPERATION)
    code_system: Mapped[str] = mapped_column(info=OPERATION)
    code: Mapped[str] = mapped_column(PlatformId(64), info=CARE)
    display: Mapped[str | None] = mapped_column(info=CARE)
    is_active: Mapped[bool] = mapped_column(default=True, info=CARE)
    is_provisional: Mapped[bool] = mapped_column(default=False, info=CARE)  # admission diagnosis
    # ICD-10 code that staff mapped a local one to is in `code`; this is what the sender wrote.
    local_code: Mapped[str | None] = mapped_column(info=CARE)
    recorded_at: Mapped[datetime] = mapped_column(info=CARE)
    source: Mapped[str | None] = mapped_column(PlatformId(64), info=OPERATION)
    version: Mapped[str] = mapped_column(default="", info=OPERATION)
    inbound_id: Mapped[int | None] = mapped_column(Big, info=OPERATION)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)


class Appointment(Base):
    """A booked visit (FHIR Appointment), known by the filler's or placer's number."""

    __tablename__ = "appointment"
    __table_args__ = (
        UniqueConstraint("issuer", "number_hash"),
        Index(None, "patient_id", "starts_at"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    issuer: Mapped[str] = mapped_column(info=OPERATION)
    number: Mapped[str] = mapped_column(info=CARE)
    # Numbers from outside are compared byte by byte.
    number_hash: Mapped[bytes] = mapped_column(Digest, info=OPERATION)
    # The placer's number: a message may carry only that one.
    placer_number: Mapped[str | None] = mapped_column(info=CARE)
    placer_hash: Mapped[bytes | None] = mapped_column(Digest, index=True, info=OPERATION)
    status: Mapped[AppointmentStatus] = mapped_column(info=CARE)
    department_code: Mapped[str | None] = mapped_column(info=CARE)
    department_name: Mapped[str | None] = mapped_column(info=CARE)
    practitioner_name: Mapped[str | None] = mapped_column(info=CARE)
    starts_at: Mapped[datetime | None] = mapped_column(info=CARE)
    ends_at: Mapped[datetime | None] = mapped_column(info=CARE)
    source: Mapped[str | None] = mapped_column(PlatformId(64), info=OPERATION)
    stamps: Mapped[dict[str, Any]] = mapped_column(default=dict, info=OPERATION)
    inbound_id: Mapped[int | None] = mapped_column(Big, info=OPERATION)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)
