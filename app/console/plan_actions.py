"""计划草稿的一项安排: title, instructions and timing in fields, for who does not write YAML."""

import copy
import re
from collections.abc import Collection, Mapping
from http import HTTPStatus
from itertools import count
from typing import Any, Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.database import unit_of_work
from app.domain.definitions import InvalidDefinition
from app.domain.errors import DomainError, NotFound
from app.domain.plans import plan_words
from app.domain.trust.access import Audience, Permission
from app.services.plans import pack_drafts
from app.web import gate, plan_labels
from app.web.addresses import public_id
from app.web.definition_words import sentence
from app.web.staff import me

views = Blueprint("plan_actions", __name__, url_prefix="/plan-drafts/<draft_id>/actions")

# Fields of a timing: name → what it is, and which units it is told in.
PERIODS: Final = {
    "start": "{basis}后多久做第一次",
    "every": "每隔多久重复（不填就只做一次）",
    "until": "重复到{basis}后多久（和上面一起填）",
}
DURATIONS: Final = {"due_after": "开始后多久内完成", "expires_after": "开始后多久不再收"}
TIMES: Final = {"at": "几点开始", "remind_at": "几点提醒（不填就是开始时）"}
_NUMBERED: Final = re.compile("-[0-9]+$")
_CLOCK: Final = re.compile("([01][0-9]|2[0-3]):[0-5][0-9]")
_SHORT: Final = {
    "start": "第一次", "every": "间隔", "until": "重复到", "due_after": "完成时限",
    "expires_after": "不再收", "at": "开始时间", "remind_at": "提醒时间",
}  # fmt: skip
# What the fields cannot say, as the page names it.
_ODD: Final = {
    "after": "接在什么之后", "before": "在什么之前", "dates": "固定日期",
    "rule": "按星期或月份重复", "on_free_day": "遇休息日怎么办",
}  # fmt: skip
_CALENDAR_UNITS: Final = {"D": "天", "W": "周", "M": "个月"}
_CLOCK_UNITS: Final = {"D": "天", "H": "小时", "M": "分钟"}
_WORDS: Final = {"title": "标题", "instructions": "说明", "key": "代码", **_SHORT, **_ODD}
UNITS: Final = {
    **dict.fromkeys(PERIODS, _CALENDAR_UNITS),
    **dict.fromkeys(DURATIONS, _CLOCK_UNITS),
}


@views.get("/<plan>/<key>")
@gate.policy(Audience.STAFF, Permission.DESIGN_PLANS)
def show(draft_id: str, plan: str, key: str) -> AnyResponse:
    """Show one action in fields."""
    return _page(draft_id, plan, key, {})


@views.post("/<plan>/<key>")
@gate.policy(Audience.STAFF, Permission.DESIGN_PLANS)
def change(draft_id: str, plan: str, key: str) -> AnyResponse:
    """Save one action, make another like it, or take it out."""
    form, deed = request.form, request.form.get("do", "")
    try:
        with unit_of_work.begin() as session:
            view = pack_drafts.read_draft(session, public_id(draft_id), me())
            content = copy.deepcopy(dict(view.content))
            actions = _plan(content, plan)["actions"]
            place = _place(actions, key)
            if deed == "remove":
                del actions[place]
            else:
                written = _written(actions[place], form)
                if deed == "copy":
                    written["key"] = _free_key(actions, key)
                    actions.insert(place + 1, written)
                else:
                    actions[place] = written
            revision = form.get("revision", "")
            pack_drafts.save_draft(
                session, public_id(draft_id), int(revision) if revision.isdecimal() else 0,
                content, gate.actor(), clock.now(),
            )  # fmt: skip
    except _Unreadable as unread:
        return _page(draft_id, plan, key, unread.problems, form)
    except InvalidDefinition as wrong:
        return _page(draft_id, plan, key, {"form": f"没有保存。{sentence(wrong, _WORDS)}"}, form)
    except NotFound:
        raise
    except DomainError as refused:
        return _page(draft_id, plan, key, {"form": refused.title}, form)
    to = url_for("console.plan_drafts.show", draft_id=draft_id, done="saved")
    return redirect(to, HTTPStatus.SEE_OTHER)


def _page(
    draft_id: str,
    plan: str,
    key: str,
    problems: dict[str, str],
    form: Mapping[str, str] | None = None,
) -> AnyResponse:
    with unit_of_work.begin() as session:
        view = pack_drafts.read_draft(session, public_id(draft_id), me())
    found = _plan(view.content, plan)
    action = found["actions"][_place(found["actions"], key)]
    odd, basis = _odd(action), _basis(found, action)
    page = render_template(
        "console/plan_action.html", draft=view, plan=found, action=action, problems=problems,
        values=form or _fields(action), labels=plan_labels, durations=DURATIONS,
        periods={name: word.format(basis=basis) for name, word in PERIODS.items()},
        times=TIMES, units=UNITS, odd=odd, odd_words=[_odd_word(name, basis) for name in odd],
    )  # fmt: skip
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK)


def _plan(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    for plan in content.get("plans") or ():
        if plan.get("key") == key:
            found: dict[str, Any] = plan
            return found
    raise NotFound


def _place(actions: list[dict[str, Any]], key: str) -> int:
    for place, action in enumerate(actions):
        if action.get("key") == key:
            return place
    raise NotFound


def _fields(action: Mapping[str, Any]) -> dict[str, str]:
    """Return an action as the form shows it."""
    timing = action.get("timing", {})
    values = {"title": action.get("title", ""), "instructions": action.get("instructions", "")}
    for name in (*PERIODS, *DURATIONS):
        number, unit = _taken_apart(name, timing.get(name))
        values[name], values[f"{name}-unit"] = number, unit
    return values | {name: timing.get(name, "") for name in TIMES}


def _taken_apart(name: str, value: str | None) -> tuple[str, str]:
    """Return number and unit; of two units together the form shows none (`_odd`)."""
    if not value:
        return "", "D"
    if name in PERIODS:
        parts = plan_words.period_parts(value)
    else:
        digits, unit = value.strip("PT")[:-1], value[-1:]
        is_days = "T" not in value and unit == "D"
        parts = [(digits, unit)] if digits.isdecimal() and ("T" in value or is_days) else []
    return parts[0] if len(parts) == 1 else ("", "D")


def _odd(action: Mapping[str, Any]) -> list[str]:
    """Return the fields that only YAML can tell: two units together, or kinds of timing unknown."""
    timing = action.get("timing", {})
    known = {*PERIODS, *DURATIONS, *TIMES}
    composed = [
        name
        for name in (*PERIODS, *DURATIONS)
        if timing.get(name) and not _taken_apart(name, timing[name])[0]
    ]
    return [*composed, *sorted(set(timing) - known)]


def _basis(plan: Mapping[str, Any], action: Mapping[str, Any]) -> str:
    """Return from what an action counts, in a word."""
    timing = action.get("timing", {})
    if "after" in timing or "before" in timing:
        return "起点"
    return plan_words.ANCHORS.get(str(plan.get("anchor")), "起点")


def _odd_word(name: str, basis: str) -> str:
    word = {**PERIODS, **DURATIONS, **TIMES, **_ODD}.get(name, name)
    return word.format(basis=basis).partition("（")[0]


def _free_key(actions: list[dict[str, Any]], key: str) -> str:
    """Return a key for an action like another: what people read is its title."""
    taken = {action.get("key") for action in actions}
    stem = _NUMBERED.sub("", key)[:58]
    return next(one for n in count(2) if (one := f"{stem}-{n}") not in taken)


class _Unreadable(Exception):
    """Some fields cannot be read: `problems` by the name of the field."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__()
        self.problems = problems


def _problems(odd: Collection[str], form: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with a field, by its name."""
    found = {} if form.get("title", "").strip() else {"title": "请写标题"}
    for name in (*PERIODS, *DURATIONS):
        number = form.get(name, "").strip()
        if name not in odd and number and not (number.isascii() and number.isdecimal()):
            found[name] = f"{_SHORT[name]}：请写整数，例如 3"
    for name in TIMES:
        at = form.get(name, "").strip()
        if at and not _CLOCK.fullmatch(at):
            found[name] = f"{_SHORT[name]}：请写几点几分，例如 08:00"
    return found


def _written(action: Mapping[str, Any], form: Mapping[str, str]) -> dict[str, Any]:
    """Return an action with what the form says; what it does not show stays.

    :raises _Unreadable: a field holds no number or no time
    """
    told = copy.deepcopy(dict(action))
    odd = _odd(action)
    if problems := _problems(odd, form):
        raise _Unreadable(problems)
    told["title"] = form.get("title", "").strip()
    _put(told, "instructions", form.get("instructions", "").replace("\r\n", "\n").strip())
    timing = told.setdefault("timing", {})
    for name in (*PERIODS, *DURATIONS):
        if name in odd:
            continue
        number, unit = form.get(name, "").strip(), form.get(f"{name}-unit", "D")
        if unit not in UNITS[name]:
            raise InvalidDefinition(f"timing.{name}", "is told in another unit")
        clock_part = "T" if name in DURATIONS and unit in ("H", "M") else ""
        _put(timing, name, f"P{clock_part}{number}{unit}" if number else "")
    for name in TIMES:
        _put(timing, name, form.get(name, "").strip())
    return told


def _put(data: dict[str, Any], name: str, value: str) -> None:
    if value:
        data[name] = value
    else:
        data.pop(name, None)
