"""Plans made of a few actions, for tests of what becomes of them."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.plans.plan import parse_plan
from app.domain.plans.plan_schedule import timing_revision
from app.models import CarePlan, CareTeam, Patient, PlanAction, PlanDefinition, Task
from tests import factories
from tests.conftest import NOON

ANCHOR = date(2026, 5, 4)  # the day of NOON, a Monday


def action(key: str, *, kind: str = "reminder", **told: Any) -> dict[str, Any]:
    """An action at 09:00 for eight hours; what is not of an action belongs to its timing."""
    own = ("title", "instructions", "article", "questionnaire", "code", "text", "if_missed",
           "only_when", "wait_for")  # fmt: skip
    timing = {"start": "P0D", "at": "09:00", "due_after": "PT2H", "expires_after": "PT8H"}
    for name in [name for name in told if name not in own]:
        timing[name] = told.pop(name)
    timing = {name: value for name, value in timing.items() if value is not None}
    return {"key": key, "kind": kind, "title": key, "timing": timing, **told}


def definition_of(
    session: Session, *actions: dict[str, Any], key: str = "demo-plan", version: int = 1
) -> PlanDefinition:
    told = {
        "key": key, "version": version, "name": "演示方案", "anchor": "discharge",
        "actions": list(actions),
    }  # fmt: skip
    plan = parse_plan(told)
    row = factories.plan_definition(session, key) if version == 1 else _next(session, key, version)
    row.definition = told
    session.add_all(
        PlanAction(
            plan_definition_id=row.id, key=one.key, kind=one.kind, title=one.title,
            timing_revision=timing_revision(one), basis=one.timing.basis.value,
            definition=definition,
        )
        for one, definition in zip(plan.actions, actions, strict=True)
    )  # fmt: skip
    session.flush()
    return row


def _next(session: Session, key: str, version: int) -> PlanDefinition:
    row = PlanDefinition(
        key=key, version=version, status="active", title="演示方案", anchor="discharge",
        definition={},
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def on_plan(
    session: Session,
    *actions: dict[str, Any],
    patient: Patient | None = None,
    team: CareTeam | None = None,
    anchor_on: date = ANCHOR,
) -> CarePlan:
    """A patient who began a plan of these actions."""
    return factories.care_plan(
        session,
        patient or factories.patient(session),
        team or factories.care_team(session),
        definition=definition_of(session, *actions),
        anchor_on=anchor_on,
        created_at=NOON,
    )


def tasks_of(session: Session, plan: CarePlan) -> Sequence[Task]:
    session.flush()
    session.expire_all()
    return session.scalars(
        select(Task).filter_by(care_plan_id=plan.id).order_by(Task.starts_at, Task.slot)
    ).all()


def shown(tasks: Iterable[Task]) -> list[str]:
    """Return slots with the hospital's time (it is UTC+8) and status, one a line."""
    return [
        f"{task.slot} {(task.starts_at.replace(tzinfo=None)).isoformat(' ', 'minutes')} "
        f"{task.status}/{task.status_reason}"
        for task in tasks
    ]
