"""What loss to follow-up is, once, for training and for reports; and what a model may know.

A patient on a plan is looked at every thirty days from enrolment on. They are lost in a window if
from its start until thirty days after its end no contact was completed by any channel, though
something was asked of them in it. Who died, broke the plan off (moved elsewhere), or said that they
want no contact meanwhile is neither lost nor kept, and is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from app.domain.profile.risk.follow_up_history import FollowUpHistory, PlanSpan
from app.domain.profile.risk.follow_up_priority import Moment, follow_up_priority
from app.domain.profile.risk.frame import Assessment

OUTCOME: Final = "loss-to-follow-up"
WINDOW: Final = timedelta(days=30)
GRACE: Final = timedelta(days=30)
_QUARTER: Final = timedelta(days=90)

Row = dict[str, float | str | None]

# What `features` knows of a patient; a model that asks for anything else is of no use here.
FEATURES: Final = (
    "missed_of_last_3", "is_silent", "missed_last_visit", "lead_days", "never_opened", "is_far",
    "has_phone", "has_carer", "is_just_discharged", "is_burdened", "contacts_in_90_days",
    "share_done_in_90_days", "days_on_plan", "age", "gender", "plan",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sample:
    """One window: what was known at its start, the list's points then, and how it ended."""

    at: datetime
    features: Row
    priority: float
    is_lost: bool


def windows(plan: PlanSpan, now: datetime) -> Iterator[datetime]:
    """Yield the starts of a plan's windows that are over, their grace included."""
    start = plan.began_at
    while start + WINDOW + GRACE <= now and (plan.ended_at is None or start < plan.ended_at):
        yield start
        start += WINDOW


def outcome(history: FollowUpHistory, plan: PlanSpan, start: datetime) -> bool | None:
    """Tell whether the patient was lost in the window; None where the question does not arise."""
    end = start + WINDOW
    over = end + GRACE
    left = (
        history.deceased_at,
        history.opted_out_at,
        plan.ended_at if plan.is_revoked else None,
    )
    if any(at is not None and at <= over for at in left):
        return None
    if not any(start <= task.due_at < end for task in history.tasks):
        return None
    return not any(start <= at < over for at in history.contacts)


def features(moment: Moment, plan: PlanSpan) -> Row:
    """Return what a model may know at an instant: facts of the list, before they are points."""
    history = moment.history
    recent = [at for at in history.contacts if moment.now - at <= _QUARTER]
    asked = [one for one in history.tasks if moment.now - one.due_at <= _QUARTER]
    done = sum(1 for one in asked if one.done_at is not None)
    visit = moment.last_visit()
    days_home = moment.days_since_discharge()
    return {
        "missed_of_last_3": float(moment.missed()),
        "is_silent": float(moment.silence() is not None),
        "missed_last_visit": float(visit is not None and visit.came is False),
        "lead_days": float(min(moment.lead_days(), 365)),
        "never_opened": float(moment.never_opened()),
        "is_far": None if (far := moment.is_far()) is None else float(far),
        "has_phone": float(history.has_phone),
        "has_carer": float(history.has_carer),
        "is_just_discharged": float(days_home is not None and days_home <= 30),
        "is_burdened": float(bool(moment.flags())),
        "contacts_in_90_days": float(min(len(recent), 90)),
        "share_done_in_90_days": done / len(asked) if asked else None,
        "days_on_plan": float((moment.now - plan.began_at).days),
        "age": None if (age := moment.age) is None else float(age),
        "gender": history.gender.value,
        "plan": plan.key,
    }


def samples(
    history: FollowUpHistory, now: datetime, zone: ZoneInfo, home: str | None = None
) -> Iterator[Sample]:
    """Yield what a patient's past teaches: each window with what was known at its start."""
    for plan in history.plans:
        for start in windows(plan, now):
            is_lost = outcome(history, plan, start)
            if is_lost is None:
                continue
            moment = Moment(history.as_of(start), start, zone, home)
            priority = follow_up_priority(moment)
            if isinstance(priority, Assessment):
                points = float(priority.value)
                yield Sample(start, features(moment, plan), points, is_lost)
