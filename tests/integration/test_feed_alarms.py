"""Alarms of feeds: one for each episode, told once, ended when all has been well for a while."""

from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.intake.feed_health import AlarmKind, QuietHours, Watch
from app.domain.outreach.messaging import Channel, Outlets
from app.domain.trust.access import StaffRole
from app.models import Communication, FeedAlarm
from app.services.staff.feed_alarms import watch_source
from app.services.staff.feed_status import count_open_alarms
from tests import factories
from tests.conftest import NOON

MINUTE = timedelta(minutes=1)
WATCH = Watch(30 * MINUTE)
OUTLETS = Outlets(
    mini_program=None, official_account=None, staff_app="nurse", sms=False, subscriptions={},
    templates={}, public_url="https://care.example",
)  # fmt: skip


@pytest.fixture
def operator(session: Session) -> None:
    factories.practitioner(session, "op-li", role=StaffRole.OPERATOR)
    factories.practitioner(session, "op-gone", role=StaffRole.OPERATOR, is_active=False)
    factories.practitioner(session, "nurse-chen")


def look(session: Session, at: datetime, watch: Watch = WATCH, outlets: Outlets = OUTLETS) -> None:
    watch_source(session, "hl7:his", watch, at, HOSPITAL, outlets)
    session.flush()


def look_each_minute(session: Session, begin: datetime, minutes: int) -> None:
    for number in range(minutes):
        look(session, begin + number * MINUTE)


def alarms(session: Session) -> list[FeedAlarm]:
    return list(session.scalars(select(FeedAlarm).order_by(FeedAlarm.id)))


def told(session: Session) -> list[str]:
    rows = session.scalars(select(Communication).order_by(Communication.id))
    return [row.content or "" for row in rows]


def test_silence_is_told_to_the_operators_once(session: Session, operator: None) -> None:
    factories.inbound(session, status="processed")

    look_each_minute(session, NOON, 45)

    (alarm,) = alarms(session)
    (text,) = told(session)
    assert (alarm.kind, alarm.since, alarm.ended_at) == (AlarmKind.SILENT, NOON, None)
    assert alarm.told_at == NOON + 30 * MINUTE
    assert '"userids": ["op-li"]' in text
    assert "hl7:his" in text
    assert "https://care.example/console/feeds" in text
    assert session.scalars(select(Communication.channel)).one() is Channel.WECOM_TEXT
    assert count_open_alarms(session) == {"silent": 1, "backlog": 0, "rejects": 0, "clock": 0}


def test_recovery_ends_the_episode_and_is_told_once(session: Session, operator: None) -> None:
    factories.inbound(session, status="processed")
    look_each_minute(session, NOON, 40)
    back = NOON + 40 * MINUTE
    for number in range(15):
        factories.inbound(session, status="processed", received_at=back + number * MINUTE)
        look(session, back + number * MINUTE)

    (alarm,) = alarms(session)
    assert (alarm.ended_at, alarm.open_key) == (back, None)
    assert ["告警" in text for text in told(session)] == [True, False]
    assert "已恢复正常" in told(session)[1]


def test_a_feed_that_stutters_is_one_episode(session: Session, operator: None) -> None:
    """One message every 35 minutes for a day: told twice (it began, it ended), not 80 times."""
    for number in range(24 * 60):
        at = NOON + number * MINUTE
        if number % 35 == 0:
            factories.inbound(session, status="processed", received_at=at)
        look(session, at)

    assert len(alarms(session)) == 1
    assert len(told(session)) <= 2


def test_the_night_neither_begins_nor_ends_a_silence(session: Session, operator: None) -> None:
    evening = NOON + timedelta(hours=9)  # 21:00
    quiet = replace(WATCH, quiet=QuietHours(time(22), time(6)))
    factories.inbound(session, status="processed", received_at=evening)
    for number in range(0, 20 * 60, 5):
        look(session, evening + number * MINUTE, quiet)

    (alarm,) = alarms(session)
    assert alarm.ended_at is None
    assert len(told(session)) == 1


def test_where_nobody_can_be_told_the_alarm_still_stands(session: Session) -> None:
    factories.inbound(session, status="processed")

    look(session, NOON + 31 * MINUTE)
    assert (len(alarms(session)), alarms(session)[0].told_at, told(session)) == (1, None, [])

    factories.practitioner(session, "op-late", role=StaffRole.OPERATOR)
    look(session, NOON + 32 * MINUTE)
    assert alarms(session)[0].told_at == NOON + 32 * MINUTE


def test_backlog_rejects_and_a_wrong_clock_are_episodes_of_their_own(
    session: Session, operator: None
) -> None:
    factories.inbound(session, status="received", received_at=NOON - 20 * MINUTE)
    for _ in range(12):
        factories.inbound(session, sent_at=NOON - 15 * MINUTE)

    look(session, NOON)

    assert {alarm.kind for alarm in alarms(session)} == {
        AlarmKind.BACKLOG, AlarmKind.REJECTS, AlarmKind.CLOCK,
    }  # fmt: skip
    assert len(told(session)) == 3
    backlog = next(alarm for alarm in alarms(session) if alarm.kind is AlarmKind.BACKLOG)
    assert backlog.since == NOON - 20 * MINUTE


def test_an_alarm_names_nobody(session: Session, operator: None) -> None:
    factories.inbound(session, status="received", received_at=NOON - 20 * MINUTE)
    look(session, NOON)

    assert "李卡纳" not in "".join(told(session))
