"""Plans become dated tasks, ahead of time; tasks open, and pass."""

from app.services.plans.plan_expansion.expanding import (
    HORIZON,
    Cohort,
    batches,
    due_cohorts,
    expand_cohorts,
    expand_plans,
    horizon,
)
from app.services.plans.plan_expansion.following import follow
from app.services.plans.plan_expansion.judging import judge_due_tasks, wake_waiting
from app.services.plans.plan_expansion.passing import miss_past_tasks, open_due_tasks
from app.services.plans.plan_expansion.retiming import call_for_retiming, retime_plans

__all__ = [
    "HORIZON",
    "Cohort",
    "batches",
    "call_for_retiming",
    "due_cohorts",
    "expand_cohorts",
    "expand_plans",
    "follow",
    "horizon",
    "judge_due_tasks",
    "miss_past_tasks",
    "open_due_tasks",
    "retime_plans",
    "wake_waiting",
]
