"""The history of one patient's plan: what changed, when, by whom and why; append-only."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import (
    CARE,
    FREE_TEXT,
    OPERATION,
    Base,
    Sealed,
    key_column,
    public_id_column,
)
from app.domain.trust.access import Actor
from app.encryption import Encrypted
from app.models.plans.care_plan import CarePlan
from app.models.staff.practitioner import Practitioner


class StepKind(StrEnum):
    STARTED = "started"
    HOLD_PLANNED = "hold-planned"
    HELD = "held"
    RESUMED = "resumed"
    ENDED = "ended"
    TRANSFERRED = "transferred"
    MOVED = "moved"  # to another version of the plan


class CarePlanStep(Base):
    """One change of a care plan; `detail` holds ids, dates and codes only."""

    __tablename__ = "care_plan_step"
    __table_args__ = (Index(None, "care_plan_id", "id"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    care_plan_id: Mapped[int] = mapped_column(ForeignKey("care_plan.id"), info=OPERATION)
    kind: Mapped[StepKind] = mapped_column(info=CARE)
    reason: Mapped[str | None] = mapped_column(info=CARE)
    note = Encrypted("note_sealed")
    note_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict, info=CARE)
    # Who did it: staff, or the patient's own account; neither: the system by its rules.
    practitioner_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), index=True, info=OPERATION
    )
    account_id: Mapped[int | None] = mapped_column(
        ForeignKey("wechat_account.id"), index=True, info=OPERATION
    )
    at: Mapped[datetime] = mapped_column(info=CARE)

    practitioner: Mapped[Practitioner | None] = relationship()

    @classmethod
    def of(
        cls,
        plan: CarePlan,
        kind: StepKind,
        actor: Actor,
        now: datetime,
        *,
        reason: str | None = None,
        note: str | None = None,
        **detail: int | str | None,
    ) -> "CarePlanStep":
        """Return the step that `actor` took with a plan, to be added with the change."""
        return cls(
            care_plan_id=plan.id,
            kind=kind,
            reason=reason,
            note=note or None,
            detail={name: value for name, value in detail.items() if value is not None},
            practitioner_id=actor.id if actor.kind == "practitioner" else None,
            account_id=actor.id if actor.kind == "wechat-account" else None,
            at=now,
        )
