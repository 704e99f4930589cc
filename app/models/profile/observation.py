"""Values measured of patients: by a laboratory, a ward, or at home."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import (
    CARE,
    FREE_TEXT,
    OPERATION,
    Base,
    Big,
    Digest,
    PlatformId,
    Sealed,
    key_column,
    public_id_column,
)
from app.domain.intake.hospital_records import ObservationStatus
from app.domain.profile.plausibility import Doubt
from app.encryption import Encrypted
from app.models.profile.device import Device, Reporter


class Origin(StrEnum):
    HOSPITAL = "hospital"
    HOME = "home"


class Observation(Base):
    """One value measured of one patient (FHIR Observation).

    `identity` names the result whatever its version: the phone's own reference for a home
    measurement, source + filler order + code + sub-id for a laboratory's. Exactly one version is
    current (`is_current` true, else NULL); superseded versions stay.
    """

    __tablename__ = "observation"
    __table_args__ = (
        # A sender that lost our answer sends again; the second time must find the first.
        UniqueConstraint("patient_id", "identity", "is_current"),
        Index(None, "patient_id", "code", "effective_at"),
        Index(None, "patient_id", "effective_at"),
        Index(None, "code", "effective_at"),  # segments ask it of all patients
        Index(None, "patient_id", "issued_at"),
        Index(None, "source", "local_code"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    encounter_id: Mapped[int | None] = mapped_column(ForeignKey("encounter.id"), info=OPERATION)
    task_id: Mapped[int | None] = mapped_column(ForeignKey("task.id"), index=True, info=OPERATION)
    origin: Mapped[Origin] = mapped_column(info=OPERATION)
    report_id: Mapped[int | None] = mapped_column(
        ForeignKey("diagnostic_report.id"), index=True, info=OPERATION
    )
    source: Mapped[str | None] = mapped_column(PlatformId(64), info=OPERATION)  # hl7:his, fhir:emr
    # Whose order, its number and the sub-id within it: with the local code they are `identity`.
    issuer: Mapped[str | None] = mapped_column(info=OPERATION)
    order_number: Mapped[str | None] = mapped_column(info=CARE)
    sub_id: Mapped[str | None] = mapped_column(info=CARE)
    identity: Mapped[bytes] = mapped_column(Digest, info=OPERATION)
    # Sorts the versions of one result; the greatest is current (`app.domain.intake.versions`).
    version: Mapped[str | None] = mapped_column(info=OPERATION)
    inbound_id: Mapped[int | None] = mapped_column(Big, info=OPERATION)
    is_current: Mapped[bool | None] = mapped_column(info=OPERATION)  # True or NULL
    status: Mapped[ObservationStatus] = mapped_column(info=CARE)
    code: Mapped[str] = mapped_column(PlatformId(64), info=CARE)
    code_system: Mapped[str] = mapped_column(info=OPERATION)
    local_code: Mapped[str | None] = mapped_column(info=CARE)  # as the laboratory calls it
    display: Mapped[str | None] = mapped_column(info=CARE)
    value: Mapped[Decimal | None] = mapped_column(info=CARE)
    comparator: Mapped[str | None] = mapped_column(info=CARE)  # <, <=, >, >= of FHIR Quantity
    off_scale: Mapped[str | None] = mapped_column(info=CARE)  # LO or HI of a meter
    text = Encrypted("text_sealed")  # a value that is no number, or a report's words
    text_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    unit: Mapped[str | None] = mapped_column(info=CARE)  # as it was reported, in UCUM if we can
    # The value in the unit in which its code is judged; NULL where no table row leads there.
    standard_value: Mapped[Decimal | None] = mapped_column(info=CARE)
    standard_unit: Mapped[str | None] = mapped_column(info=CARE)
    reference_range: Mapped[str | None] = mapped_column(info=CARE)  # as the report prints it
    interpretation: Mapped[str | None] = mapped_column(info=CARE)  # HL7 v3: N H L HH LL A
    # Our own second opinion beside the laboratory's flag, and the interval it stands on.
    computed_interpretation: Mapped[str | None] = mapped_column(info=CARE)
    computed_by: Mapped[str | None] = mapped_column(info=OPERATION)
    specimen: Mapped[str | None] = mapped_column(info=CARE)
    context: Mapped[str | None] = mapped_column(info=CARE)  # fasting, after-meal…
    note = Encrypted("note_sealed")
    note_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    # Of what is measured at home: who brought it, by which device, and why it is not believed.
    reporter: Mapped[Reporter | None] = mapped_column(info=CARE)
    device_id: Mapped[int | None] = mapped_column(
        ForeignKey("device.id"), index=True, info=OPERATION
    )
    doubt: Mapped[Doubt | None] = mapped_column(info=CARE)
    # Seconds that were added to the time the device told, because its clock was off.
    clock_offset: Mapped[int | None] = mapped_column(info=OPERATION)
    effective_at: Mapped[datetime] = mapped_column(info=CARE)  # when it was measured
    issued_at: Mapped[datetime] = mapped_column(info=CARE)  # when the sender released it
    received_at: Mapped[datetime] = mapped_column(info=OPERATION)  # when it reached us

    device: Mapped[Device | None] = relationship()
