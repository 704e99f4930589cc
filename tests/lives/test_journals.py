"""The journals against the packs' own YAML, by other arithmetic than the product's."""

import re
from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache, cached_property
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.clock import HOSPITAL
from tests.conftest import ROOT
from tests.lives.script import SCRIPTS, Script, read_script
from tests.lives.test_lives import JOURNALS

# What counts from the anchor day and asks nothing of the patient's deeds; the rest is followed
# from what was missed, or needs the product.
_PLAIN = {
    "start", "every", "rule", "until", "at", "due_after", "expires_after", "remind_at",
    "on_free_day",
}  # fmt: skip
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
# What rules and the product itself put before people, beside what the plans say.
_OF_ITS_OWN = {"读一读这篇健康知识", "核对迟到的测量结果", "核对不太可能的测量结果"}
_ABSENCES = {time(8, 13), time(14, 13)}  # when what was not measured is judged
_AT_MOST_A_DAY = 6
SEEN = re.compile(r"- (\d\d:\d\d) (.+)")


@dataclass(frozen=True)
class Journal:
    """What was seen, in order, each with its moment."""

    lines: tuple[tuple[datetime, str], ...]

    def days(self, head: str) -> dict[str, set[date]]:
        """Return by what follows `head` in a line on which days it stood there."""
        found: dict[str, set[date]] = defaultdict(set)
        for at, line in self.lines:
            if line.startswith(head):
                found[line.removeprefix(head)].add(at.date())
        return found

    @cached_property
    def opened(self) -> dict[str, set[date]]:
        return self.days("待办：") | self.days("医护任务：")


@cache
def read_journal(path: Path, day_0: date) -> Journal:
    lines, day = [], day_0
    for line in path.read_text().splitlines():
        if heading := re.match(r"## 第 (\d+) 天", line):
            day = day_0 + timedelta(days=int(heading[1]))
        elif seen := SEEN.fullmatch(line):
            lines.append((datetime.combine(day, time.fromisoformat(seen[1])), seen[2]))
    return Journal(tuple(lines))


@cache
def pack_file(pack: str, name: str) -> dict[str, Any]:
    path = ROOT / "packs" / pack / f"{name}.yaml"
    return dict(yaml.safe_load(path.read_text())) if path.exists() else {}


def plans_of(script: Script) -> dict[str, tuple[date, list[dict[str, Any]]]]:
    """Return the plans lived: each one's day 0 and actions."""
    lived = {script.plan: script.day_0} | dict(script.also)
    told = {one["key"]: one["actions"] for one in pack_file(script.pack, "plans")["plans"]}
    return {key: (day_0, told[key]) for key, day_0 in lived.items()}


def moved(day: date, period: str, times: int = 1) -> date:
    """Return the day so many months, weeks and days later."""
    found = re.fullmatch(r"P(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?", period)
    assert found, period
    months, weeks, days = (int(one or 0) * times for one in found.groups())
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    length = monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, length)) + timedelta(days=weeks * 7 + days)


def length(period: str) -> timedelta:
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(\d+)H)?", period)
    assert found, period
    days, hours = (int(one or 0) for one in found.groups())
    return timedelta(days=days, hours=hours)


def on_working_day(day: date, towards: str | None) -> date:
    """Return the day, or of a Saturday or Sunday the next Monday or the Friday before."""
    beyond = day.weekday() - 4
    if beyond <= 0 or towards is None:
        return day
    return day + timedelta(days=3 - beyond if towards == "next" else -beyond)


def repeated(timing: dict[str, Any], day_0: date) -> Iterator[date]:
    """Yield the days that a timing names, before any is moved off a free day."""
    start = moved(day_0, timing["start"])
    if "every" not in timing and "rule" not in timing:
        yield start
        return
    last = moved(day_0, timing["until"])
    if rule := timing.get("rule"):
        named = re.fullmatch(r"FREQ=WEEKLY;BYDAY=([A-Z,]+)", rule)
        assert named, rule
        weekdays = {_WEEKDAYS.index(one) for one in named[1].split(",")}
        days = (start + timedelta(days=after) for after in range((last - start).days + 1))
        yield from (day for day in days if day.weekday() in weekdays)
        return
    for times in count():
        day = moved(start, timing["every"], times)
        if day > last:
            return
        yield day


def holds(told: dict[str, Any], script: Script, day: date | None = None) -> bool | None:
    """Tell whether a condition on who the patient is holds; None where only the product knows.

    With `day` also one on what the patient answered that day, or always answers.
    """
    ((name, body),) = told.items()
    match name:
        case "all" | "any":
            parts = [holds(one, script, day) for one in body]
            if None in parts:
                return None
            return all(parts) if name == "all" else any(parts)
        case "not":
            inner = holds(body, script, day)
            return None if inner is None else not inner
        case "gender":
            return bool(body["gender"] == script.gender)
        case "condition":
            return any(code.startswith(body["code"]) for code, _ in script.diagnoses)
        case "medication":
            return False  # nobody here has a prescription
        case "age":
            return None
        case "answer" if day is not None and body["op"] == ">=":
            said = answered(body["questionnaire"], body["link_id"], script, day)
            return None if said is None else bool(said >= body["value"])
        case "tag":
            return bears(body["key"], script)
        case _:
            return None


def answered(form: str, link_id: str, script: Script, day: date) -> Any:
    """Return what was said of one question on a day, else what is always said."""
    said = script.answers.get(form, {}).get(link_id)
    for deed in script.deeds:
        if deed.what.get("questionnaire") == form and deed.at.date() == day:
            said = deed.what["answers"].get(link_id, said)
    return said


def bears(tag: str, script: Script) -> bool | None:
    if tag in script.tags:
        return True
    rules = pack_file(script.pack, "tags").get("tag_rules", [])
    found = [holds(rule["when"], script) for rule in rules if rule["tag"] == tag]
    return True if True in found else None if None in found else False


def expected(action: dict[str, Any], day_0: date, script: Script) -> set[date] | None:
    """Return the days of the life on which an action opens, or None where that is not plain."""
    timing = action["timing"]
    if timing.keys() - _PLAIN or "wait_for" in action or timing["start"].startswith("PT"):
        return None
    condition = action.get("only_when")
    begins, at = script.begins_at, time.fromisoformat(timing["at"])
    ends = begins + timedelta(days=script.days)
    window = length(timing["expires_after"])
    opens = set()
    for day in repeated(timing, day_0):
        start = datetime.combine(on_working_day(day, timing.get("on_free_day")), at, HOSPITAL)
        if start < ends and start + window > begins:
            met = True if condition is None else holds(condition, script, start.date())
            if met is None:
                return None
            if not met:
                continue
            opens.add(max(start, begins).date())  # what may still be done opens at once
    return opens


SCRIPT = pytest.mark.parametrize(
    "path", sorted(SCRIPTS.glob("*.yaml")), ids=lambda one: str(one.stem)
)


def lived(path: Path) -> tuple[Script, Journal]:
    script = read_script(path)
    return script, read_journal(JOURNALS / f"{script.name}.md", script.day_0)


def test_every_plan_of_every_pack_is_lived() -> None:
    every = {
        (path.parent.name, one["key"])
        for path in (ROOT / "packs").glob("*/plans.yaml")
        for one in yaml.safe_load(path.read_text())["plans"]
    }
    scripts = [read_script(path) for path in SCRIPTS.glob("*.yaml")]
    assert {(one.pack, one.plan) for one in scripts} == every


@SCRIPT
def test_each_task_opens_on_the_days_that_the_pack_names(path: Path) -> None:
    script, journal = lived(path)
    wanted: dict[str, set[date] | None] = {}
    for day_0, actions in plans_of(script).values():
        for action in actions:
            if action["kind"] == "message":
                continue
            days, title = expected(action, day_0, script), action["title"]
            # What opens at the very minute at which it is answered never waits to be seen.
            if time.fromisoformat(action["timing"].get("at", "00:00")) in script.looks:
                days = None
            before = wanted.get(title, set())
            wanted[title] = None if days is None or before is None else before | days
    checked = {title: days for title, days in wanted.items() if days is not None}
    assert checked
    assert {title: journal.opened.get(title, set()) for title in checked} == checked


@SCRIPT
def test_each_message_of_the_plan_is_sent_at_its_hour(path: Path) -> None:
    script, journal = lived(path)
    sent = {at for at, line in journal.lines if line.startswith("微信：")}
    for day_0, actions in plans_of(script).values():
        for action in actions:
            if action["kind"] == "message":
                at = time.fromisoformat(action["timing"]["at"])
                days = expected(action, day_0, script) or ()
                assert {datetime.combine(day, at) for day in days} <= sent, action["key"]


@SCRIPT
def test_what_is_missed_is_followed_up_on_its_day_and_nothing_else(path: Path) -> None:
    script, journal = lived(path)
    missed = journal.days("错过：")
    for _, actions in plans_of(script).values():
        by_key = {one["key"]: one for one in actions}
        # Of two of one title the journal does not say which was missed.
        followed = {
            title: {one.get("if_missed") for one in actions if one["title"] == title}
            for title in {one["title"] for one in actions}
        }
        wanted: dict[str, set[date]] = defaultdict(set)
        unclear: set[str] = set()
        for action in actions:
            key = action.get("if_missed")
            if key is None:
                continue
            after, title = by_key[key]["timing"], by_key[key]["title"]
            if len(followed[action["title"]]) > 1:
                unclear.add(title)
            wanted[title] |= {
                on_working_day(moved(day, after["start"]), after.get("on_free_day"))
                for day in missed.get(action["title"], ())
            }
        last = (script.begins_at + timedelta(days=script.days)).date()
        for title, days in wanted.items():
            if title not in unclear:
                seen = {day for day in days if day < last}
                assert journal.opened.get(title, set()) == seen, title


@SCRIPT
def test_nothing_is_asked_that_neither_plan_nor_rule_names(path: Path) -> None:
    script, journal = lived(path)
    named = set(_OF_ITS_OWN)
    for _, actions in plans_of(script).values():
        named |= {one["title"] for one in actions}
    for rule in pack_file(script.pack, "rules").get("rules", []):
        named |= {one["task"]["title"] for one in rule["actions"] if "task" in one}
    assert journal.opened.keys() <= named


@SCRIPT
def test_alerts_come_of_deeds_and_of_silence_alone(path: Path) -> None:
    script, journal = lived(path)
    causes = {one.at.astimezone(HOSPITAL).replace(tzinfo=None) for one in script.deeds}
    missed = {at for at, line in journal.lines if line.startswith("错过：")}
    opened: dict[str, datetime] = {}
    for at, line in journal.lines:
        if alert := re.fullmatch(r"(.度预警 .+)（active，第\d级）", line):
            opened.setdefault(alert[1], at)
    for alert_line, at in opened.items():
        of_silence = script.silent and (at in missed or at.time() in _ABSENCES)
        assert at in causes or of_silence, alert_line
    assert causes <= set(opened.values()), "a deed that nobody hears of"


@SCRIPT
def test_nobody_is_bombarded_and_nights_are_quiet_but_for_what_is_urgent(path: Path) -> None:
    _, journal = lived(path)
    a_day: dict[date, int] = defaultdict(int)
    urgent = {at for at, line in journal.lines if re.match("[重中]度预警", line)}
    for at, line in journal.lines:
        if line.startswith("微信："):
            a_day[at.date()] += 1
            assert time(8) <= at.time() < time(21) or at in urgent, at
    assert max(a_day.values()) <= _AT_MOST_A_DAY
