"""How the team shares its work: calls and what came of them, handovers, leave."""

from datetime import date, datetime
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
from app.domain.staff.alerting import Outcome
from app.encryption import Encrypted
from app.models.plans.care_plan import Task
from app.models.staff.practitioner import CareTeam, Practitioner


class ContactAttempt(Base):
    """One attempt at a task of the team, with what came of it; never changed."""

    __tablename__ = "contact_attempt"
    __table_args__ = (Index(None, "task_id", "at"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id"), info=OPERATION)
    practitioner_id: Mapped[int] = mapped_column(
        ForeignKey("practitioner.id"), index=True, info=OPERATION
    )
    outcome: Mapped[Outcome] = mapped_column(info=CARE)
    note = Encrypted("note_sealed")
    note_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    call_at: Mapped[datetime | None] = mapped_column(info=OPERATION)  # when to try again
    at: Mapped[datetime] = mapped_column(info=CARE)

    task: Mapped[Task] = relationship()
    practitioner: Mapped[Practitioner] = relationship()


class ShiftHandover(Base):
    """What somebody leaves to a colleague at the end of a shift; theirs once acknowledged."""

    __tablename__ = "shift_handover"
    __table_args__ = (Index(None, "to_practitioner_id", "acknowledged_at"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    care_team_id: Mapped[int] = mapped_column(
        ForeignKey("care_team.id"), index=True, info=OPERATION
    )
    from_practitioner_id: Mapped[int] = mapped_column(
        ForeignKey("practitioner.id"), index=True, info=OPERATION
    )
    to_practitioner_id: Mapped[int] = mapped_column(ForeignKey("practitioner.id"), info=OPERATION)
    # Ids of the tasks and alerts that were open: what is handed over is what was shown.
    items: Mapped[dict[str, Any]] = mapped_column(info=OPERATION)
    note = Encrypted("note_sealed")
    note_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    at: Mapped[datetime] = mapped_column(info=OPERATION)
    acknowledged_at: Mapped[datetime | None] = mapped_column(info=OPERATION)

    care_team: Mapped[CareTeam] = relationship()
    giver: Mapped[Practitioner] = relationship(foreign_keys=[from_practitioner_id])
    taker: Mapped[Practitioner] = relationship(foreign_keys=[to_practitioner_id])


class StaffLeave(Base):
    """Days on which somebody is away, and who stands in for them."""

    __tablename__ = "staff_leave"
    __table_args__ = (Index(None, "practitioner_id", "ends_on"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    practitioner_id: Mapped[int] = mapped_column(ForeignKey("practitioner.id"), info=OPERATION)
    # NULL: their work goes back to the team.
    substitute_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), index=True, info=OPERATION
    )
    starts_on: Mapped[date] = mapped_column(info=OPERATION)
    ends_on: Mapped[date] = mapped_column(info=OPERATION)  # the last day away
    author_id: Mapped[int] = mapped_column(
        ForeignKey("practitioner.id"), index=True, info=OPERATION
    )
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)
    ended_at: Mapped[datetime | None] = mapped_column(info=OPERATION)  # taken back

    practitioner: Mapped[Practitioner] = relationship(foreign_keys=[practitioner_id])
    substitute: Mapped[Practitioner | None] = relationship(foreign_keys=[substitute_id])
