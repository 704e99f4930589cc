"""Rules at work: every firing with its reason, and the switches that silence rules and packs."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from app.database import (
    CARE,
    FREE_TEXT,
    KNOWLEDGE,
    OPERATION,
    Base,
    PlatformId,
    Sealed,
    key_column,
    public_id_column,
)
from app.encryption import Encrypted
from app.models.profile.patient import Patient


class FiringDeed(StrEnum):
    """What a rule that held came to."""

    ACTED = "acted"  # opened or worsened an alert, or did what else it says
    APPENDED = "appended"  # to the alert that was open
    REVIEW = "review"  # too late to push: a task for staff
    COOLING = "cooling"  # held back by the cool-down


class RuleFiring(Base):
    """One rule that held for one patient: which version, when, why, and what came of it."""

    __tablename__ = "rule_firing"
    __table_args__ = (
        Index(None, "rule_key", "fired_at"),
        Index(None, "patient_id", "rule_key", "fired_at"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    rule_key: Mapped[str] = mapped_column(PlatformId(64), info=CARE)
    rule_version: Mapped[int] = mapped_column(info=CARE)
    deed: Mapped[FiringDeed] = mapped_column(info=CARE)
    alert_id: Mapped[int | None] = mapped_column(ForeignKey("alert.id"), index=True, info=OPERATION)
    observation_id: Mapped[int | None] = mapped_column(
        ForeignKey("observation.id"), index=True, info=OPERATION
    )
    explanation = Encrypted("explanation_sealed")
    explanation_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    judged_at: Mapped[datetime] = mapped_column(info=CARE)  # the moment it was asked about
    fired_at: Mapped[datetime] = mapped_column(info=CARE)

    patient: Mapped[Patient] = relationship()


class SwitchScope(StrEnum):
    RULE = "rule"
    PACK = "pack"


class RuleSwitch(Base):
    """A rule, or all rules of a pack, silenced by a person until somebody lets it speak again."""

    __tablename__ = "rule_switch"
    __table_args__ = (
        # NULL once it is on again: switched off once at a time.
        UniqueConstraint("scope", "key", "is_off"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    scope: Mapped[SwitchScope] = mapped_column(info=OPERATION)
    key: Mapped[str] = mapped_column(PlatformId(64), info=KNOWLEDGE)
    is_off: Mapped[bool | None] = mapped_column(default=True, info=OPERATION)  # True or NULL
    reason = Encrypted("reason_sealed")
    reason_sealed: Mapped[bytes] = mapped_column(Sealed, info=FREE_TEXT)
    off_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), index=True, info=OPERATION
    )
    off_at: Mapped[datetime] = mapped_column(info=OPERATION)
    on_at: Mapped[datetime | None] = mapped_column(info=OPERATION)


def switched_off(session: Session) -> frozenset[tuple[SwitchScope, str]]:
    """Return what is silenced now.

    Asked at every evaluation, so that a switch holds in every process from its commit on.
    """
    rows = session.execute(
        select(RuleSwitch.scope, RuleSwitch.key).where(RuleSwitch.is_off.is_(True))
    )
    return frozenset((row.scope, row.key) for row in rows)


def is_silent(session: Session, rule_key: str, pack_key: str | None) -> bool:
    """Tell whether a rule is silenced, itself or with its pack."""
    off = switched_off(session)
    return (SwitchScope.RULE, rule_key) in off or (SwitchScope.PACK, pack_key or "") in off
