"""Channels, states and error classes; decent hours; texts filled in."""

from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.outreach.messaging import (
    FINAL,
    CommunicationState,
    ErrorClass,
    Lane,
    Platform,
    classify,
    dedupe_key,
    fill,
    may_become,
)
from app.domain.plans.plan_schedule import after_quiet_hours

ZONE = ZoneInfo("Asia/Shanghai")
State = CommunicationState


def test_a_final_state_never_moves() -> None:
    for before, after in product(FINAL, State):
        assert not may_become(before, after)


def test_every_state_leads_to_an_end() -> None:
    reached = set(FINAL)
    while more := {
        state
        for state in set(State) - reached
        if any(may_become(state, after) for after in reached)
    }:
        reached |= more
    assert reached == set(State)


def test_nothing_is_called_that_was_not_claimed_and_nothing_sent_that_was_not_called() -> None:
    assert [s for s in State if may_become(s, State.CALLING)] == [State.CLAIMED]
    assert {s for s in State if may_become(s, State.SENT)} == {State.CALLING, State.UNKNOWN}


def test_a_message_that_left_is_not_called_again_without_the_queue() -> None:
    assert not may_become(State.SENT, State.QUEUED)
    assert not may_become(State.UNKNOWN, State.CALLING)


@pytest.mark.parametrize(
    ("platform", "errcode", "kind"),
    [
        (Platform.WECHAT, 40001, ErrorClass.TOKEN),
        (Platform.WECOM, 40001, ErrorClass.OURS),
        (Platform.WECHAT, 48002, ErrorClass.RECIPIENT),
        (Platform.WECOM, 48002, ErrorClass.OURS),
        (Platform.WECHAT, 42001, ErrorClass.TOKEN),
        (Platform.WECHAT, -1, ErrorClass.BUSY),
        (Platform.WECHAT, 43108, ErrorClass.PERSON_BUSY),
        (Platform.WECHAT, 43101, ErrorClass.RECIPIENT),
        (Platform.WECOM, 60111, ErrorClass.RECIPIENT),
        (Platform.WECOM, 45009, ErrorClass.QUOTA),
        (Platform.WECHAT, 45047, ErrorClass.WINDOW),
        (Platform.WECHAT, 47003, ErrorClass.CONTENT),
        (Platform.WECHAT, 45065, ErrorClass.DUPLICATE),
        (Platform.WECOM, 60020, ErrorClass.OURS),
        (Platform.WECHAT, 123456, ErrorClass.OTHER),
        (Platform.SMS, 422, ErrorClass.CONTENT),
        (Platform.SMS, 40001, ErrorClass.OTHER),
    ],
)
def test_a_code_means_what_its_platform_means_by_it(
    platform: Platform, errcode: int, kind: ErrorClass
) -> None:
    assert classify(platform, errcode) is kind


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ("reach max api daily quota limit rid: 6", ErrorClass.QUOTA),
        ("api minute-quota reached", ErrorClass.RATE),
        ("api freq out of limit, hour", ErrorClass.RATE),
        ("", ErrorClass.QUOTA),
    ],
)
def test_a_limit_of_the_minute_does_not_cost_the_day(told: str, kind: ErrorClass) -> None:
    assert classify(Platform.WECOM, 45009, told) is kind


def test_lanes_sort_as_they_go() -> None:
    assert sorted(Lane) == [Lane.CLINICAL, Lane.TRANSACTIONAL, Lane.BULK]


@pytest.mark.parametrize(
    ("at", "decent"),
    [
        ("2026-05-04 12:00", "2026-05-04 12:00"),
        ("2026-05-04 08:00", "2026-05-04 08:00"),
        ("2026-05-04 07:59", "2026-05-04 08:00"),
        ("2026-05-04 20:59", "2026-05-04 20:59"),
        ("2026-05-04 21:00", "2026-05-05 08:00"),
        ("2026-12-31 23:30", "2027-01-01 08:00"),
        ("2028-02-28 22:00", "2028-02-29 08:00"),
    ],
)
def test_nobody_is_woken_at_night(at: str, decent: str) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=ZONE)

    assert after_quiet_hours(moment, ZONE) == datetime.fromisoformat(decent).replace(tzinfo=ZONE)
    assert after_quiet_hours(moment.astimezone(UTC), ZONE).tzinfo is UTC


@given(st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)))
def test_a_decent_hour_is_never_earlier_and_at_most_eleven_hours_away(moment: datetime) -> None:
    decent = after_quiet_hours(moment, ZONE)

    assert timedelta() <= decent - moment <= timedelta(hours=11)
    assert 8 <= decent.astimezone(ZONE).hour < 21
    assert after_quiet_hours(decent, ZONE) == decent


def test_a_text_of_people_is_never_a_template() -> None:
    assert fill({"thing1": "{title}·{n}"}, {"title": "{n}{secret}", "n": "1"}) == {
        "thing1": "{n}{secret}·1"
    }
    with pytest.raises(KeyError):
        fill({"thing1": "{unknown}"}, {"title": "x"})


def test_the_name_of_a_message_keeps_its_parts_apart() -> None:
    assert dedupe_key("a", "bc") != dedupe_key("ab", "c")
    assert dedupe_key("a", 1) == dedupe_key("a", "1")
    assert len(dedupe_key()) == 32
