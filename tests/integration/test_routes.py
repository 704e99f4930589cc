"""Routes that are closed hold what is queued; members of WeCom are not flooded."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.outreach.gates import Closed
from app.domain.outreach.messaging import (
    Accepted,
    Channel,
    CommunicationState,
    ErrorClass,
    Failure,
    Outcome,
    Route,
)
from app.domain.outreach.sending_deeds import By
from app.models import Communication, Event, RouteGate, RouteMinute, SendingDeed
from app.services.outreach import outbox
from tests.conftest import NOON
from tests.integration.postbox import call, letter, states

pytestmark = pytest.mark.both_databases
State = CommunicationState
WRONG_SECRET = Failure(ErrorClass.OURS, 40125)


def answer(session: Session, outcome: Outcome, now: datetime = NOON) -> int:
    """Call what may be called, let each end in `outcome`; return how many calls there were."""
    token, ids = call(session, now)
    outbox.settle(session, token, dict.fromkeys(ids, outcome), now)
    session.flush()
    session.expire_all()
    return len(ids)


def test_a_fault_of_ours_holds_what_was_called_and_keeps_the_rest_in_the_queue(
    session: Session,
) -> None:
    letter(session, "a")
    assert answer(session, WRONG_SECRET) == 1
    for who in "bcd":
        letter(session, who)
    other = letter(session, "e", Channel.WECOM_TEXT)

    assert answer(session, Accepted("p")) == 1  # the other route's
    assert other.state is State.DELIVERED
    assert states(session) == {State.HELD: 1, State.QUEUED: 3, State.DELIVERED: 1}
    gate = session.scalars(select(RouteGate)).one()
    assert (gate.channel, gate.closed) == (Channel.TEMPLATE, Closed.OURS)
    assert "route.closed" in session.scalars(select(Event.kind)).all()


def test_a_route_closed_since_the_claim_takes_the_rest_of_it_back(session: Session) -> None:
    for who in "abcd":
        letter(session, who)
    token, ids = outbox.claim(session, NOON)
    outbox.begin_calling(session, token, ids[:1], NOON)
    outbox.settle(session, token, {ids[0]: WRONG_SECRET}, NOON)
    session.flush()

    assert outbox.begin_calling(session, token, ids[1:], NOON) == []
    session.expire_all()
    assert states(session) == {State.HELD: 1, State.QUEUED: 3}
    assert sorted(session.scalars(select(Communication.tries))) == [0, 0, 0, 1]


def test_one_probe_at_a_time_and_a_success_opens_for_all(session: Session) -> None:
    for who in "abcd":
        letter(session, who)
    session.add(
        RouteGate(
            channel=Channel.TEMPLATE, app_key="patient", failures=10, closed=Closed.DOWN,
            closed_at=NOON, until=NOON + timedelta(seconds=30),
        )
    )  # fmt: skip
    session.flush()
    later = NOON + timedelta(seconds=30)

    assert answer(session, Accepted("p")) == 0
    token, ids = call(session, later)
    assert len(ids) == 1
    assert call(session, later)[1] == []  # while the probe is out
    outbox.settle(session, token, {ids[0]: Accepted("p")}, later)
    session.flush()

    assert len(call(session, later)[1]) == 3
    assert session.scalars(select(Event.kind)).all().count("route.opened") == 1


def test_what_was_held_is_tried_as_the_probe_and_follows_when_the_route_is_open(
    session: Session,
) -> None:
    for who in "abc":
        letter(session, who)
    answer(session, WRONG_SECRET)
    later = NOON + timedelta(minutes=9)
    assert outbox.sweep(session, later)["requeued"] == 0
    later = NOON + timedelta(minutes=10)

    assert outbox.sweep(session, later)["requeued"] == 1
    session.flush()
    assert answer(session, Accepted("p"), later) == 1
    assert outbox.sweep(session, later)["requeued"] == 2
    session.flush()
    assert answer(session, Accepted("p"), later) == 2


def test_a_paused_route_waits_for_a_person_and_is_then_tried_by_one_message(
    session: Session,
) -> None:
    route = Route(Channel.TEMPLATE, "patient")
    for who in "abcd":
        letter(session, who)
    on_the_wire = outbox.claim(session, NOON, limit=1)
    outbox.begin_calling(session, *on_the_wire, NOON)

    outbox.pause(session, route, By(why="平台维护"), NOON)
    outbox.settle(session, on_the_wire[0], {on_the_wire[1][0]: Accepted("p")}, NOON)
    tomorrow = NOON + timedelta(days=1)
    assert answer(session, Accepted("p"), tomorrow) == 0
    assert states(session) == {State.SENT: 1, State.QUEUED: 3}

    assert outbox.open_by_hand(session, route, By(), tomorrow)
    assert answer(session, Accepted("p"), tomorrow) == 1
    assert answer(session, Accepted("p"), tomorrow) == 2
    assert not outbox.open_by_hand(session, route, By(), tomorrow)
    deeds = session.scalars(select(SendingDeed).order_by(SendingDeed.id)).all()
    assert [(one.kind, one.why) for one in deeds] == [("pause", "平台维护"), ("open", None)]
    assert "平台维护".encode() not in (deeds[0].why_sealed or b"")
    assert session.scalars(select(Event.kind).order_by(Event.id)).all() == [
        "route.closed", "route.opened",
    ]  # fmt: skip


def test_calls_are_counted_by_route_and_minute(session: Session) -> None:
    for who in "ab":
        letter(session, who)
    answer(session, Accepted("p"))
    letter(session, "c")
    answer(session, Failure(ErrorClass.RECIPIENT, 43004))

    counted = session.scalars(select(RouteMinute)).one()
    assert (counted.channel, counted.app_key) == (Channel.TEMPLATE, "patient")
    assert (counted.minute, counted.called, counted.accepted) == (NOON, 3, 2)


def test_a_member_gets_no_more_than_the_platform_would_show(session: Session) -> None:
    def to_member(number: int) -> None:
        one = letter(session, f"m{number}", Channel.WECOM_TEXT)
        one.content = '{"openid": "x", "userids": ["NurseChen"], "text": "…"}'

    for number in range(33):
        to_member(number)
    session.flush()

    assert answer(session, Accepted("p")) == 30
    assert states(session) == {State.DELIVERED: 30, State.QUEUED: 3}
    assert answer(session, Accepted("p"), NOON + timedelta(seconds=59)) == 0
    assert answer(session, Accepted("p"), NOON + timedelta(minutes=2)) == 3
