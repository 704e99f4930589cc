"""What plans ask for: their actions as the domain reads them, parsed once for many patients."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.plans.plan import Action, parse_action
from app.models.plans.care_plan import CarePlan, Task
from app.models.plans.plan_definition import PlanAction


@dataclass(frozen=True, slots=True)
class Asked:
    """One action and the row it is kept in."""

    plan_action_id: int
    action: Action


class Questions:
    """The actions of plans, for the time of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._parsed: dict[int, Sequence[Asked]] = {}

    def of(self, plan: CarePlan) -> Sequence[Asked]:
        found = self._parsed.get(plan.plan_definition_id)
        if found is None:
            rows = self._session.execute(
                select(PlanAction.id, PlanAction.definition)
                .filter_by(plan_definition_id=plan.plan_definition_id)
                .order_by(PlanAction.id)
            )
            found = tuple(Asked(id_, parse_action(definition)) for id_, definition in rows)
            self._parsed[plan.plan_definition_id] = found
        return found

    def behind(self, plan: CarePlan, task: Task) -> Action | None:
        """Return the action a task was made for; None where nobody's plan asks for it now."""
        found = (one.action for one in self.of(plan) if one.plan_action_id == task.plan_action_id)
        return next(found, None)
