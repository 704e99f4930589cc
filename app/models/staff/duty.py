"""Who is on duty: the roster of a team, and who answers its alerts at this moment."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, Index, case, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from app.database import OPERATION, Base, key_column, public_id_column
from app.domain.staff.alert_clock import CHAIN, Responder
from app.models.staff.practitioner import CareTeam, CareTeamMember, Practitioner


class DutyShift(Base):
    """One member of a team answers its alerts in a role, from one moment until another."""

    __tablename__ = "duty_shift"
    __table_args__ = (Index(None, "care_team_id", "ends_at"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    care_team_id: Mapped[int] = mapped_column(ForeignKey("care_team.id"), info=OPERATION)
    practitioner_id: Mapped[int] = mapped_column(
        ForeignKey("practitioner.id"), index=True, info=OPERATION
    )
    responder: Mapped[Responder] = mapped_column(info=OPERATION)
    starts_at: Mapped[datetime] = mapped_column(info=OPERATION)
    ends_at: Mapped[datetime] = mapped_column(info=OPERATION)
    cancelled_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)

    care_team: Mapped[CareTeam] = relationship()
    practitioner: Mapped[Practitioner] = relationship()


def answering(
    session: Session, care_team_id: int, responder: Responder, now: datetime
) -> Sequence[Practitioner]:
    """Return who of a team answers in a role now: those on its roster, else all who may.

    A team without a roster is not silent: then everybody whose membership says so is told. Who
    left the team, or the hospital, answers no more, whatever the roster says.
    """
    members = (
        select(Practitioner)
        .join(CareTeamMember, CareTeamMember.practitioner_id == Practitioner.id)
        .where(
            CareTeamMember.care_team_id == care_team_id,
            Practitioner.is_active.is_(True),
            Practitioner.wecom_userid.is_not(None),
        )
        .order_by(Practitioner.id)
    )
    on_shift = select(DutyShift.practitioner_id).where(
        DutyShift.care_team_id == care_team_id,
        DutyShift.responder == responder,
        DutyShift.starts_at <= now,
        DutyShift.ends_at > now,
        DutyShift.cancelled_at.is_(None),
    )
    rostered = session.scalars(members.where(Practitioner.id.in_(on_shift))).all()
    if rostered:
        return rostered
    return session.scalars(members.where(CareTeamMember.responder == responder)).all()


def standing_in(session: Session, team: CareTeam, now: datetime) -> CareTeam | None:
    """Return who answers for a team with nobody: another of its department, else the house's.

    A team without a department is on call for the whole hospital. None where nobody is anywhere.
    """
    others = session.scalars(
        select(CareTeam)
        .where(
            CareTeam.id != team.id,
            CareTeam.department_code.is_(None) | (CareTeam.department_code == team.department_code),
        )
        .order_by(case((CareTeam.department_code.is_(None), 1), else_=0), CareTeam.id)
    )
    return next((one for one in others if is_manned(session, one.id, now)), None)


def is_manned(session: Session, care_team_id: int, now: datetime) -> bool:
    """Tell whether anybody of a team can be told of an alert now."""
    return any(answering(session, care_team_id, role, now) for role in CHAIN)
