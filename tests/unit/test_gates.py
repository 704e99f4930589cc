"""When a route closes, for how long, and what opens it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.outreach.gates import PROBE_EVERY, Closed, Gate, after
from app.domain.outreach.messaging import Accepted, ErrorClass, Failure, Outcome

NOON = datetime(2026, 5, 4, 4, 0, 20, tzinfo=UTC)  # 12:00:20 in Shanghai
SILENCE = Failure(ErrorClass.AMBIGUOUS)
TAKEN = Accepted("p-1")


def test_a_platform_that_answers_nothing_closes_its_route_for_a_probe_each_half_minute() -> None:
    nearly = after(Gate(), [SILENCE] * 9, NOON)
    closed = after(nearly, [Failure(ErrorClass.NOT_SENT)], NOON)

    assert nearly.allows(NOON) is None
    assert (closed.closed, closed.allows(NOON)) == (Closed.DOWN, 0)
    assert closed.allows(NOON + PROBE_EVERY) == 1
    assert closed.probing(NOON + PROBE_EVERY).allows(NOON + PROBE_EVERY) == 0


def test_a_probe_that_comes_through_opens_and_one_that_does_not_keeps_it_closed() -> None:
    closed = after(Gate(), [SILENCE] * 10, NOON)
    later = NOON + PROBE_EVERY

    assert after(closed, [TAKEN], later) == Gate()
    still = after(closed, [SILENCE], later)
    assert (still.closed, still.closed_at, still.until) == (
        Closed.DOWN, NOON, later + PROBE_EVERY,
    )  # fmt: skip


@pytest.mark.parametrize(
    "personal",
    [ErrorClass.RECIPIENT, ErrorClass.WINDOW, ErrorClass.CONTENT, ErrorClass.PERSON_BUSY,
     ErrorClass.DUPLICATE],
)  # fmt: skip
def test_a_refusal_of_one_message_is_an_answer(personal: ErrorClass) -> None:
    assert after(Gate(failures=9), [Failure(personal)] + [SILENCE] * 5, NOON) == Gate()


@pytest.mark.parametrize(
    ("kind", "why", "seconds", "then"),
    [
        (ErrorClass.OURS, Closed.OURS, 600, 1),
        (ErrorClass.RATE, Closed.RATE, 40, None),  # the next minute
        (ErrorClass.QUOTA, Closed.QUOTA, 12 * 3600 + 300 - 20, None),  # 00:05 in Shanghai
    ],
)
def test_what_the_platform_says_of_the_route_closes_it_at_once(
    kind: ErrorClass, why: Closed, seconds: int, then: int | None
) -> None:
    gate = after(Gate(), [TAKEN, Failure(kind)], NOON)

    until = NOON + timedelta(seconds=seconds)
    assert (gate.closed, gate.until) == (why, until)
    assert gate.allows(until - timedelta(seconds=1)) == 0
    assert gate.allows(until) == then


def test_three_refused_tokens_in_a_row_close_for_five_minutes() -> None:
    refused = Failure(ErrorClass.TOKEN, 40001)

    assert after(Gate(), [refused, refused], NOON).closed is None
    gate = after(Gate(), [refused] * 3, NOON)
    assert (gate.closed, gate.until) == (Closed.TOKEN, NOON + timedelta(minutes=5))


def test_what_a_person_paused_stays_closed_whatever_still_comes_back() -> None:
    paused = Gate(failures=3).paused(NOON)

    for outcome in (TAKEN, SILENCE, Failure(ErrorClass.OURS)):
        assert after(paused, [outcome] * 12, NOON) == paused
    assert paused.allows(NOON + timedelta(days=30)) == 0


@pytest.mark.parametrize("why", list(Closed))
def test_what_a_person_opens_is_tried_by_one_message_first(why: Closed) -> None:
    closed = Gate(0, why, NOON, None if why is Closed.PAUSED else NOON + timedelta(hours=12))
    opened = closed.opened(NOON)

    assert opened.allows(NOON) == 1
    assert opened.probing(NOON).allows(NOON) == 0
    assert after(opened.probing(NOON), [TAKEN], NOON) == Gate()
    again = after(opened.probing(NOON), [Failure(ErrorClass.QUOTA)], NOON)
    assert again.closed is Closed.QUOTA
    assert again.allows(NOON) == 0


def test_an_open_gate_stays_as_it_is_when_a_person_opens_it() -> None:
    assert Gate(failures=4).opened(NOON) == Gate(failures=4)


@given(
    rounds=st.lists(
        st.lists(
            st.sampled_from([TAKEN, *(Failure(one) for one in ErrorClass)]),
            min_size=1,
            max_size=12,
        ),
        max_size=20,
    )
)
def test_a_gate_always_opens_again_after_one_success(rounds: list[list[Outcome]]) -> None:
    gate, now = Gate(), NOON
    for some in rounds:
        gate = after(gate, some, now)
        assert (gate.closed is None) == (gate.until is None) == (gate.closed_at is None)
        assert gate.until is None or gate.until > now
        now += timedelta(seconds=7)

    assert after(gate, [TAKEN], now) == Gate()
