"""Episodes, clocks and buttons of alerts."""

from datetime import UTC, date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from app.domain.plans.rules import Grade
from app.domain.staff.alert_card import CardButton, Handling, buttons, press
from app.domain.staff.alert_clock import CHAIN, AlertClock, Responder, first_level, level_when_worse
from app.domain.staff.alerting import (
    AlertStatus,
    Episode,
    Outcome,
    Step,
    may_become,
    on_abnormal,
    on_hit,
    on_normal,
)

ZONE = ZoneInfo("Asia/Shanghai")
ACTIVE, ACKNOWLEDGED = AlertStatus.ACTIVE, AlertStatus.ACKNOWLEDGED


def local(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment in March 2026 at the hospital; the 6th is a Friday."""
    return datetime(2026, 3, day, hour, minute, tzinfo=ZONE).astimezone(UTC)


# Episodes


def test_the_first_hit_opens_an_episode() -> None:
    decision = on_hit(None, Grade.MODERATE)
    assert decision.step is Step.OPEN
    assert decision.episode == Episode(Grade.MODERATE, ACTIVE)


@pytest.mark.parametrize("grade", [Grade.MILD, Grade.MODERATE])
def test_a_hit_that_is_no_worse_is_appended_and_breaks_the_row_of_normals(grade: Grade) -> None:
    decision = on_hit(Episode(Grade.MODERATE, ACKNOWLEDGED, normals=1), grade)
    assert decision.step is Step.APPEND
    assert decision.episode == Episode(Grade.MODERATE, ACKNOWLEDGED, normals=0)


def test_a_worse_hit_escalates_and_wakes_an_acknowledged_alert() -> None:
    decision = on_hit(Episode(Grade.MODERATE, ACKNOWLEDGED, normals=1), Grade.SEVERE)
    assert decision.step is Step.ESCALATE
    assert decision.episode == Episode(Grade.SEVERE, ACTIVE, normals=0)


def test_two_normal_values_in_a_row_clear_an_episode() -> None:
    first = on_normal(Episode(Grade.MODERATE, ACTIVE), clears_after=2)
    assert first.step is Step.COUNT_NORMAL
    second = on_normal(first.episode, clears_after=2)
    assert second.step is Step.CLEAR
    assert second.episode is not None
    assert second.episode.status is AlertStatus.RESOLVED


def test_an_abnormal_value_between_starts_the_count_anew() -> None:
    first = on_normal(Episode(Grade.MODERATE, ACTIVE), clears_after=2)
    broken = on_abnormal(first.episode)
    assert broken.step is Step.COUNT_NORMAL
    assert on_normal(broken.episode, clears_after=2).step is Step.COUNT_NORMAL


def test_values_close_nothing_that_staff_must_close() -> None:
    episode = Episode(Grade.SEVERE, ACTIVE)
    assert on_normal(episode, clears_after=0).step is Step.NOTHING
    assert on_normal(None, clears_after=2).step is Step.NOTHING
    assert on_abnormal(None).step is Step.NOTHING


def test_only_listed_transitions_are_allowed() -> None:
    allowed = {
        (before.value, after.value)
        for before, after in product(AlertStatus, AlertStatus)
        if may_become(before, after)
    }
    assert allowed == {
        ("active", "acknowledged"),
        ("active", "resolved"),
        ("active", "withdrawn"),
        ("acknowledged", "active"),
        ("acknowledged", "resolved"),
        ("acknowledged", "withdrawn"),
        ("resolved", "withdrawn"),
    }


def test_an_attempt_that_reached_nobody_does_not_close() -> None:
    open_ones = {outcome for outcome in Outcome if not outcome.is_final}
    assert open_ones == {Outcome.NO_ANSWER, Outcome.CALL_LATER, Outcome.WRONG_NUMBER}


# Clocks


@pytest.mark.parametrize(
    ("grade", "since", "by"),
    [
        (Grade.SEVERE, local(6, 3, 10), local(6, 3, 15)),
        (Grade.MODERATE, local(6, 9), local(6, 17, 30)),
        (Grade.MODERATE, local(6, 17), local(6, 19)),
        (Grade.MODERATE, local(6, 23, 30), local(7, 1, 30)),
        (Grade.MILD, local(4, 9), local(5, 17, 30)),
        (Grade.MILD, local(6, 9), local(9, 17, 30)),
        (Grade.MILD, local(7, 23, 59), local(9, 17, 30)),
    ],
)
def test_each_grade_has_its_clock(grade: Grade, since: datetime, by: datetime) -> None:
    assert AlertClock().acknowledge_by(grade, since, ZONE) == by


def test_a_holiday_is_no_working_day() -> None:
    clock = AlertClock(holidays=frozenset({date(2026, 3, 9)}))
    assert clock.acknowledge_by(Grade.MILD, local(6, 9), ZONE) == local(10, 17, 30)


def test_a_severe_alert_begins_with_the_doctor_and_climbs_every_five_minutes() -> None:
    since = local(6, 3)
    assert CHAIN == (
        Responder.ON_DUTY_NURSE,
        Responder.ATTENDING_DOCTOR,
        Responder.DEPUTY_DOCTOR,
        Responder.HEAD_NURSE,
    )
    assert CHAIN[first_level(Grade.SEVERE)] is Responder.ATTENDING_DOCTOR
    assert AlertClock().escalations(Grade.SEVERE, since, ZONE) == (
        (local(6, 3, 5), 2),
        (local(6, 3, 10), 3),
    )


def test_what_worsens_stays_as_high_as_it_climbed_unless_it_is_severe_now() -> None:
    assert [level_when_worse(Grade.MODERATE, level) for level in range(4)] == [0, 1, 2, 3]
    assert [level_when_worse(Grade.SEVERE, level) for level in range(4)] == [1, 1, 1, 1]


def test_a_moderate_alert_begins_with_the_nurse() -> None:
    assert AlertClock().escalations(Grade.MODERATE, local(6, 9), ZONE) == (
        (local(6, 17, 30), 1),
        (local(6, 19, 30), 2),
        (local(6, 21, 30), 3),
    )
    assert AlertClock().escalations(Grade.MILD, local(6, 9), ZONE) == ()


@pytest.mark.parametrize(("minutes", "level"), [(0, 1), (4, 1), (5, 2), (9, 2), (10, 3), (9999, 3)])
def test_the_level_follows_the_clock(minutes: int, level: int) -> None:
    since = local(6, 3)
    now = since + timedelta(minutes=minutes)
    assert AlertClock().level_at(Grade.SEVERE, since, ZONE, now) == level
    assert AlertClock().level_at(Grade.MILD, since, ZONE, now) == 0


def test_a_clock_that_looks_late_does_not_make_the_next_step_later() -> None:
    due, clock = local(6, 3, 5), AlertClock()
    half_a_minute_late = due + timedelta(seconds=30)
    assert clock.next_climb(Grade.SEVERE, due, half_a_minute_late) == local(6, 3, 10)
    # After an outage of an hour everybody still has four minutes.
    assert clock.next_climb(Grade.SEVERE, due, local(6, 4, 5)) == local(6, 4, 9)


# Buttons


@pytest.mark.parametrize("grade", list(Grade))
@pytest.mark.parametrize("button", list(CardButton))
@pytest.mark.parametrize("status", [ACTIVE, ACKNOWLEDGED])
def test_the_same_press_twice_changes_nothing_more(
    grade: Grade, button: CardButton, status: AlertStatus
) -> None:
    owner = "nurse-a" if status is ACKNOWLEDGED else None
    once = press(Handling(grade, status, owner=owner), button, "nurse-a", card_level=0)
    twice = press(once.handling, button, "nurse-a", card_level=0)
    assert not twice.is_changed
    assert twice.handling == once.handling
    assert twice.note


def test_taking_names_the_owner_and_a_second_nurse_comes_too_late() -> None:
    taken = press(Handling(Grade.SEVERE, ACTIVE), CardButton.TAKE, "nurse-a", 0)
    assert (taken.handling.status, taken.handling.owner) == (ACKNOWLEDGED, "nurse-a")
    second = press(taken.handling, CardButton.TAKE, "nurse-b", 0)
    assert not second.is_changed
    assert second.handling.owner == "nurse-a"


def test_transfer_hands_up_frees_the_owner_and_ends_at_the_top() -> None:
    mine = Handling(Grade.SEVERE, ACKNOWLEDGED, owner="nurse-a")
    up = press(mine, CardButton.TRANSFER, "nurse-a", 0).handling
    assert (up.status, up.level, up.owner) == (ACTIVE, 1, None)
    top = press(up, CardButton.TRANSFER, "doctor", 1).handling
    assert top.level == 2
    head = press(top, CardButton.TRANSFER, "deputy", 2).handling
    assert head.level == 3
    assert not press(head, CardButton.TRANSFER, "head", 3).is_changed


def test_a_handed_over_alert_asks_the_next_one_for_contact_again() -> None:
    reached = press(Handling(Grade.SEVERE, ACTIVE), CardButton.CONTACTED, "nurse-a", 0).handling
    passed = press(reached, CardButton.TRANSFER, "nurse-a", 0).handling
    assert passed.outcome is None
    assert press(passed, CardButton.CONTACTED, "doctor", 1).handling.status is ACKNOWLEDGED


def test_nobody_hands_on_what_a_colleague_has_taken() -> None:
    theirs = Handling(Grade.MODERATE, ACKNOWLEDGED, owner="nurse-a")
    assert not press(theirs, CardButton.TRANSFER, "nurse-b", 0).is_changed


def test_an_old_card_can_still_take_but_not_transfer() -> None:
    climbed = Handling(Grade.SEVERE, ACTIVE, level=1)
    assert not press(climbed, CardButton.TRANSFER, "nurse-a", card_level=0).is_changed
    assert press(climbed, CardButton.TAKE, "nurse-a", card_level=0).is_changed


def test_contact_closes_all_but_severe_alerts() -> None:
    moderate = press(Handling(Grade.MODERATE, ACTIVE), CardButton.CONTACTED, "nurse-a", 0)
    assert moderate.handling == Handling(
        Grade.MODERATE, AlertStatus.RESOLVED, 0, "nurse-a", Outcome.REACHED
    )
    severe = press(Handling(Grade.SEVERE, ACTIVE), CardButton.CONTACTED, "nurse-a", 0)
    assert severe.handling.status is ACKNOWLEDGED
    assert severe.handling.outcome is Outcome.REACHED


@pytest.mark.parametrize("status", [AlertStatus.RESOLVED, AlertStatus.WITHDRAWN])
def test_a_closed_alert_offers_no_button_and_takes_no_press(status: AlertStatus) -> None:
    assert buttons(status) == ()
    for button in CardButton:
        assert not press(Handling(Grade.SEVERE, status), button, "nurse-a", 0).is_changed


def test_cards_offer_what_the_state_allows() -> None:
    assert [button.label for button in buttons(ACTIVE)] == ["我来处理", "转交", "已联系"]
    assert [button.label for button in buttons(ACKNOWLEDGED)] == ["转交", "已联系"]
