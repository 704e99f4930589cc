"""What patients do with what we offer, how they live, and what they would rather have."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import HOSPITAL
from app.database import (
    CARE,
    FREE_TEXT,
    OPERATION,
    Base,
    PlatformId,
    Sealed,
    Text,
    key_column,
    public_id_column,
)
from app.domain.criteria.population import InteractionKind, PreferenceKind
from app.encryption import Encrypted


def _day_of(context: Any) -> date:
    at: datetime = context.get_current_parameters()["at"]
    return at.astimezone(HOSPITAL).date()


class Interaction(Base):
    """One thing that a patient, or someone for them, did with what we offered."""

    __tablename__ = "interaction"
    __table_args__ = (
        # A phone that was offline sends again.
        UniqueConstraint("patient_id", "reference"),
        Index(None, "patient_id", "at"),
        Index(None, "patient_id", "day"),
        Index(None, "kind", "at"),
    )

    id: Mapped[int] = key_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    account_id: Mapped[int | None] = mapped_column(
        ForeignKey("wechat_account.id"), index=True, info=OPERATION
    )
    kind: Mapped[InteractionKind] = mapped_column(info=CARE)
    # The key of the article, card or form.
    subject: Mapped[str | None] = mapped_column(PlatformId(64), info=CARE)
    reference: Mapped[str] = mapped_column(PlatformId(64), info=OPERATION)
    seconds: Mapped[int | None] = mapped_column(info=CARE)  # how long
    is_useful: Mapped[bool | None] = mapped_column(info=CARE)  # of a rating
    at: Mapped[datetime] = mapped_column(info=CARE)
    # The hospital's: a timeline shows one entry a day, and no database knows our zone.
    day: Mapped[date] = mapped_column(default=_day_of, info=CARE)


class Preference(Base):
    """What a patient would rather have: as they said, or as their behaviour shows."""

    __tablename__ = "preference"
    __table_args__ = (
        UniqueConstraint("patient_id", "kind", "value"),
        Index(None, "kind", "value"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    kind: Mapped[PreferenceKind] = mapped_column(info=CARE)
    value: Mapped[str] = mapped_column(Text(64), info=CARE)
    is_stated: Mapped[bool] = mapped_column(default=False, info=OPERATION)  # the patient's word
    is_denied: Mapped[bool] = mapped_column(default=False, info=CARE)  # the patient said: not so
    share: Mapped[Decimal] = mapped_column(info=CARE)  # of what was counted, 0 to 1
    evidence: Mapped[dict[str, Any]] = mapped_column(info=CARE)  # what was counted
    updated_at: Mapped[datetime] = mapped_column(info=OPERATION)


class StatedBy(StrEnum):
    PATIENT = "patient"
    STAFF = "staff"
    HOSPITAL = "hospital"  # another system
    TEXT = "text"  # read in what somebody wrote


class SocialHistory(Base):
    """How a patient lives (FHIR Observation, category social-history); the newest is current."""

    __tablename__ = "social_history"
    __table_args__ = (UniqueConstraint("patient_id", "code", "is_current"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    code: Mapped[str] = mapped_column(PlatformId(64), info=CARE)  # LOINC
    value: Mapped[str] = mapped_column(PlatformId(64), info=CARE)  # a code of our list
    note = Encrypted("note_sealed")
    note_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    stated_by: Mapped[StatedBy] = mapped_column(info=OPERATION)
    is_current: Mapped[bool | None] = mapped_column(default=True, info=OPERATION)  # True or NULL
    at: Mapped[datetime] = mapped_column(info=CARE)
