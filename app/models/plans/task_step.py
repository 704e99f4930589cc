"""What was decided about a task, and why, beside what its own columns say."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.database import (
    CARE,
    FREE_TEXT,
    OPERATION,
    Base,
    Sealed,
    key_column,
    public_id_column,
)
from app.domain.plans.plan_schedule import TaskStatus
from app.encryption import Encrypted
from app.models.plans.care_plan import Task


class TaskStep(Base):
    """One decision: it opened on a condition, waits, was left out, moved, taken back.

    That a window began or passed is no decision: the task's own times say it.
    """

    __tablename__ = "task_step"
    __table_args__ = (Index(None, "task_id", "at"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id"), info=OPERATION)
    status: Mapped[TaskStatus] = mapped_column(info=CARE)
    status_reason: Mapped[str | None] = mapped_column(info=CARE)
    explanation = Encrypted("explanation_sealed")  # what was seen, in Chinese
    explanation_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    at: Mapped[datetime] = mapped_column(info=CARE)

    @classmethod
    def of(cls, task: Task, now: datetime, explanation: str | None = None) -> "TaskStep":
        """Return the step that says how `task`, flushed, stands now."""
        return cls(
            task_id=task.id,
            status=task.status,
            status_reason=task.status_reason,
            explanation=explanation,
            at=now,
        )
