"""A patient's own plan and the tasks it makes."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Select, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

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
from app.domain.plans.enrolling import EndReason, HoldReason
from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.domain.staff.alerting import Outcome
from app.encryption import Encrypted
from app.models.event import Event
from app.models.plans.plan_definition import PlanAction, PlanDefinition
from app.models.profile.patient import Patient
from app.models.staff.practitioner import CareTeam


class CarePlanStatus(StrEnum):
    """FHIR request-status, as far as we use it."""

    ACTIVE = "active"
    ON_HOLD = "on-hold"
    COMPLETED = "completed"
    REVOKED = "revoked"


class CarePlan(Base):
    """One patient on one version of a plan (FHIR CarePlan)."""

    __tablename__ = "care_plan"
    __table_args__ = (
        # NULL once ended: a patient may come back to the same plan.
        UniqueConstraint("patient_id", "plan_key", "is_open"),
        Index(None, "is_open", "status", "expanded_until"),
        # Cohorts: their days are computed once for all.
        Index(None, "plan_definition_id", "anchor_on"),
        # Which are past their last day: those that ended are not looked at each night.
        Index(None, "is_open", "status", "plan_definition_id", "anchor_on"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    plan_definition_id: Mapped[int] = mapped_column(ForeignKey("plan_definition.id"), info=CARE)
    plan_key: Mapped[str] = mapped_column(PlatformId(64), info=CARE)
    care_team_id: Mapped[int] = mapped_column(ForeignKey("care_team.id"), index=True, info=CARE)
    status: Mapped[CarePlanStatus] = mapped_column(info=CARE)
    is_open: Mapped[bool | None] = mapped_column(default=True, info=OPERATION)  # True or NULL
    # Since when its tasks may be others than it asks for; the clock brings them to it, then NULL.
    stale_since: Mapped[datetime | None] = mapped_column(index=True, info=OPERATION)
    anchor_on: Mapped[date] = mapped_column(info=CARE)
    encounter_id: Mapped[int | None] = mapped_column(ForeignKey("encounter.id"), info=OPERATION)
    # Tasks exist for every occurrence before this instant.
    expanded_until: Mapped[datetime | None] = mapped_column(info=OPERATION)
    # What begins before this instant is not asked for: until then it rested.
    asks_from: Mapped[datetime | None] = mapped_column(info=OPERATION)
    # While it rests, or is going to: why, and the days, both included; no last day: until told.
    hold_reason: Mapped[HoldReason | None] = mapped_column(info=CARE)
    hold_begins_on: Mapped[date | None] = mapped_column(index=True, info=CARE)
    hold_ends_on: Mapped[date | None] = mapped_column(index=True, info=CARE)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)
    ended_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    end_reason: Mapped[EndReason | None] = mapped_column(info=CARE)

    patient: Mapped[Patient] = relationship()
    plan_definition: Mapped[PlanDefinition] = relationship()
    care_team: Mapped[CareTeam] = relationship()


def packs_followed(patient_id: int) -> Select[str | None]:
    """Select the keys of the packs whose plans a patient is on now, newest plan first."""
    return (
        select(PlanDefinition.pack_key)
        .join(CarePlan, CarePlan.plan_definition_id == PlanDefinition.id)
        .where(
            CarePlan.patient_id == patient_id,
            CarePlan.is_open.is_(True),
            CarePlan.status == CarePlanStatus.ACTIVE,
        )
        .order_by(CarePlan.id.desc())
    )


class TaskOwner(StrEnum):
    PATIENT = "patient"
    STAFF = "staff"
    CLOCK = "clock"  # a message: nobody has to do anything


class Task(Base):
    """One thing to do in one window of time (FHIR Task)."""

    __tablename__ = "task"
    __table_args__ = (
        # Expanding a plan twice inserts nothing new.
        UniqueConstraint("care_plan_id", "slot"),
        Index(None, "patient_id", "starts_at"),
        Index(None, "status", "starts_at"),
        Index(None, "owner", "status", "starts_at"),
        Index(None, "status", "ends_at"),
        Index(None, "status", "judge_at"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    care_plan_id: Mapped[int | None] = mapped_column(ForeignKey("care_plan.id"), info=OPERATION)
    plan_action_id: Mapped[int | None] = mapped_column(
        ForeignKey("plan_action.id"), index=True, info=OPERATION
    )
    alert_id: Mapped[int | None] = mapped_column(ForeignKey("alert.id"), index=True, info=OPERATION)
    slot: Mapped[str] = mapped_column(PlatformId(128), info=OPERATION)
    owner: Mapped[TaskOwner] = mapped_column(info=OPERATION)
    kind: Mapped[str] = mapped_column(info=CARE)
    code: Mapped[str | None] = mapped_column(PlatformId(64), info=CARE)  # LOINC of a measurement
    # The key of the article to read or the questionnaire to answer; what to take a photo of.
    subject: Mapped[str | None] = mapped_column(PlatformId(64), info=CARE)
    title: Mapped[str] = mapped_column(info=KNOWLEDGE)
    status: Mapped[TaskStatus] = mapped_column(info=CARE)
    # Why it is so: completed by which evidence, declined for which reason, missed, cancelled.
    status_reason: Mapped[str | None] = mapped_column(info=CARE)
    note = Encrypted("note_sealed")
    note_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    starts_at: Mapped[datetime] = mapped_column(info=OPERATION)
    due_at: Mapped[datetime] = mapped_column(info=OPERATION)
    ends_at: Mapped[datetime] = mapped_column(info=OPERATION)
    # When to look next whether its condition holds; NULL when there is none, or it has opened.
    judge_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    # When to remind next; NULL when nobody is to be reminded any more.
    remind_at: Mapped[datetime | None] = mapped_column(index=True, info=OPERATION)
    # When it would have been, had nobody been asked to keep still.
    silenced_remind_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    reminders: Mapped[int] = mapped_column(default=0, info=OPERATION)
    # Of a task of the team: whose team, where neither plan nor alert says so; who is to do it;
    # what the last call came to and which one it was; who reported what it is to confirm.
    care_team_id: Mapped[int | None] = mapped_column(
        ForeignKey("care_team.id"), index=True, info=OPERATION
    )
    assignee_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), index=True, info=OPERATION
    )
    outcome: Mapped[Outcome | None] = mapped_column(info=CARE)
    tries: Mapped[int] = mapped_column(default=0, info=OPERATION)
    reported_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), index=True, info=OPERATION
    )
    finished_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)

    plan_action: Mapped[PlanAction | None] = relationship()
    care_plan: Mapped[CarePlan | None] = relationship()

    def complete(self, now: datetime) -> Event:
        """Mark it done and return the event that says so, to be added with it."""
        self.status = TaskStatus.COMPLETED
        self.status_reason = TaskReason.DONE_LATE if now > self.due_at else TaskReason.DONE
        return self._end("task.completed", now)

    def give_up(self, now: datetime) -> Event:
        """Mark that the patient cannot do it, and return the event that says so."""
        self.status = TaskStatus.CANCELLED
        self.status_reason = TaskReason.UNABLE
        return self._end("task.declined", now)

    def send(self, now: datetime) -> Event:
        """Mark a message told, and return the event that says so."""
        self.status = TaskStatus.COMPLETED
        self.status_reason = TaskReason.SENT
        return self._end("task.sent", now)

    def _end(self, kind: str, now: datetime) -> Event:
        self.finished_at = now
        self.remind_at = None
        self.judge_at = None
        return Event.of(kind, now, patient_id=self.patient_id, task_id=self.id)
