"""What people change of an action lies over the pack's, slot by slot, field by field."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.clock import HOSPITAL
from app.domain.definitions import InvalidDefinition
from app.domain.plans.changes import (
    Change,
    ChangeInForce,
    ChangeScope,
    changed_action,
    changed_occurrences,
    check_change,
    parse_change,
    plain,
)
from app.domain.plans.plan import Action, parse_action
from app.domain.plans.plan_days import Almanac
from app.domain.plans.plan_schedule import Base
from app.domain.profile.vital_signs import Limits

ANCHOR = date(2026, 5, 4)
ALL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
HOSPITALS, DEPARTMENTS, PATIENTS = ChangeScope


def action(**told: Any) -> Action:
    timing = {
        "start": "P0D", "at": "09:00", "every": "P1D", "until": "P3D", "due_after": "PT2H",
        "expires_after": "PT8H", **told,
    }  # fmt: skip
    return parse_action({"key": "walk", "kind": "reminder", "title": "散步", "timing": timing})


def found(
    *changes: ChangeInForce,
    of: Action | None = None,
    basis: date | Base = ANCHOR,
    within: tuple[datetime, datetime] = ALL,
) -> list[str]:
    slots = changed_occurrences(of or action(), changes, basis, HOSPITAL, *within, Almanac())
    return [
        f"{one.slot[-2:]} {one.starts_at.astimezone(HOSPITAL):%m-%d %H:%M} {told.title}"
        for told, one in slots
    ]


def of(change: Change, scope: ChangeScope = PATIENTS, **more: Any) -> ChangeInForce:
    return ChangeInForce("walk", change, scope, **more)


def test_the_nearer_and_the_later_change_lies_over_the_others() -> None:
    changes = (
        of(Change(at=time(16), title="慢走")),
        of(Change(at=time(10), title="医院", shift_days=1), HOSPITALS),
        of(Change(title="科室"), DEPARTMENTS),
        of(Change(title="快走")),
    )
    assert found(*changes)[:2] == ["04 05-05 16:00 快走", "05 05-06 16:00 快走"]
    assert found(*changes[1:3])[0] == "04 05-05 10:00 科室"
    assert found(ChangeInForce("other", Change(is_left_out=True), PATIENTS)) == found()


def test_one_slot_may_move_far_or_be_left_out_and_keeps_its_name() -> None:
    slot = "walk/2026-05-06"
    moved = of(Change(on=date(2026, 9, 1)), slot=slot)
    assert found(moved) == [*found()[:2], "06 09-01 09:00 散步", found()[3]]
    early = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 9, 2, tzinfo=UTC)
    assert found(moved, within=early) == ["06 09-01 09:00 散步"]
    assert found(of(Change(is_left_out=True), slot=slot)) == [found()[0], found()[1], found()[3]]


def test_a_change_ends_for_what_the_pack_has_begin_later() -> None:
    until = datetime(2026, 5, 6, tzinfo=HOSPITAL)
    lines = found(of(Change(title="慢走", shift_days=5), expires_at=until))
    assert [line.split()[3] for line in lines] == ["慢走", "慢走", "散步", "散步"]
    assert lines[0].startswith("04 05-09")


def test_what_follows_something_is_changed_alike() -> None:
    told = action(after={"encounter": "any"}, every=None, until=None, start="P2D")
    visit = Base("e9", datetime(2026, 5, 4, 3, tzinfo=UTC))
    assert found(of(Change(at=time(18))), of=told, basis=visit) == ["/0 05-06 18:00 散步"]


def test_the_words_of_one_task_are_those_that_hold_for_it() -> None:
    changes = (of(Change(instructions="带拐杖")), of(Change(title="今天在家"), slot="walk/x"))
    words = changed_action(action(), changes, "walk/x", ALL[0])
    assert (words.title, words.instructions) == ("今天在家", "带拐杖")
    assert changed_action(action(), changes, "walk/y", ALL[0]).title == "散步"
    assert changed_action(action(), (), "walk/x", ALL[0]) == action()


TIMES = st.times().map(lambda at: at.replace(second=0, microsecond=0))
SHIFTS = st.builds(Change, shift_days=st.integers(-13, 13), at=TIMES)


@settings(deadline=None, max_examples=25)
@given(st.lists(SHIFTS, max_size=3), st.integers(5, 20), st.booleans())
def test_pieces_of_what_was_moved_are_the_whole(
    changes: list[Change], length: int, one_slot: bool
) -> None:
    slot = "walk/2026-05-20" if one_slot else None
    laid = [of(change, slot=slot) for change in changes]
    told = action(until="P30D")
    begin = datetime(2026, 4, 10, tzinfo=UTC)
    bounds = [begin + timedelta(days=length * step) for step in range(80 // length + 2)]
    whole = found(*laid, of=told, within=(bounds[0], bounds[-1]))
    pieces = [line for piece in pairwise(bounds) for line in found(*laid, of=told, within=piece)]
    assert sorted(pieces) == sorted(whole)
    assert len(whole) == len(set(whole)) == 31


def test_a_change_is_read_as_it_was_written() -> None:
    change = Change(
        is_left_out=False, shift_days=-2, at=time(7, 30), remind_at=time(8), title="测血糖",
        instructions="饭前", text="您好", limits=Limits(low=Decimal("3.9"), high=Decimal(12)),
    )  # fmt: skip
    assert parse_change(plain(change)) == change
    moved = Change(on=date(2026, 5, 9))
    assert parse_change(plain(moved)) == moved


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({}, "changes nothing"),
        ({"shift_days": 14}, "-13 to 13"),
        ({"when": "later"}, "unknown key"),
        ({"limits": {"low": 9, "high": 3}}, "ascending"),
    ],
)
def test_a_change_that_is_none_is_refused(told: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidDefinition, match=problem):
        parse_change(told)


def test_an_action_is_changed_only_in_what_it_has() -> None:
    for change, slot in (
        (Change(limits=Limits(high=Decimal(12))), None),
        (Change(text="您好"), None),
        (Change(on=ANCHOR), None),
        (Change(on=ANCHOR, shift_days=1), "walk/x"),
    ):
        with pytest.raises(InvalidDefinition):
            check_change(change, action(), slot)
    check_change(Change(on=ANCHOR), action(), "walk/x")
