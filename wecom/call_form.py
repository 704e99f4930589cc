"""The form that ends a call for a task: a coded outcome, a note, when to call again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Final

from app import clock
from app.domain.staff.alerting import Outcome
from wecom import outcome_form, words

HOURS: Final = tuple(f"{hour:02d}:00" for hour in range(9, 20))


@dataclass(frozen=True, slots=True)
class CallForm:
    """What was sent, as typed and as understood; `problems` by the name of the field."""

    outcome: Outcome | None = None
    note: str = ""
    next_text: str = ""
    hour: str = "09:00"
    wanted_at: datetime | None = None
    problems: Mapping[str, str] = field(default_factory=dict)


def read_call_form(sent: Mapping[str, str], now: datetime) -> CallForm:
    """Read the form; what cannot be kept is kept as typed, with the reason beside it."""
    read = outcome_form.read_form(sent, clock.today())
    problems = dict(read.problems)
    outcome = next((one for one in words.CALL_OUTCOMES if one.value == sent.get("outcome")), None)
    if outcome is None:
        problems["outcome"] = "请选择联系结果"
    hour = sent.get("hour", "")
    hour = hour if hour in HOURS else "09:00"
    wanted_at = None
    if read.next_on is not None and "next_on" not in problems:
        wall = datetime.combine(read.next_on, time.fromisoformat(hour), clock.HOSPITAL)
        wanted_at = wall.astimezone(now.tzinfo)
        if wanted_at <= now:
            problems["next_on"] = "再次联系的时间已经过了，请选晚一点"
    return CallForm(outcome, read.note, read.next_text, hour, wanted_at, problems)
