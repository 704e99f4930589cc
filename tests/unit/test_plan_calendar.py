"""What a plan is going to do: the days, and what a change of it changes."""

import copy
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.domain.plans import plan_words
from app.domain.plans.plan import PlanDefinition, parse_plan
from app.domain.plans.plan_calendar import by_day, compare, plan_calendar, still_to_come

ZONE = ZoneInfo("Asia/Shanghai")
ANCHOR = date(2026, 5, 4)
NOW = datetime(2026, 5, 4, 4, tzinfo=UTC)
DATA = {
    "key": "demo", "version": 1, "name": "演示", "anchor": "discharge",
    "stages": [{"key": "week", "name": "第1周", "first_day": 0, "last_day": 6}],
    "actions": [
        {
            "key": "weigh", "kind": "measurement", "title": "称体重", "code": "29463-7",
            "timing": {"start": "P1D", "every": "P1D", "until": "P3D", "at": "07:00",
                       "due_after": "PT2H", "expires_after": "PT6H"},
        },
        {
            "key": "call", "kind": "staff-task", "title": "打电话",
            "timing": {"start": "P0D", "at": "09:00", "due_after": "PT8H",
                       "expires_after": "P2D"},
        },
    ],
}  # fmt: skip


def plan(**timing: str) -> PlanDefinition:
    data = copy.deepcopy(DATA)
    data["actions"][0]["timing"] |= timing  # type: ignore[index]
    return parse_plan(data)


def test_a_calendar_names_day_stage_and_slot() -> None:
    found = plan_calendar(plan(), ANCHOR, ZONE, NOW, NOW + timedelta(days=30))

    assert [(one.number, one.stage, one.slot) for one in found] == [
        (day, "第1周", f"weigh/2026-05-0{4 + day}") for day in (1, 2, 3)
    ]
    # Who begins at noon is still asked for the call of nine o'clock.
    begun = still_to_come(plan(), ANCHOR, ZONE, NOW, NOW + timedelta(days=30))
    assert [one.title for one in by_day(begun)[ANCHOR]] == ["打电话"]


def test_a_change_says_what_comes_goes_and_moves() -> None:
    until = NOW + timedelta(days=30)
    before = plan_calendar(plan(), ANCHOR, ZONE, NOW, until)
    after = plan_calendar(plan(start="P2D", until="P4D", at="08:00"), ANCHOR, ZONE, NOW, until)

    changed = compare(before, after)

    assert [one.number for one in changed.appear] == [4]
    assert [one.number for one in changed.vanish] == [1]
    assert [move.after.number for move in changed.moved] == [2, 3]
    assert compare(before, before).is_none


@pytest.mark.parametrize(
    ("timing", "told"),
    [
        ({"start": "P1D", "every": "P1D", "until": "P91D", "at": "05:00", "due_after": "PT2H",
          "expires_after": "PT6H", "remind_at": "07:00"},
         "出院后 1 天起，每天，到 91 天为止，05:00 开始，07:00 提醒，2 小时内完成，6 小时后不再收"),
        ({"start": "P0D", "at": "18:00", "due_after": "P2D", "expires_after": "P14D"},
         "出院当天，18:00 开始，2 天内完成，14 天后不再收"),
        ({"start": "P8D", "rule": "FREQ=WEEKLY;BYDAY=MO,TH", "until": "P12M"},
         "出院后 8 天起，每周一、周四，到 12 个月为止"),
        ({"start": "P8D", "rule": "FREQ=DAILY;COUNT=3"}, "出院后 8 天起，rule FREQ=DAILY;COUNT=3"),
        ({"start": "P3M", "at": "09:00", "workday": True}, "出院后 3 个月，09:00 开始，workday 是"),
        ({"start": "P2D", "before": "appointment", "at": "18:00", "on_free_day": "previous"},
         "预约就诊前 2 天，18:00 开始，遇休息日提前"),
        ({"start": "P1D", "after": {"action": "nurse-call"}}, "“nurse-call”完成后 1 天"),
        ({"start": "P0D", "after": {"encounter": "outpatient"}}, "每次门诊当天"),
        ({"start": "P0D", "rule": "FREQ=WEEKLY;BYDAY=MO,TH", "until": "P4W", "at": "08:00"},
         "出院当天起，每周一、周四，到 4 周为止，08:00 开始"),
        ({"dates": ["2026-10-08", "2026-11-08"], "at": "09:00"},
         "2026-10-08、2026-11-08，09:00 开始"),
    ],
)  # fmt: skip
def test_a_timing_is_told_in_words(timing: dict[str, object], told: str) -> None:
    assert plan_words.timing(timing, "discharge") == told
