"""Plans become dated tasks, ahead of time; tasks open, and pass."""

from app.services.plans.plan_expansion.expanding import HORIZON, expand_plans
from app.services.plans.plan_expansion.following import follow
from app.services.plans.plan_expansion.judging import judge_due_tasks, wake_waiting
from app.services.plans.plan_expansion.passing import miss_past_tasks, open_due_tasks

__all__ = [
    "HORIZON",
    "expand_plans",
    "follow",
    "judge_due_tasks",
    "miss_past_tasks",
    "open_due_tasks",
    "wake_waiting",
]
