"""The last day of a plan, held against every window that its calendar opens."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.cli.packs import pack_folders
from app.domain.plans.plan import parse_plan
from app.domain.plans.plan_calendar import plan_calendar
from app.domain.plans.plan_days import Almanac
from app.domain.plans.plan_end import last_day
from app.domain.plans.working_days import WorkingDays
from app.integrations.pack_files import read_pack
from app.recurrence import days_of_rule
from tests.conftest import ROOT
from tests.integration.plan_ward import action

ZONE = ZoneInfo("Asia/Shanghai")
ANCHOR = date(2026, 1, 31)  # a Saturday
FAR = datetime(2060, 1, 1, tzinfo=UTC)
ALMANAC = Almanac(WorkingDays(frozenset({date(2026, 2, 16)})), days_of_rule)
WAIT = {"when": {"condition": {"code": "E11"}}, "at_most": "P10D"}
PLANS = [plan for folder in pack_folders(ROOT / "packs") for plan in read_pack(folder).plans]


def ends_on(*actions: dict[str, Any]) -> date:
    told = {"key": "demo", "version": 1, "name": "演示", "anchor": "discharge"}
    return last_day(parse_plan({**told, "actions": list(actions)}), ANCHOR, ALMANAC)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.key)
def test_no_window_of_a_pack_is_open_after_the_last_day(plan: Any) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    closes = [one.ends_at for one in plan_calendar(plan, ANCHOR, ZONE, since, FAR, ALMANAC)]
    counted = max(closes).astimezone(ZONE).date()

    found = last_day(plan, ANCHOR, ALMANAC)

    assert counted <= found
    if all(one.timing.is_shared for one in plan.actions):  # and not long after it either
        assert found <= counted + timedelta(days=93)


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ([action("once")], "2026-01-31"),
        ([action("month", start="P1M", every="P1M", until="P3M")], "2026-04-30"),
        ([action("free", start="P15D", on_free_day="next")], "2026-02-17"),
        ([action("rule", rule="FREQ=WEEKLY;COUNT=3")], "2026-02-14"),
        ([action("dates", start=None, dates=["2026-01-01", "2026-03-08"])], "2026-03-08"),
        ([action("past", start=None, dates=["2026-01-01"])], "2026-01-31"),
        ([action("wait", wait_for=WAIT)], "2026-02-10"),
        (
            [
                action("first", start="P3D", expires_after="P2D", if_missed="instead"),
                action("then", start="P1D", after={"action": "first"}),
                action("instead", start="P7D", after="missed"),
            ],
            "2026-02-12",
        ),
        ([action("visit", start="P3D", after={"encounter": "any"})], "2028-02-05"),
        ([action("before", start="P3D", before="appointment")], "2028-02-02"),
    ],
    ids=lambda value: value[0]["key"] if isinstance(value, list) else value,
)
def test_the_last_day_is_read_off_the_timings(actions: list[dict[str, Any]], expected: str) -> None:
    assert ends_on(*actions).isoformat() == expected
