"""What is left to somebody, and what they would leave behind at the end of their shift."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.domain.profile.masking import list_name
from app.models import Alert, Patient, ShiftHandover, Task
from app.models.staff.staff_access import teams_of
from app.models.staff.team_work import (
    OPEN_TASK,
    is_work_of,
    members_of,
    team_names,
    team_of_task,
    with_team,
)


@dataclass(frozen=True, slots=True)
class HeldItem:
    """One thing in somebody's hands; `is_alert` tells which page shows it."""

    public_id: str
    is_alert: bool
    title: str
    patient_id: int
    masked_name: str
    team_id: int
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Offered:
    """What a colleague left, with what of it is still theirs to give."""

    public_id: str
    giver: str | None
    team_name: str
    note: str | None
    at: datetime
    items: Sequence[HeldItem]


@dataclass(frozen=True, slots=True)
class TeamShift:
    public_id: str
    name: str
    items: Sequence[HeldItem]
    colleagues: Sequence[tuple[str, str]]  # public id, name
    waiting: Sequence[tuple[str | None, datetime]]  # to whom, since when


@dataclass(frozen=True, slots=True)
class Handovers:
    offered: Sequence[Offered]
    teams: Sequence[TeamShift]

    @property
    def items(self) -> list[HeldItem]:
        groups = [*(one.items for one in self.offered), *(one.items for one in self.teams)]
        return [item for group in groups for item in group]


def read_handovers(session: Session, practitioner_id: int) -> Handovers:
    """Return what waits for somebody, and each of their teams with what they have in hand."""
    waiting = session.scalars(
        select(ShiftHandover)
        .filter_by(to_practitioner_id=practitioner_id, acknowledged_at=None)
        .options(joinedload(ShiftHandover.giver), joinedload(ShiftHandover.care_team))
        .order_by(ShiftHandover.at)
    ).all()
    mine = _held_by(session, practitioner_id)
    given = session.scalars(
        select(ShiftHandover)
        .filter_by(from_practitioner_id=practitioner_id, acknowledged_at=None)
        .options(joinedload(ShiftHandover.taker))
        .order_by(ShiftHandover.at)
    ).all()
    return Handovers(
        offered=[_offered(session, one) for one in waiting],
        teams=[
            TeamShift(
                public_id,
                name,
                [item for item in mine if item.team_id == team_id],
                [
                    (one.public_id, one.name or "")
                    for one in members_of(session, [team_id])
                    if one.id != practitioner_id
                ],
                [(one.taker.name, one.at) for one in given if one.care_team_id == team_id],
            )
            for team_id, public_id, name in team_names(session, practitioner_id)
        ],
    )


def count_waiting(session: Session, practitioner_id: int) -> int:
    """Return how many handovers wait for somebody."""
    found = select(ShiftHandover.id).filter_by(
        to_practitioner_id=practitioner_id, acknowledged_at=None
    )
    return len(session.scalars(found).all())


def _offered(session: Session, handover: ShiftHandover) -> Offered:
    wanted = {(False, one) for one in handover.items["tasks"]}
    wanted |= {(True, one) for one in handover.items["alerts"]}
    held = _held(session, handover.from_practitioner_id)
    items = [item for key, item in held.items() if key in wanted]
    return Offered(
        handover.public_id, handover.giver.name, handover.care_team.name, handover.note,
        handover.at, items,
    )  # fmt: skip


def _held_by(session: Session, practitioner_id: int) -> list[HeldItem]:
    return list(_held(session, practitioner_id).values())


def _held(session: Session, practitioner_id: int) -> dict[tuple[bool, int], HeldItem]:
    """Return what somebody has in hand, alerts first, by kind and id."""
    alerts = session.scalars(
        select(Alert)
        .where(Alert.owner_id == practitioner_id, Alert.is_open.is_(True))
        .options(joinedload(Alert.patient), joinedload(Alert.rule))
        .order_by(Alert.id)
    )
    found = {
        (True, one.id): HeldItem(
            one.public_id, True, one.name, one.patient_id, list_name(one.patient.name),
            one.care_team_id, one.acknowledge_by,
        )
        for one in alerts
    }  # fmt: skip
    rows = session.execute(
        with_team(select(Task, Patient, team_of_task()))
        .join(Patient, Patient.id == Task.patient_id)
        .where(
            is_work_of(teams_of(practitioner_id)),
            Task.assignee_id == practitioner_id,
            Task.status.in_(OPEN_TASK),
        )
        .order_by(Task.due_at, Task.id)
    )
    for task, patient, team_id in rows:
        found[False, task.id] = HeldItem(
            task.public_id, False, task.title, patient.id, list_name(patient.name), int(team_id),
            task.due_at,
        )  # fmt: skip
    return found
