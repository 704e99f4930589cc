"""The duty roster of teams: who answers alerts, in which role, from when until when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session, joinedload

from app.domain.errors import DomainError, NotFound
from app.domain.staff.alert_clock import CHAIN, Responder
from app.domain.trust.access import Actor
from app.models import CareTeam, CareTeamMember, DutyShift, Practitioner
from app.models.staff.duty import answering, standing_in
from app.models.staff.staff_access import teams_of
from app.models.trust.audit import record

LONGEST_SHIFT: Final = timedelta(days=31)


class ShiftRefused(DomainError):
    """A shift that cannot be; `title` says why."""

    code = "shift-refused"
    title = "这个班次不能这样排"

    def __init__(self, title: str) -> None:
        super().__init__(self.code)
        self.title = title


@dataclass(frozen=True, slots=True)
class Duty:
    """Who answers the alerts of a team now, by role; an empty role is skipped by alerts.

    Where nobody is at all, `stands_in` is the team that does, if any.
    """

    team: CareTeam
    answering: Mapping[Responder, Sequence[Practitioner]]
    stands_in: CareTeam | None

    @property
    def is_manned(self) -> bool:
        return any(self.answering.values())


def plan_shift(
    session: Session,
    team_public_id: str,
    practitioner_public_id: str,
    responder: Responder,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    actor: Actor,
    *,
    of: int | None = None,
) -> DutyShift:
    """Put a member of a team on its roster; the same again returns the shift that is there.

    `of` is the practitioner whose teams alone may be touched.

    :raises NotFound: no such team or person
    :raises ShiftRefused: the person is not of the team, or the times make no shift
    """
    team = session.scalar(select(CareTeam).filter_by(public_id=team_public_id).with_for_update())
    who = session.scalar(select(Practitioner).filter_by(public_id=practitioner_public_id))
    if team is None or who is None or not _is_of(session, team.id, of):
        raise NotFound
    _check(session, team, who, starts_at, ends_at, now)
    known = {
        "care_team_id": team.id, "practitioner_id": who.id, "responder": responder,
        "starts_at": starts_at, "ends_at": ends_at, "cancelled_at": None,
    }  # fmt: skip
    kept = session.scalar(select(DutyShift).filter_by(**known))
    if kept is not None:
        return kept
    shift = DutyShift(**known, created_at=now)
    session.add(shift)
    session.flush()
    record(session, actor, "create", "duty-shift", now, detail={"shift": shift.public_id})
    return shift


def cancel_shift(
    session: Session, public_id: str, now: datetime, actor: Actor, *, of: int | None = None
) -> None:
    """Take a shift off the roster; one that is over stays, for it says who answered.

    :raises NotFound: no such shift
    :raises ShiftRefused: it is over
    """
    shift = session.scalar(select(DutyShift).filter_by(public_id=public_id).with_for_update())
    if shift is None or not _is_of(session, shift.care_team_id, of):
        raise NotFound
    if shift.cancelled_at is not None:
        return
    if shift.ends_at <= now:
        raise ShiftRefused("这个班次已经结束，不能取消")
    shift.cancelled_at = now
    record(session, actor, "cancel", "duty-shift", now, detail={"shift": shift.public_id})


def shifts_ahead(
    session: Session,
    now: datetime,
    span: timedelta = timedelta(days=14),
    *,
    of: int | None = None,
) -> Sequence[DutyShift]:
    """Return the shifts under way or to come, the nearest first; `of` narrows to their teams."""
    return session.scalars(
        select(DutyShift)
        .where(
            _theirs(DutyShift.care_team_id, of),
            DutyShift.ends_at > now,
            DutyShift.starts_at < now + span,
            DutyShift.cancelled_at.is_(None),
        )
        .options(joinedload(DutyShift.care_team), joinedload(DutyShift.practitioner))
        .order_by(DutyShift.starts_at, DutyShift.care_team_id, DutyShift.id)
    ).all()


def duties(session: Session, now: datetime, *, of: int | None = None) -> list[Duty]:
    """Return for each team who answers now; `of` narrows to the teams of one practitioner."""
    teams = select(CareTeam).where(_theirs(CareTeam.id, of)).order_by(CareTeam.name)
    return [_duty(session, team, now) for team in session.scalars(teams).all()]


def _duty(session: Session, team: CareTeam, now: datetime) -> Duty:
    found = {role: answering(session, team.id, role, now) for role in CHAIN}
    return Duty(team, found, None if any(found.values()) else standing_in(session, team, now))


def members_of(session: Session, practitioner_id: int) -> list[tuple[CareTeam, Practitioner]]:
    """Return who may be put on the rosters of somebody's teams."""
    rows = session.execute(
        select(CareTeam, Practitioner)
        .join(CareTeamMember, CareTeamMember.care_team_id == CareTeam.id)
        .join(Practitioner, Practitioner.id == CareTeamMember.practitioner_id)
        .where(
            _theirs(CareTeam.id, practitioner_id),
            Practitioner.is_active.is_(True),
            Practitioner.wecom_userid.is_not(None),
        )
        .order_by(CareTeam.name, Practitioner.id)
    )
    return [(team, who) for team, who in rows]


def _theirs(team_id: Any, of: int | None) -> ColumnElement[bool]:
    return true() if of is None else team_id.in_(teams_of(of))


def _is_of(session: Session, team_id: int, of: int | None) -> bool:
    return of is None or team_id in session.scalars(teams_of(of)).all()


def _check(
    session: Session,
    team: CareTeam,
    who: Practitioner,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
) -> None:
    member = select(CareTeamMember.id).filter_by(care_team_id=team.id, practitioner_id=who.id)
    if session.scalar(member) is None:
        raise ShiftRefused("这个人不在团队里，看不到团队的患者：请先加入团队")
    if not who.is_active or who.wecom_userid is None:
        raise ShiftRefused("这个账号收不到企业微信消息，不能排班")
    if not starts_at < ends_at <= starts_at + LONGEST_SHIFT:
        raise ShiftRefused("结束时间要在开始之后，一个班次最长31天")
    if ends_at <= now:
        raise ShiftRefused("结束时间已经过去")
