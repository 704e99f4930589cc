"""Quiet hours, counts a person, the best hour, and what a no forbids."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.outreach.decency import (
    ASKED,
    Cancel,
    Go,
    Postpone,
    Purpose,
    Rules,
    Said,
    due_at,
    has_withdrawn,
    is_enough,
    is_refused,
    judge_moment,
    purpose_of_kind,
    purpose_of_tasks,
)
from app.domain.trust.consenting import ConsentPurpose
from tests.conftest import NOON

ZONE = ZoneInfo("Asia/Shanghai")
RULES = Rules(daily={Purpose.EDUCATION: 1}, weekly={Purpose.EDUCATION: 3})
NIGHT = NOON + timedelta(hours=10)  # 22:00
MORNING = NOON + timedelta(hours=20)  # 08:00 of the next day
WEEK = timedelta(days=7)

moments = st.integers(0, 60 * 24 * 30).map(lambda minutes: NOON + timedelta(minutes=minutes))
lives = st.integers(0, 60 * 24 * 4).map(lambda minutes: timedelta(minutes=minutes))
clocks = st.times(timezones=st.none()).map(lambda at: at.replace(second=0, microsecond=0))
counts = st.builds(Said, st.integers(0, 40), st.integers(0, 40))


def hour(moment: datetime) -> int:
    return moment.astimezone(ZONE).hour


@given(moments, clocks, clocks)
def test_after_the_quiet_hours_it_is_not_quiet(moment: datetime, begin: time, end: time) -> None:
    rules = Rules(quiet_from=begin, quiet_until=end)
    if begin == end:
        return  # no quiet hours at all

    waited = rules.after_quiet(moment, ZONE)

    assert not rules.is_quiet(waited, ZONE)
    assert timedelta(0) <= waited - moment < timedelta(days=1)
    assert waited == moment or rules.is_quiet(moment, ZONE)


@given(moments, lives, st.booleans(), st.sampled_from(Purpose), counts)
def test_what_is_not_clinical_never_leaves_at_night_too_late_or_too_often(
    now: datetime, life: timedelta, is_clinical: bool, purpose: Purpose, said: Said
) -> None:
    verdict = judge_moment(
        now, now + life, purpose, lambda: said, RULES, ZONE, is_clinical=is_clinical
    )  # fmt: skip

    match verdict:
        case Go():
            assert life > timedelta(0)
            if not is_clinical:
                assert 8 <= hour(now) < 21
                assert not is_enough(purpose, said, RULES)
        case Postpone():
            assert now < verdict.until < now + life
            assert not RULES.is_quiet(verdict.until, ZONE)
            assert not is_clinical
        case Cancel():
            assert not is_clinical or life == timedelta(0)


@given(moments, lives, st.none() | st.integers(0, 23))
def test_a_message_is_due_outside_the_quiet_hours_and_never_before_now(
    now: datetime, life: timedelta, best: int | None
) -> None:
    due = due_at(now, now + life, RULES, ZONE, best_hour=best)

    assert due >= now
    assert not RULES.is_quiet(due, ZONE)
    assert due < now + life or due == RULES.after_quiet(now, ZONE)


def test_what_can_wait_waits_for_the_hour_at_which_the_person_is_there() -> None:
    expires = NOON + WEEK

    assert hour(due_at(NOON, expires, RULES, ZONE, best_hour=19)) == 19
    tomorrow = due_at(NOON, expires, RULES, ZONE, best_hour=9)
    assert tomorrow == NOON + timedelta(hours=21)
    soon = NOON + timedelta(hours=3)
    assert due_at(NOON, soon, RULES, ZONE, best_hour=19) == NOON
    assert due_at(NOON, expires, RULES, ZONE, best_hour=12) == NOON


def test_what_is_urgent_leaves_at_night() -> None:
    assert due_at(NIGHT, NIGHT + WEEK, RULES, ZONE, is_urgent=True) == NIGHT
    assert due_at(NIGHT, NIGHT + WEEK, RULES, ZONE) == MORNING


def test_who_heard_enough_hears_the_rest_tomorrow_if_it_is_still_true_then() -> None:
    def judged(life: timedelta, *, is_clinical: bool = False) -> object:
        return judge_moment(
            NOON, NOON + life, Purpose.EDUCATION, lambda: Said(1, 1), RULES, ZONE,
            is_clinical=is_clinical,
        )  # fmt: skip

    assert judged(WEEK) == Postpone(MORNING, "enough")
    assert judged(timedelta(hours=20)) == Cancel("enough")
    assert judged(WEEK, is_clinical=True) == Go()


@pytest.mark.parametrize(
    ("said", "enough"),
    [(Said(), False), (Said(0, 2), False), (Said(1, 1), True), (Said(0, 3), True)],
)
def test_a_purpose_has_a_count_a_day_and_one_a_week(said: Said, enough: bool) -> None:
    assert is_enough(Purpose.EDUCATION, said, RULES) is enough
    assert not is_enough(Purpose.ALERT, said, RULES)
    assert not is_enough(Purpose.EDUCATION, said, Rules(daily={}, weekly={}))


def test_a_no_to_one_purpose_leaves_the_others_and_a_no_to_messages_none() -> None:
    no_surveys = {ConsentPurpose.SURVEYS: False, ConsentPurpose.MESSAGES: True}

    assert [one for one in Purpose if is_refused(one, no_surveys)] == [Purpose.SURVEY]
    assert all(is_refused(one, {ConsentPurpose.MESSAGES: False}) for one in Purpose)
    assert not any(is_refused(one, {}) for one in Purpose)
    assert set(ASKED) == set(Purpose)


def test_who_takes_back_the_consent_to_care_is_told_nothing() -> None:
    assert has_withdrawn({ConsentPurpose.HEALTH_DATA: False})
    assert has_withdrawn({ConsentPurpose.HEALTH_DATA: True, ConsentPurpose.GUARDIAN: False})
    assert not has_withdrawn({ConsentPurpose.HEALTH_DATA: True, ConsentPurpose.MESSAGES: False})
    assert not has_withdrawn({})


def test_what_a_message_is_for() -> None:
    assert purpose_of_kind("alert-notice") is Purpose.ALERT
    assert purpose_of_kind("parking") is Purpose.NEWS
    assert purpose_of_tasks(["article"]) is Purpose.EDUCATION
    assert purpose_of_tasks(["questionnaire", "questionnaire"]) is Purpose.SURVEY
    assert purpose_of_tasks(["article", "measurement"]) is Purpose.REMINDER
