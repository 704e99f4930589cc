"""The journals against the packs' own YAML, by other arithmetic than the product's."""

import re
from collections import defaultdict
from datetime import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from tests.lives.script import SCRIPTS, read_script
from tests.lives.test_lives import JOURNALS

_DAYS = {"D": 1, "W": 7}
# What counts from the anchor day by whole days and asks nothing else; the rest needs the product.
_PLAIN = {"start", "every", "until", "at", "due_after", "expires_after", "remind_at"}
_UNSEEN = {"message", "staff-task"}


def days_of(period: str) -> int | None:
    found = re.fullmatch(r"P(\d+)([DW])", period)
    return int(found[1]) * _DAYS[found[2]] if found else None


def expected(action: dict[str, Any], last: int) -> set[int] | None:
    """Return the days on which an action opens, or None where that is not plain."""
    timing = action["timing"]
    if timing.keys() - _PLAIN or action.keys() & {"only_when", "wait_for"}:
        return None
    start = days_of(timing["start"])
    if start is None:
        return None
    if "every" not in timing:
        return {start} & set(range(last + 1))
    step, until = days_of(timing["every"]), days_of(timing["until"])
    return None if step is None or until is None else set(range(start, min(until, last) + 1, step))


def opened(journal: Path) -> dict[str, set[int]]:
    """Return by title on which days the patient's tasks opened."""
    found: dict[str, set[int]] = defaultdict(set)
    day = -1
    for line in journal.read_text().splitlines():
        if heading := re.match(r"## 第 (\d+) 天", line):
            day = int(heading[1])
        elif todo := re.fullmatch(r"- \d\d:\d\d 待办：(.+)", line):
            found[todo[1]].add(day)
    return found


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.yaml")), ids=lambda one: one.stem)
def test_each_task_opens_on_the_days_that_the_pack_names(path: Path) -> None:
    script = read_script(path)
    told = yaml.safe_load((ROOT / "packs" / script.pack / "plans.yaml").read_text())["plans"]
    (plan,) = [one for one in told if one["key"] == script.plan]
    seen, last = opened(JOURNALS / f"{script.pack}.md"), script.days - 1
    titles = [one["title"] for one in plan["actions"]]
    checked = 0
    for action in plan["actions"]:
        days = expected(action, last)
        at = time.fromisoformat(action["timing"].get("at", "00:00"))
        # What opens at the very minute at which it is answered never waits; early day 0 is over.
        if days is None or action["kind"] in _UNSEEN or at in script.looks:
            continue
        if titles.count(action["title"]) > 1 or (0 in days and at < time(10)):
            continue
        assert seen[action["title"]] == days, action["key"]
        checked += 1
    assert checked
