"""The library of segments: save, change, retire, list, find."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.criteria.tree import Criterion
from app.domain.errors import DomainError, NotFound
from app.domain.segments.errors import (
    InvalidSegment,
    NotYourSegment,
    SegmentChanged,
    SegmentNameTaken,
)
from app.domain.segments.trees import read_tree
from app.domain.trust.access import Actor, StaffRole
from app.models import CareTeam, Practitioner, Segment, SegmentScope
from app.models.segments.reading import find_segment, seen_by
from app.models.staff.staff_access import teams_of
from app.models.trust.audit import record

LONGEST_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants kept: plain data of a tree, and for whom; no team means everybody."""

    name: str
    tree: object
    team_id: str | None = None


@dataclass(frozen=True, slots=True)
class SegmentLine:
    """A segment as a list shows it; `criterion` is None where the tree can no longer be read."""

    id: int
    public_id: str
    name: str
    tree: dict[str, Any]
    criterion: Criterion | None
    version: int
    team_id: str | None
    team_name: str | None
    owner_name: str | None
    may_change: bool
    updated_at: datetime


def save_segment(session: Session, draft: Draft, actor: Actor, now: datetime) -> Segment:
    """Keep a new segment; who saves it owns it.

    :raises InvalidSegment: name or tree cannot be taken
    :raises SegmentNameTaken: another segment, maybe a retired one, is called so
    :raises NotFound: the team is none of theirs
    """
    read_tree(draft.tree)
    team = _own_team(session, draft.team_id, actor)
    segment = Segment(
        name=_name(draft.name),
        tree=draft.tree,
        scope=SegmentScope.TEAM if team else SegmentScope.HOSPITAL,
        care_team_id=team.id if team else None,
        owner_id=actor.id,
        created_at=now,
        updated_at=now,
    )
    try:
        with session.begin_nested():
            session.add(segment)
    except IntegrityError:
        raise SegmentNameTaken from None
    _note(session, actor, "create", segment.public_id, 1, now)
    return segment


def change_segment(
    session: Session, public_id: str, version: int, draft: Draft, actor: Actor, now: datetime
) -> None:
    """Replace name, tree and scope of the segment that was opened in `version`.

    :raises SegmentChanged: somebody else saved it since
    :raises NotYourSegment: neither owner, nor head nurse, nor of its team
    :raises InvalidSegment, SegmentNameTaken, NotFound: as for a new one
    """
    read_tree(draft.tree)
    segment = find_segment(session, public_id, actor.id)
    if not _may_change(session, segment, actor):
        raise NotYourSegment
    team = _own_team(session, draft.team_id, actor, kept=segment.care_team_id)
    values = {
        "name": _name(draft.name),
        "tree": draft.tree,
        "scope": SegmentScope.TEAM if team else SegmentScope.HOSPITAL,
        "care_team_id": team.id if team else None,
    }
    _advance(session, segment, version, values, now)
    _note(session, actor, "update", public_id, version + 1, now)


def retire_segment(
    session: Session, public_id: str, version: int, actor: Actor, now: datetime
) -> None:
    """Take a segment out of use; what was frozen from it stays, and its name stays taken.

    :raises SegmentChanged, NotYourSegment, NotFound: as for a change
    """
    segment = find_segment(session, public_id, actor.id)
    if not _may_change(session, segment, actor):
        raise NotYourSegment
    _advance(session, segment, version, {"is_retired": True}, now)
    _note(session, actor, "retire", public_id, version + 1, now)


def list_segments(session: Session, practitioner_id: int | None) -> tuple[SegmentLine, ...]:
    """Return the segments somebody may see, by name; the operator (None) sees all."""
    rows = session.execute(_lines(practitioner_id).order_by(Segment.name))
    asker = _asker(session, practitioner_id)
    return tuple(_line(row, asker) for row in rows)


def list_segments_for(session: Session, practitioner_id: int) -> tuple[SegmentLine, ...]:
    """Return the segments that a member of staff may put before a list of patients."""
    return tuple(
        one for one in list_segments(session, practitioner_id) if one.criterion is not None
    )


def read_segment(session: Session, public_id: str, practitioner_id: int | None) -> SegmentLine:
    """Return one segment.

    :raises NotFound: no such segment, or none of theirs
    """
    row = session.execute(
        _lines(practitioner_id).where(Segment.public_id == public_id)
    ).one_or_none()
    if row is None:
        raise NotFound
    return _line(row, _asker(session, practitioner_id))


def list_own_teams(session: Session, practitioner_id: int) -> dict[str, str]:
    """Return the names of somebody's teams by public id."""
    rows = session.execute(
        select(CareTeam.public_id, CareTeam.name)
        .where(CareTeam.id.in_(teams_of(practitioner_id)))
        .order_by(CareTeam.name)
    )
    return {row.public_id: row.name for row in rows}


@dataclass(frozen=True, slots=True)
class _Asker:
    id: int | None
    role: StaffRole | None
    team_ids: frozenset[int]


def _asker(session: Session, practitioner_id: int | None) -> _Asker:
    if practitioner_id is None:
        return _Asker(None, None, frozenset())
    role = session.scalar(select(Practitioner.role).where(Practitioner.id == practitioner_id))
    return _Asker(practitioner_id, role, frozenset(session.scalars(teams_of(practitioner_id))))


def _may_change(session: Session, segment: Segment, actor: Actor) -> bool:
    return _is_open_to(segment, _asker(session, actor.id))


def _is_open_to(segment: Segment, asker: _Asker) -> bool:
    """A team shares its segments; the hospital's are changed by their owner or a head nurse."""
    if asker.id is None or segment.owner_id == asker.id:
        return True
    if segment.scope is SegmentScope.TEAM:
        return segment.care_team_id in asker.team_ids
    return asker.role is StaffRole.HEAD_NURSE


def _advance(
    session: Session, segment: Segment, version: int, values: dict[str, Any], now: datetime
) -> None:
    """Write only where nobody else did since `version`: the database decides who was first."""
    statement = (
        update(Segment)
        .where(Segment.id == segment.id, Segment.version == version)
        .values(**values, version=version + 1, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    try:
        with session.begin_nested():
            changed = session.execute(statement).rowcount  # type: ignore[attr-defined]
    except IntegrityError:
        raise SegmentNameTaken from None
    if changed != 1:
        raise SegmentChanged
    session.expire(segment)


def _own_team(
    session: Session, public_id: str | None, actor: Actor, kept: int | None = None
) -> CareTeam | None:
    """Return the team a segment is for: one of the actor's, or the one it already is for."""
    if public_id is None:
        return None
    team = session.scalar(select(CareTeam).filter_by(public_id=public_id))
    if team is None:
        raise NotFound
    if actor.id is None or team.id == kept:
        return team
    if team.id not in set(session.scalars(teams_of(actor.id))):
        raise NotFound
    return team


def _name(text: str) -> str:
    name = text.strip()
    if not name:
        raise InvalidSegment("name", "请给这个人群起个名称")
    if len(name) > LONGEST_NAME:
        raise InvalidSegment("name", f"名称不能超过 {LONGEST_NAME} 个字")
    return name


def _note(
    session: Session, actor: Actor, action: str, public_id: str, version: int, now: datetime
) -> None:
    detail = {"segment": public_id, "version": version}
    record(session, actor, action, "segment", now, detail=detail)


def _lines(practitioner_id: int | None) -> Any:
    return (
        select(Segment, CareTeam, Practitioner)
        .outerjoin(CareTeam, CareTeam.id == Segment.care_team_id)
        .outerjoin(Practitioner, Practitioner.id == Segment.owner_id)
        .where(Segment.is_retired.is_(False), seen_by(practitioner_id))
    )


def _line(row: Row[Any], asker: _Asker) -> SegmentLine:
    segment, team, owner = row.Segment, row.CareTeam, row.Practitioner
    try:
        criterion = read_tree(segment.tree)
    except DomainError:
        criterion = None  # a code of it is no longer in the catalogue: somebody must change it
    return SegmentLine(
        id=segment.id,
        public_id=segment.public_id,
        name=segment.name,
        tree=segment.tree,
        criterion=criterion,
        version=segment.version,
        team_id=team.public_id if team else None,
        team_name=team.name if team else None,
        owner_name=owner.name if owner else None,
        may_change=_is_open_to(segment, asker),
        updated_at=segment.updated_at,
    )
