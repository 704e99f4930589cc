"""A person in care, by which identifiers hospitals know them, and who is close to them."""

import re
from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import (
    CARE,
    FREE_TEXT,
    IDENTITY,
    OPERATION,
    Base,
    Big,
    Digest,
    Sealed,
    Text,
    key_column,
    public_id_column,
)
from app.domain.intake.hospital_records import Gender
from app.encryption import Encrypted


def normal_phone(text: str) -> str:
    """Return the digits of a mainland number, without +86, spaces or dashes."""
    digits = re.sub(r"\D", "", text)
    return digits[2:] if len(digits) == 13 and digits.startswith("86") else digits


def normal_identifier(text: str) -> str:
    return text.strip().upper()


class Patient(Base):
    """A person who receives care (FHIR Patient)."""

    __tablename__ = "patient"
    # For who looks for doubles; a name alone would bring a thousand namesakes.
    __table_args__ = (Index(None, "name_index", "birth_date"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    name = Encrypted("name_sealed", index="name_index")
    name_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=IDENTITY)
    name_index: Mapped[bytes | None] = mapped_column(Digest, info=IDENTITY)
    phone = Encrypted("phone_sealed", index="phone_index", normalise=normal_phone)
    phone_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=IDENTITY)
    phone_index: Mapped[bytes | None] = mapped_column(Digest, index=True, info=IDENTITY)
    address = Encrypted("address_sealed")
    address_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=IDENTITY)
    # Province and city of the address (浙江省宁波市): enough to plan by, too little to find anyone.
    region: Mapped[str | None] = mapped_column(Text(40), index=True, info=CARE)
    gender: Mapped[Gender] = mapped_column(default=Gender.UNKNOWN, info=CARE)
    birth_date: Mapped[date | None] = mapped_column(info=CARE)
    deceased_at: Mapped[datetime | None] = mapped_column(info=CARE)
    # Needs that the nurse must see before calling (听障, 视障, 方言…).
    needs = Encrypted("needs_sealed")
    needs_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    department_code: Mapped[str | None] = mapped_column(index=True, info=CARE)
    source: Mapped[str] = mapped_column(default="careloop", info=OPERATION)
    # Field → version of what was last stated of it: older news does not overwrite it.
    stamps: Mapped[dict[str, Any]] = mapped_column(default=dict, info=OPERATION)
    # Fields shown here that only retired records of this person state; they go at an unmerge.
    borrowed: Mapped[list[Any]] = mapped_column(default=list, info=OPERATION)
    # The record that speaks for this person since a merge; the retired id forwards to it.
    merged_into_id: Mapped[int | None] = mapped_column(
        ForeignKey("patient.id"), index=True, info=OPERATION
    )
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)
    updated_at: Mapped[datetime] = mapped_column(info=OPERATION)

    identifiers: Mapped[list["PatientIdentifier"]] = relationship(back_populates="patient")


class PatientIdentifier(Base):
    """One number an issuer gave a patient; issuer, type and number together name one person."""

    __tablename__ = "patient_identifier"
    __table_args__ = (
        UniqueConstraint("issuer", "type_code", "value_index"),
        Index(None, "value_index"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True, info=OPERATION)
    issuer: Mapped[str] = mapped_column(info=OPERATION)
    type_code: Mapped[str] = mapped_column(info=OPERATION)  # HL7 table 0203: MR, NI, SS…
    value = Encrypted("value_sealed", index="value_index", normalise=normal_identifier)
    value_sealed: Mapped[bytes] = mapped_column(Sealed, info=IDENTITY)
    value_index: Mapped[bytes] = mapped_column(Digest, info=IDENTITY)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)

    patient: Mapped[Patient] = relationship(back_populates="identifiers")


class RelatedPerson(Base):
    """Someone close to a patient whom the hospital knows of (FHIR RelatedPerson)."""

    __tablename__ = "related_person"
    __table_args__ = (UniqueConstraint("patient_id", "identity"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True, info=OPERATION)
    relationship_code: Mapped[str] = mapped_column(info=CARE)  # HL7 table 0063
    name = Encrypted("name_sealed")
    name_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=IDENTITY)
    phone = Encrypted("phone_sealed", index="phone_index", normalise=normal_phone)
    phone_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=IDENTITY)
    phone_index: Mapped[bytes | None] = mapped_column(Digest, info=IDENTITY)
    # The relative's own record number, where the hospital gave one: a newborn's mother.
    issuer: Mapped[str | None] = mapped_column(info=OPERATION)
    type_code: Mapped[str | None] = mapped_column(info=OPERATION)  # HL7 table 0203
    number = Encrypted("number_sealed", index="number_index", normalise=normal_identifier)
    number_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=IDENTITY)
    number_index: Mapped[bytes | None] = mapped_column(Digest, index=True, info=IDENTITY)
    identity: Mapped[bytes] = mapped_column(Digest, info=OPERATION)  # relationship and number
    version: Mapped[str] = mapped_column(default="", info=OPERATION)
    stamps: Mapped[dict[str, Any]] = mapped_column(default=dict, info=OPERATION)
    inbound_id: Mapped[int | None] = mapped_column(Big, info=OPERATION)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)
