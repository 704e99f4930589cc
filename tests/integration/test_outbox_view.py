"""What operators see of sending: lanes, routes with their quotas, what waits by reason."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.domain.outreach.gates import Closed
from app.domain.outreach.messaging import Channel, CommunicationState, Lane, Route
from app.domain.outreach.sending_deeds import Group
from app.models import CommunicationAttempt, MemberMinute, RouteGate, RouteMinute
from app.services.outreach import outbox_view
from app.services.outreach.outbox_view import Counted, waiting
from tests import factories
from tests.conftest import NOON
from tests.integration.postbox import letter

State = CommunicationState
MINUTE = timedelta(minutes=1)
MIDNIGHT = NOON - timedelta(hours=12)


def rest(session: Session, who: str, **more: object) -> None:
    one = letter(session, who)
    for name, value in (
        {"state": State.DEAD, "reason": "content", "errcode": 47003} | more
    ).items():
        setattr(one, name, value)
    session.flush()


def route(session: Session, channel: Channel, key: str) -> outbox_view.RouteStatus:
    (one,) = (
        one
        for one in outbox_view.read_routes(session, NOON, MIDNIGHT)
        if (one.channel, one.app_key) == (channel, key)
    )
    return one


def test_each_lane_says_what_waits_and_since_when(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MOST", 3)
    letter(session, "a", lane=Lane.CLINICAL, due_at=NOON - 5 * MINUTE)
    letter(session, "b", Channel.SMS, lane=Lane.CLINICAL, due_at=NOON - 9 * MINUTE)
    for who in "cdefg":
        letter(session, who)
    rest(session, "h", state=State.HELD)
    rest(session, "i", state=State.CALLING)
    rest(session, "j", state=State.UNKNOWN, lane=Lane.TRANSACTIONAL)

    clinical, transactional, bulk = outbox_view.read_lanes(session)

    assert (clinical.lane, clinical.queued, clinical.oldest_due_at) == (
        Lane.CLINICAL, 2, NOON - 9 * MINUTE,
    )  # fmt: skip
    assert (transactional.queued, transactional.oldest_due_at) == (0, None)
    assert transactional.unknown == 1
    assert (bulk.queued, bulk.held, bulk.calling, bulk.claimed) == (3, 1, 1, 0)


def test_a_route_counts_its_last_minute_hour_and_day_and_what_is_left(session: Session) -> None:
    for ago, called, accepted in ((0, 7, 7), (1, 5, 4), (30, 10, 10), (200, 100, 90), (900, 1, 1)):
        session.add(
            RouteMinute(
                channel=Channel.TEMPLATE, app_key="patient", minute=NOON - ago * MINUTE,
                called=called, accepted=accepted,
            )
        )  # fmt: skip
    session.flush()

    one = route(session, Channel.TEMPLATE, "patient")

    assert one.minute == Counted(5, 4)
    assert one.hour == Counted(15, 14)
    assert one.day == Counted(122, 111)
    assert (one.quota, one.left, one.gate) == (100_000, 100_000 - 122, None)


def test_wecom_counts_persons_of_one_app_over_cards_and_texts(session: Session) -> None:
    for name in ("n1", "n2", "n3"):
        factories.practitioner(session, name)
    factories.practitioner(session, "gone", is_active=False)
    for key, minute, called in (
        ("nurse:n1", NOON, 30), ("nurse:n2", NOON - MINUTE, 2), ("nurse:n1", MIDNIGHT - MINUTE, 9),
        ("nurse2:n1", NOON, 8),
    ):  # fmt: skip
        session.add(MemberMinute(recipient_key=key, minute=minute, called=called))
    letter(session, "x", Channel.WECOM_CARD).app_key = "nurse"
    session.flush()

    one = route(session, Channel.WECOM_CARD, "nurse")

    assert (one.quota, one.left) == (600, 568)
    assert one.oldest_due_at == NOON


def test_a_closed_route_is_shown_although_nothing_ever_went_by_it(session: Session) -> None:
    session.add(
        RouteGate(
            channel=Channel.SMS, app_key="-", failures=0, closed=Closed.OURS, closed_at=NOON,
            until=NOON + 10 * MINUTE, told=Closed.OURS,
        )
    )  # fmt: skip
    session.flush()

    gate = route(session, Channel.SMS, "-").gate

    assert gate is not None
    assert (gate.why, gate.since, gate.until) == (Closed.OURS, NOON, NOON + 10 * MINUTE)
    assert gate.is_told
    assert outbox_view.read_route(session, Route(Channel.SMS, ""), NOON, MIDNIGHT) is not None
    assert outbox_view.read_route(session, Route(Channel.SMS, "x"), NOON, MIDNIGHT) is None


def test_a_limit_whose_time_is_over_closes_nothing(session: Session) -> None:
    session.add(
        RouteGate(
            channel=Channel.TEMPLATE, app_key="patient", failures=0, closed=Closed.RATE,
            closed_at=NOON - MINUTE, until=NOON,
        )
    )  # fmt: skip
    session.flush()

    assert route(session, Channel.TEMPLATE, "patient").gate is None


def test_what_waits_is_grouped_by_reason_and_code_the_newest_first(session: Session) -> None:
    rest(session, "a", due_at=NOON - 9 * MINUTE)
    rest(session, "b", due_at=NOON - 8 * MINUTE)
    rest(session, "c", errcode=40037, due_at=NOON - 7 * MINUTE)
    rest(session, "d", state=State.HELD, reason="other", errcode=-9, error_class="other")
    rest(session, "e", state=State.DELIVERED)

    found = outbox_view.read_dead_letters(session)

    assert [(one.group.state, one.group.reason, one.group.errcode, one.count) for one in found] == [
        (State.HELD, "other", -9, 1), (State.DEAD, "content", 40037, 1),
        (State.DEAD, "content", 47003, 2),
    ]  # fmt: skip
    assert found[2].newest_at == NOON - 8 * MINUTE
    assert not any(one.is_more for one in found)
    assert outbox_view.count_at_rest(session) == {State.DEAD: 3, State.HELD: 1}


def test_counts_of_the_newest_say_that_there_are_more(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "SAMPLE", 2)
    for number in range(3):
        rest(session, f"a{number}")

    (one,) = outbox_view.read_dead_letters(session)

    assert (one.count, one.is_more) == (2, True)


def test_a_group_lists_its_own_and_marks_what_may_have_arrived(session: Session) -> None:
    rest(session, "a")
    rest(session, "b", errcode=1)
    rest(session, "c", channel=Channel.SMS, app_key=None)
    rest(session, "d")
    broken = letter(session, "e")
    broken.state, broken.reason, broken.errcode = State.DEAD, "content", 47003
    session.flush()
    session.add(CommunicationAttempt(communication_id=broken.id, claim_token="t", calling_at=NOON))
    session.flush()

    listed = outbox_view.list_messages(
        session, Group(State.DEAD, Channel.TEMPLATE, "patient", "content", 47003)
    )
    by_sms = outbox_view.list_messages(
        session, Group(State.DEAD, Channel.SMS, "-", "content", 47003)
    )

    assert [one.is_doubtful for one in listed] == [True, False, False]
    assert listed[0].public_id == broken.public_id
    assert len(by_sms) == 1
