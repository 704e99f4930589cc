"""The plans of this hospital: what each does, who is on which version, how one comes in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from app.domain.errors import NotFound
from app.models import (
    CarePlan,
    CareTeam,
    EnrolmentPolicy,
    EnrolmentProposal,
    EnrolmentWay,
    Pack,
    PlanDefinition,
    PublicationStatus,
)
from app.models.plans.knowledge import knowledge


@dataclass(frozen=True, slots=True)
class PlanLine:
    """A plan in force as a list shows it."""

    key: str
    name: str
    version: int
    pack_key: str
    pack_version: str
    approved_by: str | None
    effective_from: date
    effective_until: date | None
    is_offered: bool
    patients: int
    on_older: int
    waiting: int


@dataclass(frozen=True, slots=True)
class WayLine:
    id: str
    kind: str
    is_automatic: bool
    segment_name: str | None
    state: str | None
    qr_code: str | None
    team_name: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PlanPage:
    """One plan in full; `definition` is the plain data of the version in force."""

    line: PlanLine
    definition: Mapping[str, Any]
    versions: tuple[tuple[int, PublicationStatus, int], ...]  # version, status, open plans on it
    policy: EnrolmentPolicy | None
    ways: tuple[WayLine, ...]


def list_plans(session: Session, today: date) -> tuple[PlanLine, ...]:
    """Return every plan in force, by name."""
    known = knowledge(session)
    rows = session.execute(
        select(PlanDefinition.key, PlanDefinition.version, func.count(CarePlan.id))
        .join(CarePlan, CarePlan.plan_definition_id == PlanDefinition.id)
        .where(CarePlan.is_open.is_(True))
        .group_by(PlanDefinition.key, PlanDefinition.version)
    ).all()
    waiting = _counts(
        session,
        select(EnrolmentProposal.plan_key, func.count())
        .where(EnrolmentProposal.is_open.is_(True))
        .group_by(EnrolmentProposal.plan_key),
    )
    signed = {
        one.key: one.approved_by
        for one in session.scalars(select(Pack).filter_by(status=PublicationStatus.ACTIVE))
    }
    lines = []
    for plan in known.plans.values():
        pack = known.packs[known.pack_of_plan[plan.key]]
        on = {version: count for key, version, count in rows if key == plan.key}
        lines.append(
            PlanLine(
                plan.key, plan.name, plan.version, pack.id, pack.version, signed.get(pack.id),
                pack.effective_from, pack.effective_until, pack.is_dated(today),
                sum(on.values()), sum(on.values()) - on.get(plan.version, 0),
                waiting.get(plan.key, 0),
            )
        )  # fmt: skip
    return tuple(sorted(lines, key=lambda one: one.name))


def read_plan(session: Session, plan_key: str, today: date) -> PlanPage:
    """:raises NotFound: no such plan in force"""
    line = next((one for one in list_plans(session, today) if one.key == plan_key), None)
    if line is None:
        raise NotFound
    counts = _counts(
        session,
        select(CarePlan.plan_definition_id, func.count())
        .where(CarePlan.plan_key == plan_key, CarePlan.is_open.is_(True))
        .group_by(CarePlan.plan_definition_id),
    )
    versions = session.scalars(
        select(PlanDefinition).filter_by(key=plan_key).order_by(PlanDefinition.version.desc())
    ).all()
    newest = next(one for one in versions if one.version == line.version)
    return PlanPage(
        line, newest.definition,
        tuple((one.version, one.status, counts.get(one.id, 0)) for one in versions),
        session.scalar(select(EnrolmentPolicy).filter_by(plan_key=plan_key)),
        _ways(session, plan_key),
    )  # fmt: skip


def _counts(session: Session, query: Select[Any, int]) -> dict[Any, int]:
    return {row[0]: row[1] for row in session.execute(query)}


def _ways(session: Session, plan_key: str) -> tuple[WayLine, ...]:
    rows = session.execute(
        select(EnrolmentWay, CareTeam.name)
        .outerjoin(CareTeam, CareTeam.id == EnrolmentWay.care_team_id)
        .where(EnrolmentWay.plan_key == plan_key, EnrolmentWay.is_open.is_(True))
        .options(joinedload(EnrolmentWay.segment))
        .order_by(EnrolmentWay.id)
    )
    return tuple(
        WayLine(
            way.public_id, way.kind, way.is_automatic, way.segment.name if way.segment else None,
            way.state, way.qr_code, team, way.created_at,
        )
        for way, team in rows
    )  # fmt: skip
