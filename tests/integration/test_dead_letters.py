"""What waits for a person is sent again where that is safe, or cancelled; who did it is kept."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import MayHaveArrived, MessageSettled, MessageTooOld, NotFound
from app.domain.outreach.messaging import (
    Accepted,
    Channel,
    CommunicationState,
    ErrorClass,
    Failure,
    Outcome,
)
from app.domain.outreach.sending_deeds import By, DeedKind, Group
from app.models import Communication, SendingDeed
from app.models.outreach.subscription_ledger import balance
from app.services.outreach import dead_letters, outbox
from tests import factories
from tests.conftest import NOON
from tests.integration.postbox import TEMPLATE, account, call, letter, with_right

State = CommunicationState
BAD_TEMPLATE = Failure(ErrorClass.CONTENT, 40037)
SILENCE = Failure(ErrorClass.AMBIGUOUS)
NOBODY = By()
LATER = NOON + timedelta(hours=1)


def answer(session: Session, outcome: Outcome, now: datetime = NOON) -> int:
    token, ids = call(session, now)
    outbox.settle(session, token, dict.fromkeys(ids, outcome), now)
    session.flush()
    session.expire_all()
    return len(ids)


def lose(session: Session) -> Communication:
    """A message whose call broke off and of which no receipt came."""
    one = letter(session, "lost", Channel.SUBSCRIPTION)
    answer(session, SILENCE)
    outbox.sweep(session, NOON + timedelta(minutes=20))
    session.flush()
    return one


def deeds(session: Session) -> list[tuple[DeedKind, int, str | None]]:
    rows = session.scalars(select(SendingDeed).order_by(SendingDeed.id))
    return [(row.kind, row.messages, row.why) for row in rows]


def group_of(row: Communication) -> Group:
    return Group(row.state, row.channel, row.app_key or "-", row.reason, row.errcode)


def test_all_of_one_reason_are_sent_again_as_if_they_were_new(session: Session) -> None:
    rows = [letter(session, who) for who in "abc"]
    assert answer(session, BAD_TEMPLATE) == 3
    other = letter(session, "d")
    assert answer(session, Failure(ErrorClass.CONTENT, 47003)) == 1

    assert dead_letters.replay_group(session, group_of(rows[0]), NOBODY, LATER) == 3
    session.expire_all()

    assert [(row.state, row.tries, row.reason, row.errcode) for row in rows] == [
        (State.QUEUED, 0, None, None)
    ] * 3
    assert answer(session, Accepted("p"), LATER) == 3
    assert {row.state for row in rows} == {State.SENT}
    assert other.state is State.DEAD
    assert deeds(session) == [(DeedKind.REPLAY, 3, None)]


def test_a_group_is_taken_in_steps_and_its_end_is_told(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "AT_ONCE", 2)
    row, *_ = [letter(session, who) for who in "abc"]
    answer(session, BAD_TEMPLATE)
    group = group_of(row)

    taken = [dead_letters.replay_group(session, group, NOBODY, LATER) for _ in range(3)]

    assert taken == [2, 1, 0]
    assert [count for _, count, _ in deeds(session)] == [2, 1]


def test_what_may_have_arrived_is_not_sent_again_with_the_others(session: Session) -> None:
    lost = lose(session)
    assert (lost.state, lost.reason) == (State.DEAD, "no-receipt")

    assert dead_letters.replay_group(session, group_of(lost), NOBODY, LATER) == 0
    assert lost.state is State.DEAD
    assert deeds(session) == []


def test_one_that_may_have_arrived_wants_a_reason(session: Session) -> None:
    lost = lose(session)
    nurse = factories.practitioner(session)

    with pytest.raises(MayHaveArrived):
        dead_letters.replay(session, lost.public_id, NOBODY, LATER)
    assert lost.state is State.DEAD
    why = By(nurse.id, "电话确认患者没有收到")
    dead_letters.replay(session, lost.public_id, why, LATER)

    assert answer(session, Accepted("p"), LATER) == 1
    assert lost.state is State.SENT
    assert deeds(session) == [(DeedKind.REPLAY_DOUBTFUL, 1, "电话确认患者没有收到")]


def test_a_right_is_spent_once_more_for_a_message_sent_again(session: Session) -> None:
    user = account(session, rights=2)
    one = with_right(session, user)
    answer(session, BAD_TEMPLATE)
    assert balance(session, user.id, TEMPLATE) == 2  # the refused call gave it back

    dead_letters.replay(session, one.public_id, NOBODY, LATER)
    answer(session, Accepted("p"), LATER)

    assert one.state is State.SENT
    assert balance(session, user.id, TEMPLATE) == 1


def test_what_is_past_its_time_is_not_sent_again(session: Session) -> None:
    old = letter(session, "a", expires_at=NOON + timedelta(minutes=30))
    answer(session, BAD_TEMPLATE)

    with pytest.raises(MessageTooOld):
        dead_letters.replay(session, old.public_id, By(why="还要再发"), LATER)
    assert dead_letters.replay_group(session, group_of(old), NOBODY, LATER) == 0
    assert old.state is State.DEAD


def test_what_does_not_wait_for_a_person_is_left_alone(session: Session) -> None:
    queued = letter(session, "a")

    for verb in (dead_letters.replay, dead_letters.cancel):
        with pytest.raises(MessageSettled):
            verb(session, queued.public_id, By(why="不需要了"), NOON)
        with pytest.raises(NotFound):
            verb(session, "nobody", By(why="不需要了"), NOON)


def test_cancelled_messages_go_nowhere_and_wait_for_nobody(session: Session) -> None:
    one, *others = (letter(session, who) for who in "abc")
    answer(session, Failure(ErrorClass.OTHER, -99))
    assert one.state is State.HELD
    group = group_of(one)

    dead_letters.cancel(session, one.public_id, By(why="已电话通知"), LATER)
    count = dead_letters.cancel_group(session, group, By(why="模板下线"), LATER)
    session.expire_all()

    assert count == 2
    assert {row.state for row in (one, *others)} == {State.CANCELLED}
    assert answer(session, Accepted("p"), LATER) == 0
    assert deeds(session) == [
        (DeedKind.CANCEL, 1, "已电话通知"), (DeedKind.CANCEL, 2, "模板下线"),
    ]  # fmt: skip
