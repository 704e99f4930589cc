"""Risk: what a score says of a patient, and the models trained on this hospital's own data."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import CARE, KNOWLEDGE, OPERATION, Base, PlatformId, key_column, public_id_column


class RiskAssessment(Base):
    """What one score said of a patient, from which inputs (FHIR RiskAssessment)."""

    __tablename__ = "risk_assessment"
    __table_args__ = (
        UniqueConstraint("patient_id", "score", "is_current"),
        Index(None, "score", "is_current", "band"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    score: Mapped[str] = mapped_column(PlatformId(64), info=CARE)  # lace, china-par…
    version: Mapped[str] = mapped_column(PlatformId(64), info=OPERATION)
    value: Mapped[Decimal | None] = mapped_column(info=CARE)  # NULL: not computable
    band: Mapped[str | None] = mapped_column(PlatformId(32), info=CARE)
    inputs: Mapped[list[Any]] = mapped_column(info=CARE)  # name, value, unit, when, from which row
    missing: Mapped[list[Any]] = mapped_column(default=list, info=CARE)  # why not computable
    is_current: Mapped[bool | None] = mapped_column(default=True, info=OPERATION)  # True or NULL
    computed_at: Mapped[datetime] = mapped_column(info=OPERATION)


class ModelKind(StrEnum):
    TAG = "tag"  # gives a tag from text
    RISK = "risk"  # a probability


class TrainedModel(Base):
    """A model trained here; weights are numbers, never code. At most one of a key is in use."""

    __tablename__ = "trained_model"
    __table_args__ = (
        UniqueConstraint("kind", "key", "version"),
        UniqueConstraint("kind", "key", "is_active"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    kind: Mapped[ModelKind] = mapped_column(info=KNOWLEDGE)
    key: Mapped[str] = mapped_column(PlatformId(64), info=KNOWLEDGE)
    version: Mapped[int] = mapped_column(info=KNOWLEDGE)
    weights: Mapped[dict[str, Any]] = mapped_column(info=KNOWLEDGE)
    report: Mapped[dict[str, Any]] = mapped_column(info=KNOWLEDGE)  # how good, on what
    is_active: Mapped[bool | None] = mapped_column(info=OPERATION)  # True or NULL
    trained_at: Mapped[datetime] = mapped_column(info=OPERATION)
