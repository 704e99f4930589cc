"""What a timing may say, and the days it comes to."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.definitions import InvalidDefinition
from app.domain.plans.plan import Action, ActionKind, parse_plan
from app.domain.plans.plan_days import Almanac
from app.domain.plans.plan_schedule import (
    Base,
    occurrences,
    occurrences_after,
    opened_at,
    timing_revision,
)
from app.domain.plans.recurrence import parse_recurrence
from app.domain.plans.timing import Timing, parse_timing
from app.domain.plans.working_days import OnFreeDay, WorkingDays, parse_calendar
from app.integrations.pack_files import read_yaml
from app.recurrence import days_of_rule

SHANGHAI = ZoneInfo("Asia/Shanghai")
FIRST, LAST = datetime(1940, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_CALENDAR = Path(__file__).parents[2] / "docs" / "examples" / "calendar-2026.yaml"
YEAR = parse_calendar(read_yaml(_CALENDAR))
HOSPITAL = Almanac(WorkingDays(frozenset(YEAR.free), YEAR.worked), days_of_rule)
WINDOW = {"due_after": "PT2H", "expires_after": "PT8H"}


def timing(**told: object) -> Timing:
    return parse_timing({"start": "P0D", "at": "09:00", **WINDOW, **told}, "timing")


def action(told: Timing) -> Action:
    return Action("call", ActionKind.STAFF_TASK, "电话随访", told)


def days(told: Timing, anchor_on: date) -> list[str]:
    found = occurrences(action(told), anchor_on, SHANGHAI, FIRST, LAST, HOSPITAL)
    return [f"{one.starts_at.astimezone(SHANGHAI):%m-%d}" for one in found]


@pytest.mark.parametrize(
    ("rule", "until", "expected"),
    [
        ("FREQ=WEEKLY;BYDAY=MO,TH", "P14D", ["03-02", "03-05", "03-09", "03-12"]),
        ("FREQ=MONTHLY;BYDAY=2TU", "P3M", ["03-10", "04-14", "05-12"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "P3M", ["03-31", "04-30", "05-31"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "P2M", ["03-31", "04-30"]),
        ("FREQ=DAILY;INTERVAL=3;COUNT=3", None, ["03-01", "03-04", "03-07"]),
        ("FREQ=YEARLY;BYMONTH=10;BYMONTHDAY=8", "P24M", ["10-08", "10-08"]),
    ],
)
def test_a_rule_of_rfc_5545_comes_to_its_days(
    rule: str, until: str | None, expected: list[str]
) -> None:
    told = timing(rule=rule, **({"until": until} if until else {}))
    assert days(told, date(2026, 3, 1)) == expected  # a Sunday
    assert parse_recurrence(str(told.rule), "rule") == told.rule


def test_no_rule_outlives_two_years() -> None:
    found = days(timing(rule="FREQ=DAILY", until="P24M"), date(2024, 2, 29))
    assert len(found) == 731
    assert len(days(timing(rule="FREQ=DAILY;COUNT=731"), date(2026, 1, 1))) == 731


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("FREQ=HOURLY", "FREQ must be"),
        ("BYDAY=MO", "FREQ must be"),
        ("FREQ=DAILY;UNTIL=20261231", "no part of a rule"),
        ("FREQ=DAILY;FREQ=DAILY", "no part of a rule"),
        ("FREQ=WEEKLY;BYDAY=2MO", "numbered weekday"),
        ("FREQ=WEEKLY;BYDAY=XX", "BYDAY must be"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "not 0"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "must be -31 to 31"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "no such day"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=TU", "may never meet"),
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "may never meet"),
        ("FREQ=DAILY;BYSETPOS=1", "BYSETPOS needs"),
        ("FREQ=WEEKLY;COUNT=x", "COUNT must be"),
    ],
)
def test_a_rule_that_plans_cannot_follow_is_refused(rule: str, problem: str) -> None:
    with pytest.raises(InvalidDefinition, match=problem):
        timing(rule=rule, until="P30D")


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 700), st.sampled_from(["TU", "MO,FR", "SA,SU"]), st.integers(1, 40))
def test_pieces_of_a_rule_on_working_days_are_the_whole(
    day: int, weekdays: str, length: int
) -> None:
    told = timing(rule=f"FREQ=WEEKLY;BYDAY={weekdays}", until="P1M", on_free_day="next")
    anchor_on = date(2026, 1, 1) + timedelta(days=day)
    begin = datetime.combine(anchor_on, datetime.min.time(), UTC) - timedelta(days=2)
    bounds = [begin + timedelta(days=length * step) for step in range(100 // length + 2)]
    whole = occurrences(action(told), anchor_on, SHANGHAI, bounds[0], bounds[-1], HOSPITAL)
    pieces = [
        one
        for since, until in pairwise(bounds)
        for one in occurrences(action(told), anchor_on, SHANGHAI, since, until, HOSPITAL)
    ]
    assert pieces == whole
    assert len({one.slot for one in whole}) == len({one.starts_at for one in whole}) == len(whole)
    worked = HOSPITAL.working_days.is_worked
    assert all(worked(one.starts_at.astimezone(SHANGHAI).date()) for one in whole)


@pytest.mark.parametrize(
    ("day", "on_free", "expected"),
    [
        ("2026-03-07", "next", ["03-09"]),  # a Saturday
        ("2026-03-07", "previous", ["03-06"]),
        ("2026-03-07", "skip", []),
        ("2026-10-01", "next", ["10-08"]),  # the national holiday
        ("2026-10-10", "next", ["10-10"]),  # a Saturday worked instead
        ("2026-02-14", "skip", ["02-14"]),
        ("2026-02-16", "previous", ["02-14"]),
    ],
)
def test_free_days_move_an_action_or_leave_it_out(
    day: str, on_free: str, expected: list[str]
) -> None:
    assert days(timing(on_free_day=on_free), date.fromisoformat(day)) == expected


def test_the_name_of_a_moved_day_stays_and_two_never_meet() -> None:
    daily = timing(every="P1D", until="P4D", on_free_day="next")
    found = occurrences(action(daily), date(2026, 3, 6), SHANGHAI, FIRST, LAST, HOSPITAL)
    assert [one.slot for one in found] == ["call/2026-03-06", "call/2026-03-09", "call/2026-03-10"]
    (moved,) = occurrences(
        action(timing(on_free_day="next")), date(2026, 3, 7), SHANGHAI, FIRST, LAST, HOSPITAL
    )
    assert moved.slot == "call/2026-03-07"
    assert moved.starts_at == datetime(2026, 3, 9, 1, tzinfo=UTC)


def test_without_a_hospitals_calendar_only_the_weekend_is_free() -> None:
    told = timing(on_free_day="next")
    (one,) = occurrences(action(told), date(2026, 10, 1), SHANGHAI, FIRST, LAST)
    assert one.starts_at == datetime(2026, 10, 1, 1, tzinfo=UTC)


def test_named_dates_count_from_the_plan_on() -> None:
    told = parse_timing(
        {"dates": ["2026-05-12", "2026-10-08", "2029-01-01"], "at": "10:00", **WINDOW}, "timing"
    )
    assert days(told, date(2026, 5, 13)) == ["10-08"]
    assert days(told, date(2026, 5, 12)) == ["05-12", "10-08"]


def test_what_follows_something_is_numbered_and_moves_with_it() -> None:
    told = timing(after={"action": "weekly-check"}, start="P2D", every="P1W", until="P20D")
    done = datetime(2026, 3, 3, 17, tzinfo=UTC)  # the 4th at the hospital
    first = occurrences_after(action(told), Base("t7", done), SHANGHAI, LAST, HOSPITAL)
    assert [one.slot for one in first] == ["call/t7/0", "call/t7/1", "call/t7/2"]
    assert f"{first[0].starts_at.astimezone(SHANGHAI):%m-%d %H:%M}" == "03-06 09:00"
    later = Base("t7", done + timedelta(days=9))
    moved = occurrences_after(action(told), later, SHANGHAI, LAST, HOSPITAL)
    assert [one.slot for one in moved] == [one.slot for one in first]
    assert moved[0].starts_at - first[0].starts_at == timedelta(days=9)
    assert occurrences(action(told), date(2026, 3, 3), SHANGHAI, FIRST, LAST) == []


def test_an_hour_left_out_is_the_hour_of_what_it_follows() -> None:
    told = parse_timing({"after": "missed", "start": "P0D", **WINDOW}, "timing")
    moment = datetime(2026, 3, 3, 6, 17, tzinfo=UTC)
    (one,) = occurrences_after(action(told), Base("t7", moment), SHANGHAI, LAST)
    assert one.starts_at == moment


def test_before_a_booking_counts_back() -> None:
    told = parse_timing(
        {"before": "appointment", "start": "P1D", "at": "10:00", **WINDOW}, "timing"
    )
    booked = Base("a3", datetime(2026, 3, 1, 1, tzinfo=UTC))
    (one,) = occurrences_after(action(told), booked, SHANGHAI, LAST)
    assert one.starts_at == datetime(2026, 2, 28, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({"at": None}, "at: is missing"),
        ({"every": "P1D"}, "go together"),
        ({"rule": "FREQ=DAILY"}, "go together"),
        ({"every": "P1D", "rule": "FREQ=DAILY", "until": "P9D"}, "exclude"),
        ({"after": "missed", "before": "appointment"}, "exclude"),
        ({"after": "lunch"}, "exactly one key"),
        ({"after": {"encounter": "spa"}}, "must be one of"),
        ({"before": "lunch"}, "must be appointment"),
        ({"before": "appointment", "every": "P1D", "until": "P9D"}, "does not repeat"),
        ({"start": None, "dates": ["2026-02-30"]}, "dates like"),
        ({"start": None, "dates": ["2026-03-02", "2026-03-01"]}, "in order"),
        ({"on_free_day": "maybe"}, "must be one of"),
    ],
)
def test_a_timing_that_makes_no_sense_is_refused(told: dict[str, object], problem: str) -> None:
    with pytest.raises(InvalidDefinition, match=problem):
        timing(**told)


def test_every_new_part_changes_the_revision_and_none_leaves_it() -> None:
    plain = timing()
    others = [
        timing(rule="FREQ=DAILY", until="P9D"),
        timing(after={"action": "other"}),
        timing(after={"encounter": "outpatient"}),
        timing(after="missed"),
        timing(before="appointment"),
        timing(on_free_day="next"),
        parse_timing({"dates": ["2026-03-01"], "at": "09:00", **WINDOW}, "timing"),
    ]
    revisions = {timing_revision(action(one)) for one in (plain, *others)}
    assert len(revisions) == len(others) + 1
    # As versions before stored it: nothing moves because the form grew.
    assert timing_revision(action(plain)) == "a654a14ce1222c46"


def _plan(*after: tuple[str, str | None]) -> dict[str, Any]:
    def one(key: str, before: str | None) -> dict[str, Any]:
        more = {"after": {"action": before}} if before else {}
        told: dict[str, Any] = {"start": "P0D", "at": "09:00", **WINDOW, **more}
        return {"key": key, "kind": "reminder", "title": "提醒", "timing": told}

    return {
        "key": "plan", "version": 1, "name": "方案", "anchor": "discharge",
        "actions": [one(*pair) for pair in after],
    }  # fmt: skip


def test_actions_may_follow_each_other_but_not_in_a_circle() -> None:
    parse_plan(_plan(("a", None), ("b", "a"), ("c", "b")))
    with pytest.raises(InvalidDefinition, match="not in this plan"):
        parse_plan(_plan(("b", "a")))
    with pytest.raises(InvalidDefinition, match="comes after itself"):
        parse_plan(_plan(("a", "c"), ("b", "a"), ("c", "b")))


def test_a_fallback_is_named_by_what_may_be_missed() -> None:
    plan: dict[str, Any] = _plan(("form", None), ("call", None))
    form, call = plan["actions"]
    form["if_missed"] = "call"
    with pytest.raises(InvalidDefinition, match="must come `after: missed`"):
        parse_plan(plan)
    call["timing"]["after"] = "missed"
    assert parse_plan(plan).actions[0].if_missed == "call"
    call["if_missed"] = "form"
    form["timing"]["after"] = "missed"
    with pytest.raises(InvalidDefinition, match="comes after itself"):
        parse_plan(plan)
    del form["if_missed"], call["if_missed"], form["timing"]["after"]
    with pytest.raises(InvalidDefinition, match="after a miss of nothing"):
        parse_plan(plan)


def test_a_calendar_is_read_strictly() -> None:
    assert YEAR.free[date(2026, 2, 23)] == "春节"
    assert len(YEAR.free) == 33
    good = {"year": 2026, "source": "通知", "free": [{"name": "元旦", "from": "2026-01-01"}]}
    for change, problem in (
        ({"year": 2027}, "another year"),
        ({"worked": ["2026-01-01"]}, "also free"),
        ({"worked": ["soon"]}, "date like"),
        ({"free": [{"name": "假", "from": "2026-01-03", "until": "2026-01-01"}]}, "soon after"),
    ):
        with pytest.raises(InvalidDefinition, match=problem):
            parse_calendar({**good, **change})


def test_a_rest_without_end_leaves_the_day_where_it_is() -> None:
    closed = WorkingDays(frozenset(_month(date(2026, 6, 1))))
    assert closed.place(date(2026, 6, 2), OnFreeDay.NEXT) == date(2026, 6, 2)


def _month(first: date) -> Iterator[date]:
    return (first + timedelta(days=far) for far in range(60))


HIGH = {"latest": {"code": "15074-8", "op": ">=", "value": 10, "unit": "mmol/L", "within": "P7D"}}


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({"kind": "message"}, "text belongs to the kind message"),
        ({"text": "你好"}, "text belongs to the kind message"),
        ({"kind": "message", "text": "你好", "if_missed": "form"}, "a message is not missed"),
        ({"only_when": {"tag": {}}}, "key: is missing"),
        ({"wait_for": {"when": HIGH}}, "at_most: is missing"),
        ({"wait_for": {"when": HIGH, "at_most": "P61D"}}, "within P60D"),
        ({"wait_for": {"when": HIGH, "at_most": "P1D", "in_vain": "shrug"}}, "must be one of"),
    ],
)
def test_conditions_and_messages_are_read_strictly(told: dict[str, Any], problem: str) -> None:
    plan: dict[str, Any] = _plan(("form", None))
    plan["actions"][0] |= told
    with pytest.raises(InvalidDefinition, match=problem):
        parse_plan(plan)


def test_what_waits_keeps_its_last_possible_window() -> None:
    plan: dict[str, Any] = _plan(("form", None))
    plan["actions"][0] |= {"wait_for": {"when": HIGH, "at_most": "P3D"}}
    (form,) = parse_plan(plan).actions
    (one,) = occurrences(form, date(2026, 3, 1), SHANGHAI, FIRST, LAST)
    assert one.expires_at - one.starts_at == timedelta(days=3, hours=8)
    opened = opened_at(form, one.starts_at + timedelta(days=1), SHANGHAI)
    assert opened.expires_at - opened.starts_at == timedelta(hours=8)
    plain = replace(form, wait_for=None)
    assert timing_revision(plain) != timing_revision(form)


def test_what_comes_once_may_lie_in_school_age_and_what_repeats_may_not() -> None:
    born = date(2024, 2, 29)
    (six,) = occurrences(action(timing(start="P72M")), born, SHANGHAI, FIRST, LAST)
    assert six.starts_at.astimezone(SHANGHAI).date() == date(2030, 2, 28)
    (girl,) = occurrences(action(timing(start="P156M")), born, SHANGHAI, FIRST, LAST)
    assert girl.starts_at.astimezone(SHANGHAI).date() == date(2037, 2, 28)
    for told in (
        {"start": "P36M", "every": "P1W", "until": "P24M"},
        {"start": "P36M", "after": "appointment"},
        {"start": "P180M"},
        {"start": "P1D", "every": "P1D", "until": "P36M"},
    ):
        with pytest.raises(InvalidDefinition):
            timing(**told)
