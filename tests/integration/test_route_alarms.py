"""Operators are told of a closed route once, of what passes by itself not at all."""

import json
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.outreach.gates import Closed
from app.domain.outreach.messaging import Channel, CommunicationState, Outlets
from app.domain.trust.access import StaffRole
from app.models import Communication, Event, MemberMinute, RouteGate, RouteMinute
from app.services.staff import route_alarms
from jobs import chores
from jobs.reactions import REACTIONS
from tests import factories
from tests.conftest import NOON
from tests.integration.postbox import letter
from tests.integration.ward import WORK

OUTLETS = Outlets(staff_app="nurse", public_url="https://care.example")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def operator(session: Session) -> None:
    factories.practitioner(session, "op-li", role=StaffRole.OPERATOR)
    factories.practitioner(session, "op-gone", role=StaffRole.OPERATOR, is_active=False)
    factories.practitioner(session, "nurse-chen")


def close(session: Session, why: Closed, at: datetime = NOON) -> RouteGate:
    gate = RouteGate(
        channel=Channel.TEMPLATE, app_key="patient", failures=10, closed=why, closed_at=at,
        until=at + MINUTE,
    )  # fmt: skip
    session.add(gate)
    session.flush()
    return gate


def look(session: Session, at: datetime, outlets: Outlets = OUTLETS) -> None:
    route_alarms.watch_routes(session, at, HOSPITAL, outlets)
    session.flush()


def told(session: Session) -> list[str]:
    rows = session.scalars(
        select(Communication)
        .where(Communication.channel == Channel.WECOM_TEXT)
        .order_by(Communication.id)
    )
    return [json.loads(row.content or "{}")["text"] for row in rows]


@pytest.mark.parametrize("why", [Closed.OURS, Closed.TOKEN, Closed.QUOTA])
def test_what_needs_a_person_is_told_at_once_and_once(
    session: Session, operator: None, why: Closed
) -> None:
    gate = close(session, why)

    for minute in range(5):
        look(session, NOON + minute * MINUTE)

    (text,) = told(session)
    assert "公众号消息 · patient暂停发送" in text
    assert "05-04 12:00 起" in text
    assert "https://care.example/console/sending" in text
    assert gate.told is why
    content = session.scalars(select(Communication)).one().content
    assert json.loads(content or "{}")["userids"] == ["op-li"]


def test_what_is_down_is_told_when_it_stays_down(session: Session, operator: None) -> None:
    close(session, Closed.DOWN)

    look(session, NOON + timedelta(seconds=119))
    assert told(session) == []
    look(session, NOON + 2 * MINUTE)
    assert len(told(session)) == 1


@pytest.mark.parametrize("why", [Closed.RATE, Closed.PAUSED])
def test_a_full_minute_and_a_pause_by_hand_are_not_told(
    session: Session, operator: None, why: Closed
) -> None:
    gate = close(session, why)
    look(session, NOON + timedelta(hours=1))
    gate.closed = gate.closed_at = gate.until = None
    look(session, NOON + timedelta(hours=2))

    assert told(session) == []


def test_an_opening_is_told_to_those_who_heard_of_the_closing(
    session: Session, operator: None
) -> None:
    gate = close(session, Closed.TOKEN)
    look(session, NOON)
    gate.closed = gate.closed_at = gate.until = None
    for minute in (10, 11):
        look(session, NOON + minute * MINUTE)
    assert ["恢复" in text for text in told(session)] == [False, True]

    gate.closed, gate.closed_at = Closed.TOKEN, NOON + 20 * MINUTE
    look(session, NOON + 20 * MINUTE)
    assert len(told(session)) == 3


def test_where_nobody_can_be_told_it_is_told_when_somebody_can(session: Session) -> None:
    gate = close(session, Closed.OURS)
    look(session, NOON)
    assert gate.told is None

    factories.practitioner(session, "op-li", role=StaffRole.OPERATOR)
    look(session, NOON + MINUTE, Outlets())
    assert told(session) == []
    look(session, NOON + 2 * MINUTE)
    assert len(told(session)) == 1


def test_the_event_of_a_closing_reaches_the_operators(session: Session, operator: None) -> None:
    close(session, Closed.OURS)
    (reaction,) = (one for one in REACTIONS if "route.closed" in one.kinds)

    reaction.handle(WORK, session, Event.of("route.closed", NOON, channel="template"))

    assert len(told(session)) == 1


def die(session: Session, count: int, at: datetime, state: str = "dead") -> None:
    for number in range(count):
        one = letter(session, f"{state}-{at:%M}-{number}")
        one.state = CommunicationState(state)
        session.add(Event.of("communication.failed", at, communication_id=one.id))
    session.flush()


def test_many_deaths_in_an_hour_are_told_once_an_hour(session: Session, operator: None) -> None:
    def look_on(minute: int) -> int:
        route_alarms.watch_dead_letters(session, NOON + minute * MINUTE, OUTLETS)
        session.flush()
        return len(told(session))

    die(session, 15, NOON - 5 * MINUTE)
    die(session, 30, NOON, "refused")  # people who do not want messages
    die(session, 20, NOON)
    assert look_on(10) == 0
    die(session, 1, NOON + 11 * MINUTE)
    assert look_on(12) == 1
    die(session, 9, NOON + 13 * MINUTE)
    assert look_on(14) == 1
    assert look_on(70) == 1
    assert "超过 20 条" in told(session)[0]


def test_old_figures_are_purged_and_a_month_of_them_stays(database: Engine) -> None:
    with unit_of_work.begin() as session:
        for days in (1, 34, 36):
            at = NOON - timedelta(days=days)
            session.add(RouteMinute(channel=Channel.SMS, app_key="-", minute=at, called=1))
        for hours in (1, 47, 49):
            at = NOON - timedelta(hours=hours)
            session.add(MemberMinute(recipient_key="nurse:n1", minute=at, called=1))

    chores.purge_sessions(WORK, NOON)

    with unit_of_work.begin() as session:
        days = {(NOON - at).days for at in session.scalars(select(RouteMinute.minute))}
        ages = {NOON - at for at in session.scalars(select(MemberMinute.minute))}
    assert days == {1, 34}
    assert ages == {timedelta(hours=1), timedelta(hours=47)}
