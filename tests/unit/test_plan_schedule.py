"""Expansion of plans: same input, same slots, whatever the calendar does."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.plans.plan import Action, ActionKind
from app.domain.plans.plan_schedule import (
    TaskEvidence,
    TaskReason,
    TaskStatus,
    Window,
    after_quiet_hours,
    occurrences,
    task_status,
    timing_revision,
)
from app.domain.plans.timing import CalendarPeriod, Timing

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")  # keeps summer time, as Shanghai did until 1991
FIRST = datetime(1940, 1, 1, tzinfo=UTC)
LAST = datetime(2100, 1, 1, tzinfo=UTC)


def action(
    start: CalendarPeriod,
    at: time = time(8),
    every: CalendarPeriod | None = None,
    until: CalendarPeriod | None = None,
    expires_after: timedelta = timedelta(hours=12),
    remind_at: time | None = None,
) -> Action:
    timing = Timing(start, at, timedelta(hours=2), expires_after, every, until, remind_at)
    return Action("medicine", ActionKind.MEDICATION_REMINDER, "用药", timing)


def days(expanded: Action, anchor_on: date) -> list[str]:
    found = occurrences(expanded, anchor_on, SHANGHAI, FIRST, LAST)
    return [one.slot.removeprefix("medicine/") for one in found]


DAILY = action(CalendarPeriod(days=1), every=CalendarPeriod(days=1), until=CalendarPeriod(days=7))


def test_an_occurrence_has_its_window_in_utc_and_a_lasting_name() -> None:
    (one,) = occurrences(action(CalendarPeriod(days=3)), date(2026, 3, 1), SHANGHAI, FIRST, LAST)
    assert one.slot == "medicine/2026-03-04"
    assert one.starts_at == datetime(2026, 3, 4, 0, tzinfo=UTC)
    assert one.due_at == datetime(2026, 3, 4, 2, tzinfo=UTC)
    assert one.expires_at == datetime(2026, 3, 4, 12, tzinfo=UTC)
    assert one.remind_at == datetime(2026, 3, 4, 0, tzinfo=UTC)
    assert one.second_remind_at is None
    assert one.accepts(one.starts_at)
    assert not one.accepts(one.expires_at)


def test_a_repeat_runs_up_to_and_with_its_last_day() -> None:
    assert days(DAILY, date(2026, 2, 25)) == [
        "2026-02-26", "2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02", "2026-03-03",
        "2026-03-04",
    ]  # fmt: skip


def test_weeks_and_months_keep_to_the_calendar() -> None:
    weekly = action(
        CalendarPeriod(days=7), every=CalendarPeriod(days=7), until=CalendarPeriod(days=27)
    )
    assert days(weekly, date(2024, 2, 22)) == ["2024-02-29", "2024-03-07", "2024-03-14"]
    monthly = action(
        CalendarPeriod(months=1), every=CalendarPeriod(months=1), until=CalendarPeriod(months=5)
    )
    # The first one is clamped; those after count from it.
    assert days(monthly, date(2026, 1, 31))[:3] == ["2026-02-28", "2026-03-31", "2026-04-30"]
    assert days(action(CalendarPeriod(months=12)), date(2024, 2, 29)) == ["2025-02-28"]
    assert days(action(CalendarPeriod(months=1)), date(2026, 12, 31)) == ["2027-01-31"]


def test_a_month_end_is_not_forgotten_by_a_shorter_month() -> None:
    monthly = action(
        CalendarPeriod(), every=CalendarPeriod(months=1), until=CalendarPeriod(months=3)
    )
    assert days(monthly, date(2026, 1, 31)) == [
        "2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30",
    ]  # fmt: skip


def test_eight_in_the_morning_stays_eight_when_the_clocks_change() -> None:
    found = occurrences(DAILY, date(2026, 3, 26), BERLIN, FIRST, LAST)
    assert {one.starts_at.astimezone(BERLIN).time() for one in found} == {time(8)}
    assert len({one.slot for one in found}) == 7


@pytest.mark.parametrize(
    ("day", "at", "expected"),
    [
        # Clocks skip 02:00-03:00 on 29 March and repeat 02:00-03:00 on 25 October 2026.
        (date(2026, 3, 29), time(2, 30), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (date(2026, 10, 25), time(2, 30), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
)
def test_a_time_skipped_or_repeated_is_still_one_moment(
    day: date, at: time, expected: datetime
) -> None:
    (one,) = occurrences(action(CalendarPeriod(), at), day, BERLIN, FIRST, LAST)
    assert one.starts_at == expected


def test_shanghai_midnights_that_never_were_do_not_break_a_plan() -> None:
    # Summer time began at 02:00 on 4 May 1986; 1940 began it at midnight of 1 June.
    (one,) = occurrences(action(CalendarPeriod(), time(0)), date(1940, 6, 1), SHANGHAI, FIRST, LAST)
    assert one.starts_at == datetime(1940, 5, 31, 16, tzinfo=UTC)


def test_a_start_pushed_past_midnight_is_found_on_the_next_day() -> None:
    # Toronto went from 23:30 on 30 March 1919 straight to 00:30 on the 31st.
    toronto = ZoneInfo("America/Toronto")
    daily = action(
        CalendarPeriod(),
        time(23, 45),
        every=CalendarPeriod(days=1),
        until=CalendarPeriod(days=1),
    )
    pushed = datetime(1919, 3, 31, 4, 45, tzinfo=UTC)
    found = occurrences(daily, date(1919, 3, 30), toronto, pushed, LAST)
    assert [one.slot for one in found] == ["medicine/1919-03-30", "medicine/1919-03-31"]


PERIODS = st.builds(CalendarPeriod, st.integers(0, 2), st.integers(0, 40))
STEPS = PERIODS.filter(lambda period: period != CalendarPeriod())
ACTIONS = st.builds(
    action,
    PERIODS,
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    STEPS,
    st.builds(CalendarPeriod, st.just(0), st.integers(0, 300)),
)
ANCHORS = st.dates(date(2024, 1, 1), date(2028, 12, 31))
ZONES = st.sampled_from([SHANGHAI, BERLIN, ZoneInfo("America/St_Johns")])


@given(ACTIONS, ANCHORS, ZONES, st.lists(st.integers(-50, 500), min_size=1, max_size=4))
def test_pieces_expand_to_what_the_whole_expands_to(
    expanded: Action, anchor_on: date, zone: ZoneInfo, cuts: list[int]
) -> None:
    origin = datetime.combine(anchor_on, time(), UTC)
    inner = sorted({origin + timedelta(hours=17 * cut) for cut in cuts})
    bounds = [FIRST, *inner, LAST]
    whole = occurrences(expanded, anchor_on, zone, FIRST, LAST)
    pieces = [
        one
        for since, until in pairwise(bounds)
        for one in occurrences(expanded, anchor_on, zone, since, until)
    ]
    assert pieces == whole
    assert len({one.slot for one in whole}) == len(whole)
    assert whole == occurrences(expanded, anchor_on, zone, FIRST, LAST)


@given(ACTIONS, ANCHORS, ZONES)
def test_windows_are_in_order_and_nobody_is_woken(
    expanded: Action, anchor_on: date, zone: ZoneInfo
) -> None:
    found = occurrences(expanded, anchor_on, zone, FIRST, LAST)
    assert [one.starts_at for one in found] == sorted(one.starts_at for one in found)
    for one in found:
        assert one.starts_at <= one.due_at <= one.expires_at
        assert time(8) <= one.remind_at.astimezone(zone).time() < time(21)


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (time(7, 59), (4, time(8))),
        (time(8, 0), (4, time(8))),
        (time(20, 59), (4, time(20, 59))),
        (time(21, 0), (5, time(8))),
        (time(23, 59), (5, time(8))),
        (time(0, 0), (4, time(8))),
    ],
)
def test_quiet_hours_move_a_message_to_eight(asked: time, sent: tuple[int, time]) -> None:
    moment = datetime.combine(date(2026, 3, 4), asked, SHANGHAI)
    expected = datetime.combine(date(2026, 3, sent[0]), sent[1], SHANGHAI)
    assert after_quiet_hours(moment.astimezone(UTC), SHANGHAI) == expected


def test_a_second_reminder_comes_a_day_later_if_the_window_is_still_open() -> None:
    long = action(CalendarPeriod(), time(9), expires_after=timedelta(days=3))
    (one,) = occurrences(long, date(2026, 3, 4), SHANGHAI, FIRST, LAST)
    assert one.second_remind_at == one.remind_at + timedelta(hours=24)
    day = action(CalendarPeriod(), time(9), expires_after=timedelta(hours=24))
    (one,) = occurrences(day, date(2026, 3, 4), SHANGHAI, FIRST, LAST)
    assert one.second_remind_at is None


def test_wording_does_not_change_the_timing_revision_and_any_time_does() -> None:
    revision = timing_revision(DAILY)
    assert timing_revision(replace(DAILY, title="吃药", instructions="饭后")) == revision
    changes: list[dict[str, object]] = [
        {"start": CalendarPeriod(days=2)},
        {"at": time(8, 1)},
        {"due_after": timedelta(hours=1)},
        {"expires_after": timedelta(hours=13)},
        {"every": CalendarPeriod(days=2)},
        {"until": CalendarPeriod(days=8)},
        {"remind_at": time(9)},
    ]
    changed = {
        timing_revision(replace(DAILY, timing=replace(DAILY.timing, **change)))  # type: ignore[arg-type]
        for change in changes
    }
    assert len(changed | {revision}) == 8


NOON = datetime(2026, 3, 4, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = Window(NOON, NOON + HOUR, NOON + 2 * HOUR)


@pytest.mark.parametrize(
    ("evidence", "now", "status", "reason"),
    [
        (TaskEvidence(), NOON - HOUR, "requested", "not-open-yet"),
        (TaskEvidence(), NOON, "ready", "open"),
        (TaskEvidence(), NOON + HOUR, "ready", "open"),
        (TaskEvidence(), NOON + 1.5 * HOUR, "ready", "overdue"),
        (TaskEvidence(), NOON + 2 * HOUR, "missed", "expired"),
        (TaskEvidence(started_at=NOON), NOON + HOUR, "in-progress", "started"),
        (TaskEvidence(started_at=NOON), NOON + 2 * HOUR, "missed", "expired"),
        (TaskEvidence(completed_at=NOON + HOUR), NOON + 9 * HOUR, "completed", "done"),
        (TaskEvidence(completed_at=NOON + 1.1 * HOUR), NOON + 9 * HOUR, "completed", "done-late"),
        (TaskEvidence(cancelled_because=TaskReason.READMITTED), NOON, "cancelled", "readmitted"),
        (
            TaskEvidence(completed_at=NOON, cancelled_because=TaskReason.PLAN_ENDED),
            NOON,
            "completed",
            "done",
        ),
    ],
)
def test_a_tasks_status_follows_from_window_evidence_and_time(
    evidence: TaskEvidence, now: datetime, status: str, reason: str
) -> None:
    assert task_status(WINDOW, evidence, now) == (TaskStatus(status), TaskReason(reason))
