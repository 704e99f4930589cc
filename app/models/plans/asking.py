"""What plans ask for: their actions as the domain reads them, parsed once for many patients."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.plans.changes import ChangeInForce, changed_action
from app.domain.plans.plan import Action, parse_action
from app.models.plans.action_change import changes_of_patient, changes_of_team
from app.models.plans.care_plan import CarePlan, Task
from app.models.plans.plan_definition import PlanAction, PlanDefinition


@dataclass(frozen=True, slots=True)
class Asked:
    """One action as the pack has it, the row it is kept in, and what people changed of it."""

    plan_action_id: int
    action: Action
    changes: Sequence[ChangeInForce] = ()


_NOTHING: Final = "", ()


class Questions:
    """The actions of plans, for the time of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._parsed: dict[int, tuple[str, Sequence[Asked]]] = {}
        self._of_teams: dict[tuple[int, int], Sequence[Asked]] = {}

    def of(self, plan: CarePlan) -> Sequence[Asked]:
        """Return what one patient is asked, with what was changed for them alone."""
        asked = self.of_team(plan.plan_definition_id, plan.care_team_id)
        own = changes_of_patient(self._session, plan.patient_id, plan.plan_key)
        if not own:
            return asked
        return [replace(one, changes=(*one.changes, *_about(own, one.action))) for one in asked]

    def of_team(self, plan_definition_id: int, care_team_id: int) -> Sequence[Asked]:
        """Return what all patients of one team on one version are asked."""
        key = (plan_definition_id, care_team_id)
        found = self._of_teams.get(key)
        if found is None:
            plan_key, asked = self._definition(plan_definition_id)
            changes = changes_of_team(self._session, plan_key, care_team_id)
            found = [replace(one, changes=_about(changes, one.action)) for one in asked]
            self._of_teams[key] = found
        return found

    def behind(self, plan: CarePlan, task: Task) -> Action | None:
        """Return the action a task was made for, in the words that hold for this task.

        None where nobody's plan asks for it now.
        """
        for one in self.of(plan):
            if one.plan_action_id == task.plan_action_id:
                return changed_action(one.action, one.changes, task.slot, task.starts_at)
        return None

    def _definition(self, plan_definition_id: int) -> tuple[str, Sequence[Asked]]:
        found = self._parsed.get(plan_definition_id, _NOTHING)
        if not found[1]:
            rows = self._session.execute(
                select(PlanDefinition.key, PlanAction.id, PlanAction.definition)
                .join(PlanAction, PlanAction.plan_definition_id == PlanDefinition.id)
                .where(PlanDefinition.id == plan_definition_id)
                .order_by(PlanAction.id)
            ).all()
            asked = [Asked(id_, parse_action(definition)) for _, id_, definition in rows]
            found = rows[0].key if rows else "", asked
            self._parsed[plan_definition_id] = found
        return found


def _about(changes: Sequence[ChangeInForce], action: Action) -> Sequence[ChangeInForce]:
    return tuple(one for one in changes if one.action_key == action.key)
