"""The one definition of being lost, and that a model knows nothing of the future."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.clock import HOSPITAL
from app.domain.profile.risk.follow_up_history import (
    AskedTask,
    Booking,
    Flag,
    FollowUpHistory,
    PlanSpan,
    SentMessage,
)
from app.domain.profile.risk.follow_up_priority import Moment, band_of, follow_up_priority
from app.domain.profile.risk.frame import Assessment
from app.domain.profile.risk.loss_to_follow_up import FEATURES, features, outcome, samples, windows
from tests.conftest import NOON

DAY = timedelta(days=1)
PLAN = PlanSpan("demo", NOON, None)
ASKED = AskedTask(NOON + 5 * DAY, NOON + 6 * DAY, None)
HISTORY = FollowUpHistory(plans=[PLAN], tasks=[ASKED], has_phone=True)


def test_nobody_heard_of_is_lost() -> None:
    assert outcome(HISTORY, PLAN, NOON) is True


@pytest.mark.parametrize(
    ("days", "lost"), [(-1, True), (0, False), (29, False), (59, False), (60, True)]
)
def test_any_contact_until_thirty_days_after_the_window_keeps_them(days: int, lost: bool) -> None:
    heard = replace(HISTORY, contacts=[NOON + days * DAY])
    assert outcome(heard, PLAN, NOON) is lost


def test_the_dead_the_gone_and_the_unwilling_are_neither_lost_nor_kept() -> None:
    in_time, later = NOON + 50 * DAY, NOON + 61 * DAY
    assert outcome(replace(HISTORY, deceased_at=in_time), PLAN, NOON) is None
    assert outcome(replace(HISTORY, opted_out_at=in_time), PLAN, NOON) is None
    gone = replace(PLAN, ended_at=in_time, is_revoked=True)
    assert outcome(replace(HISTORY, plans=[gone]), gone, NOON) is None
    assert outcome(replace(HISTORY, deceased_at=later), PLAN, NOON) is True


def test_of_whom_nothing_was_asked_nothing_is_said() -> None:
    assert outcome(replace(HISTORY, tasks=[]), PLAN, NOON) is None


def test_windows_are_over_with_their_grace() -> None:
    assert list(windows(PLAN, NOON + 59 * DAY)) == []
    assert list(windows(PLAN, NOON + 90 * DAY)) == [NOON, NOON + 30 * DAY]
    ended = replace(PLAN, ended_at=NOON + 10 * DAY)
    assert list(windows(ended, NOON + 200 * DAY)) == [NOON]


def rich() -> FollowUpHistory:
    return FollowUpHistory(
        region="贵州省遵义市",
        plans=[PLAN],
        tasks=[
            AskedTask(NOON + n * DAY, NOON + (n + 1) * DAY, NOON + n * DAY if n % 3 else None)
            for n in range(0, 120, 4)
        ],
        messages=[SentMessage(NOON + n * DAY, None) for n in range(0, 120, 9)],
        bookings=[Booking(NOON + 3 * DAY, NOON + 50 * DAY, False)],
        discharges=[NOON - DAY, NOON + 70 * DAY],
        acts=[NOON + 20 * DAY],
        contacts=[NOON + 20 * DAY, NOON + 65 * DAY],
        seen=[NOON + 40 * DAY],
        flags=[Flag("PHQ-9 12 分", NOON + 45 * DAY)],
    )


def test_what_happens_later_changes_nothing_that_was_known() -> None:
    """The same windows from a history cut off right after them have the same features."""
    whole = list(samples(rich(), NOON + 200 * DAY, HOSPITAL, "浙江省"))
    assert len(whole) == 4
    for sample in whole:
        cut = rich().as_of(sample.at)
        moment = Moment(cut, sample.at, HOSPITAL, "浙江省")
        assert features(moment, PLAN) == sample.features
        later = Moment(rich(), sample.at, HOSPITAL, "浙江省")
        if sample.at < NOON + 90 * DAY:
            assert features(later, PLAN) != sample.features  # so the cut does something
    assert {tuple(one.features) for one in whole} == {FEATURES}


def test_nothing_in_a_cut_history_is_later_than_the_cut() -> None:
    at = NOON + 51 * DAY
    left = replace(
        rich(), deceased_at=at + DAY, opted_out_at=at + DAY,
        plans=[replace(PLAN, ended_at=at + DAY, is_revoked=True), PlanSpan("x", at + DAY, None)],
        messages=[SentMessage(at - DAY, at + DAY), SentMessage(at + DAY, None)],
    )  # fmt: skip
    cut = left.as_of(at)
    assert (cut.deceased_at, cut.opted_out_at) == (None, None)
    assert cut.plans == [PLAN]
    assert cut.messages == [SentMessage(at - DAY, None)]
    for instants in (cut.discharges, cut.acts, cut.contacts, cut.seen):
        assert instants
        assert max(instants) <= at
    assert max(len(left.contacts), len(left.discharges)) == 2
    assert (len(cut.contacts), len(cut.discharges)) == (1, 1)
    assert all(one.due_at <= at and (one.done_at or at) <= at for one in cut.tasks)
    assert rich().as_of(NOON + 20 * DAY).flags == []
    before_visit = rich().as_of(NOON + 49 * DAY).bookings
    assert [one.came for one in before_visit] == [None]
    assert rich().as_of(NOON + 2 * DAY).bookings == []


def test_the_list_cut_at_an_instant_is_the_list_of_that_day() -> None:
    cut = Moment(rich().as_of(NOON + 51 * DAY), NOON + 51 * DAY, HOSPITAL, "浙江省")
    found = follow_up_priority(cut)
    assert isinstance(found, Assessment)
    points = {one.key: int(one.amount) for one in found.contributions}
    assert points == {
        "missed_tasks": 1, "silence": 2, "no_show": 2, "distance": 1, "burden": 1,
    }  # fmt: skip
    assert found.band == "high"


@pytest.mark.parametrize(
    ("value", "band"), [(0, "low"), (2, "low"), (3, "mid"), (5, "mid"), (6, "high")]
)
def test_bands_of_the_list(value: int, band: str) -> None:
    assert band_of(Decimal(value)).key == band
