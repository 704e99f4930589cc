"""The form that ends a call: a coded outcome, a note, the next date."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from app.domain.staff.alerting import Outcome
from wecom import words

MAX_NOTE: Final = 500
_FURTHEST: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class OutcomeForm:
    """What was sent, as typed and as understood; `problems` by the name of the field."""

    outcome: Outcome | None = None
    note: str = ""
    next_text: str = ""
    next_on: date | None = None
    problems: Mapping[str, str] = field(default_factory=dict)


def empty_form() -> OutcomeForm:
    return OutcomeForm()


def read_form(
    sent: Mapping[str, str], today: date, outcomes: Iterable[Outcome] = words.OUTCOMES
) -> OutcomeForm:
    """Read the form; what cannot be kept is kept as typed, with the reason beside it."""
    problems: dict[str, str] = {}
    outcome = next((one for one in outcomes if one.value == sent.get("outcome")), None)
    if outcome is None:
        problems["outcome"] = "请选择联系结果"
    note = sent.get("note", "").replace("\r\n", "\n").strip()
    if len(note) > MAX_NOTE:
        problems["note"] = f"备注最多 {MAX_NOTE} 个字，现在有 {len(note)} 个"
    next_text = sent.get("next_on", "").strip()
    next_on = None
    if next_text:
        next_on = _date(next_text)
        if next_on is None:
            problems["next_on"] = "请按 2026-05-04 的样子填写日期"
        elif not today <= next_on <= today + _FURTHEST:
            problems["next_on"] = "下次联系的日期应在今天或以后，一年以内"
    return OutcomeForm(outcome, note, next_text, next_on, problems)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
