"""What people changed of plans' actions, with author and reason; the pack's action stays."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, Index, Select, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.database import (
    CARE,
    FREE_TEXT,
    OPERATION,
    Base,
    PlatformId,
    Sealed,
    key_column,
    public_id_column,
)
from app.domain.plans.changes import ChangeInForce, ChangeScope, parse_change
from app.domain.profile.vital_signs import Limits
from app.encryption import Encrypted
from app.models.plans.care_plan import CarePlan
from app.models.plans.plan_definition import PlanAction
from app.models.staff.practitioner import CareTeam


class ActionChange(Base):
    """One change of one action, named by the keys of plan and action: versions come and go.

    It is never edited: another change lies over it, or it ends.
    """

    __tablename__ = "action_change"
    __table_args__ = (
        Index(None, "patient_id", "plan_key"),
        Index(None, "plan_key", "scope"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    scope: Mapped[ChangeScope] = mapped_column(info=OPERATION)
    department_code: Mapped[str | None] = mapped_column(info=OPERATION)
    patient_id: Mapped[int | None] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    plan_key: Mapped[str] = mapped_column(PlatformId(64), info=CARE)
    action_key: Mapped[str] = mapped_column(PlatformId(64), info=CARE)
    slot: Mapped[str | None] = mapped_column(PlatformId(128), info=CARE)  # of one task alone
    change = Encrypted("change_sealed")  # JSON, as `parse_change` reads it
    change_sealed: Mapped[bytes] = mapped_column(Sealed, info=FREE_TEXT)
    reason = Encrypted("reason_sealed")
    reason_sealed: Mapped[bytes] = mapped_column(Sealed, info=FREE_TEXT)
    author_id: Mapped[int] = mapped_column(ForeignKey("practitioner.id"), info=OPERATION)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)
    # What the pack has begin from then on is as the pack says.
    expires_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    ended_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("practitioner.id"), info=OPERATION)

    def in_force(self) -> ChangeInForce:
        """Return it as the domain reads it."""
        return ChangeInForce(
            self.action_key,
            parse_change(json.loads(self.change or "{}")),
            self.scope,
            self.slot,
            self.expires_at,
        )


def not_ended() -> Select[ActionChange]:
    """Select what may be in force, the oldest first: the later lies over the earlier."""
    return select(ActionChange).where(ActionChange.ended_at.is_(None)).order_by(ActionChange.id)


def changes_of_team(session: Session, plan_key: str, care_team_id: int) -> Sequence[ChangeInForce]:
    """Return what the hospital and the team's department changed of a plan."""
    department = select(CareTeam.department_code).where(CareTeam.id == care_team_id)
    rows = session.scalars(
        not_ended().where(
            ActionChange.plan_key == plan_key,
            or_(
                ActionChange.scope == ChangeScope.HOSPITAL,
                (ActionChange.scope == ChangeScope.DEPARTMENT)
                & (ActionChange.department_code == department.scalar_subquery()),
            ),
        )
    )
    return [row.in_force() for row in rows]


def changes_of_patient(session: Session, patient_id: int, plan_key: str) -> Sequence[ChangeInForce]:
    """Return what was changed of a plan for one patient alone."""
    rows = session.scalars(not_ended().filter_by(patient_id=patient_id, plan_key=plan_key))
    return [row.in_force() for row in rows]


def own_limits(session: Session, patient_id: int, code: str, now: datetime) -> Limits | None:
    """Return the limits somebody set for this patient's measurement, the newest."""
    rows = session.execute(
        select(ActionChange, PlanAction.definition)
        .join(CarePlan, CarePlan.plan_key == ActionChange.plan_key)
        .join(
            PlanAction,
            (PlanAction.plan_definition_id == CarePlan.plan_definition_id)
            & (PlanAction.key == ActionChange.action_key),
        )
        .where(
            ActionChange.patient_id == patient_id,
            ActionChange.ended_at.is_(None),
            or_(ActionChange.expires_at.is_(None), ActionChange.expires_at > now),
            CarePlan.patient_id == patient_id,
            CarePlan.is_open.is_(True),
        )
        .order_by(ActionChange.id.desc())
    )
    limits = (row.in_force().change.limits for row, told in rows if told.get("code") == code)
    return next((one for one in limits if one is not None), None)
