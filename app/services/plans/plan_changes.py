"""Changes of plans' actions: for a hospital, a department or one patient, with author and reason.

They are named by the keys of plan and action, so a new version of the pack does not touch them.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.domain.definitions import InvalidDefinition
from app.domain.errors import DomainError, NotFound
from app.domain.plans.changes import Change, ChangeScope, check_change, plain
from app.domain.plans.plan import Action, parse_action
from app.models import ActionChange, CarePlan, CareTeam, Event, PlanAction, PlanDefinition


class NoSuchAction(DomainError):
    code = "no-such-action"
    title = "方案里没有这一项"


class ChangeNotPossible(DomainError):
    """The action has nothing that the change speaks of."""

    code = "change-not-possible"
    title = "这一项不能这样调整"


@dataclass(frozen=True, slots=True)
class Told:
    """Who changes something, why, and until when; left out, until somebody ends it."""

    author_id: int
    reason: str
    expires_at: datetime | None = None


def change_for_patient(
    session: Session,
    plan: CarePlan,
    action_key: str,
    change: Change,
    told: Told,
    now: datetime,
    *,
    slot: str | None = None,
) -> ActionChange:
    """Change what one patient is asked: an action, or the one task that `slot` names.

    Tasks follow within a minute. It stays when the plan is upgraded or begun anew.

    :raises NoSuchAction: the patient's plan has no such action
    :raises ChangeNotPossible: the action has nothing that the change speaks of
    """
    _check(session, plan.plan_definition_id, action_key, change, slot)
    row = _keep(
        session, change, told, now, scope=ChangeScope.PATIENT, patient_id=plan.patient_id,
        plan_key=plan.plan_key, action_key=action_key, slot=slot,
    )  # fmt: skip
    _call_for_retiming(session, row, now)
    return row


def change_for_all(
    session: Session,
    plan_key: str,
    action_key: str,
    change: Change,
    told: Told,
    now: datetime,
    *,
    department_code: str | None = None,
) -> ActionChange:
    """Change what a department asks of its patients, or the hospital of all.

    :raises NoSuchAction: no version of the plan has such an action
    :raises ChangeNotPossible: the action has nothing that the change speaks of, or only for one
    """
    newest = session.scalar(
        select(PlanDefinition.id)
        .join(PlanAction)
        .where(PlanDefinition.key == plan_key, PlanAction.key == action_key)
        .order_by(PlanDefinition.version.desc())
        .limit(1)
    )
    if change.limits is not None or change.on is not None:
        raise ChangeNotPossible
    _check(session, newest or 0, action_key, change, None)
    scope = ChangeScope.DEPARTMENT if department_code else ChangeScope.HOSPITAL
    row = _keep(
        session, change, told, now, scope=scope, department_code=department_code,
        plan_key=plan_key, action_key=action_key,
    )  # fmt: skip
    _call_for_retiming(session, row, now)
    return row


def end_change(
    session: Session,
    public_id: str,
    practitioner_id: int,
    now: datetime,
    *,
    patient_id: int | None = None,
) -> None:
    """Let the pack's own action hold again; ended twice, the first time stands.

    With `patient_id` only what was changed for that patient.

    :raises NotFound: no such change
    """
    named = select(ActionChange).filter_by(public_id=public_id)
    if patient_id is not None:
        named = named.filter_by(patient_id=patient_id)
    row = session.scalar(named.with_for_update())
    if row is None:
        raise NotFound
    if row.ended_at is None:
        row.ended_at, row.ended_by_id = now, practitioner_id
        _call_for_retiming(session, row, now)


def _check(
    session: Session, plan_definition_id: int, action_key: str, change: Change, slot: str | None
) -> None:
    action = _action(session, plan_definition_id, action_key)
    try:
        check_change(change, action, slot)
    except InvalidDefinition as problem:
        raise ChangeNotPossible from problem


def _action(session: Session, plan_definition_id: int, action_key: str) -> Action:
    definition = session.scalar(
        select(PlanAction.definition).filter_by(
            plan_definition_id=plan_definition_id, key=action_key
        )
    )
    if definition is None:
        raise NoSuchAction
    return parse_action(definition)


def _keep(
    session: Session, change: Change, told: Told, now: datetime, **of: object
) -> ActionChange:
    row = ActionChange(
        change=json.dumps(plain(change), ensure_ascii=False, sort_keys=True),
        reason=told.reason, author_id=told.author_id, expires_at=told.expires_at, created_at=now,
        **of,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def _call_for_retiming(session: Session, row: ActionChange, now: datetime) -> None:
    """Mark the calendars it concerns; the clock brings them to it."""
    concerned = update(CarePlan).where(
        CarePlan.plan_key == row.plan_key, CarePlan.is_open.is_(True)
    )
    if row.scope is ChangeScope.PATIENT:
        concerned = concerned.where(CarePlan.patient_id == row.patient_id)
        session.add(Event.of("care-plan.changed", now, patient_id=row.patient_id, change_id=row.id))
    elif row.scope is ChangeScope.DEPARTMENT:
        teams = select(CareTeam.id).where(CareTeam.department_code == row.department_code)
        concerned = concerned.where(CarePlan.care_team_id.in_(teams))
    session.execute(concerned.values(stale_since=now))
