"""Where slots stand between being computed and being joined to plans."""

from datetime import date, datetime

from sqlalchemy.orm import Mapped, mapped_column

from app.database import KNOWLEDGE, OPERATION, Base, Big, PlatformId
from app.models.plans.care_plan import TaskOwner


class PlanSlot(Base):
    """One slot of one cohort, for the time of one transaction: no other ever sees it.

    The key is the way in from a plan: version, anchor day, team, and the instant
    it was filled up to.
    """

    __tablename__ = "plan_slot"

    batch: Mapped[str] = mapped_column(PlatformId(32), primary_key=True, info=OPERATION)
    plan_definition_id: Mapped[int] = mapped_column(
        Big, primary_key=True, autoincrement=False, info=KNOWLEDGE
    )
    anchor_on: Mapped[date] = mapped_column(primary_key=True, info=KNOWLEDGE)
    care_team_id: Mapped[int] = mapped_column(
        Big, primary_key=True, autoincrement=False, info=OPERATION
    )
    since: Mapped[datetime] = mapped_column(primary_key=True, info=OPERATION)
    slot: Mapped[str] = mapped_column(PlatformId(128), primary_key=True, info=KNOWLEDGE)
    plan_action_id: Mapped[int] = mapped_column(Big, info=KNOWLEDGE)
    owner: Mapped[TaskOwner] = mapped_column(info=KNOWLEDGE)
    kind: Mapped[str] = mapped_column(info=KNOWLEDGE)
    code: Mapped[str | None] = mapped_column(PlatformId(64), info=KNOWLEDGE)
    subject: Mapped[str | None] = mapped_column(PlatformId(64), info=KNOWLEDGE)
    title: Mapped[str] = mapped_column(info=KNOWLEDGE)
    status_reason: Mapped[str] = mapped_column(info=KNOWLEDGE)
    starts_at: Mapped[datetime] = mapped_column(info=KNOWLEDGE)
    due_at: Mapped[datetime] = mapped_column(info=KNOWLEDGE)
    ends_at: Mapped[datetime] = mapped_column(info=KNOWLEDGE)
    judge_at: Mapped[datetime | None] = mapped_column(info=KNOWLEDGE)
    remind_at: Mapped[datetime | None] = mapped_column(info=KNOWLEDGE)
