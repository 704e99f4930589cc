"""What is seen of the feeds: last message, backlog, refusals, latency, clock; in bounded looks."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, insert
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.intake.feed_health import Watch
from app.models import InboundMessage
from app.models.intake.feed_signs import known_sources, see
from app.services.staff import feed_status
from tests import factories
from tests.conftest import NOON

MINUTE = timedelta(minutes=1)
WATCHES = {"hl7:his": Watch(30 * MINUTE), "wecom:nurse": Watch()}


def statuses(session: Session) -> dict[str, feed_status.SourceStatus]:
    began = NOON - timedelta(hours=12)
    rows = feed_status.read_sources(session, WATCHES, NOON, began, HOSPITAL)
    return {one.source: one for one in rows}


def test_a_source_is_told_by_what_it_sent(session: Session) -> None:
    factories.inbound(session, received_at=NOON - 40 * MINUTE)
    factories.inbound(session, status="held", reason="no-identifier")
    factories.inbound(session, status="received", received_at=NOON - 12 * MINUTE)
    factories.inbound(session, status="received", received_at=NOON - 3 * MINUTE)
    factories.inbound(session, status="processed", received_at=NOON - timedelta(hours=13))
    factories.inbound(session, "fhir:lis", status="processed")

    found = statuses(session)

    his = found["hl7:his"]
    assert list(found) == ["fhir:lis", "hl7:his", "wecom:nurse"]
    assert (his.rejected, his.held, his.backlog, his.today) == (1, 1, 2, 4)
    assert his.seen.signs.last_at == NOON
    assert his.seen.signs.oldest_waiting_at == NOON - 12 * MINUTE
    assert his.silent == timedelta()
    assert (his.seen.signs.recent, his.seen.signs.refused) == (4, 2)
    assert found["wecom:nurse"].seen.signs.last_at is None


def test_latency_is_told_by_its_median_and_its_tail(session: Session) -> None:
    for number in range(100):
        factories.inbound(session, status="processed", answered_ms=number)
    factories.inbound(session, status="processed", answered_ms=None)

    seen = see(session, "hl7:his", NOON)

    assert (seen.sample, seen.median_ms, seen.p95_ms) == (100, 50, 95)


def test_a_clock_that_is_wrong_shows_and_one_late_message_does_not(session: Session) -> None:
    for minutes in (15, 16, 17, 900):
        factories.inbound(session, "hl7:lis", sent_at=NOON - minutes * MINUTE)
    for minutes in (0, 0, 900):
        factories.inbound(session, "hl7:his", sent_at=NOON - minutes * MINUTE)

    lis, his = see(session, "hl7:lis", NOON), see(session, "hl7:his", NOON)

    assert lis.signs.skew == 16.5 * MINUTE
    assert his.signs.skew == timedelta()


def test_sources_are_found_without_counting(session: Session) -> None:
    for source in ("wecom:nurse", "hl7:his", "hl7:his", "table:lis"):
        factories.inbound(session, source)

    assert known_sources(session) == ["hl7:his", "table:lis", "wecom:nurse"]


def test_refused_messages_come_in_pages_and_by_reason(session: Session) -> None:
    for number in range(feed_status.PAGE + 3):
        factories.inbound(session, reason="bad-segment: line 2" if number % 2 else "not-hl7")
    factories.inbound(session, reason="bad-segment-of-another-kind")

    first = feed_status.list_messages(session, "hl7:his", "rejected", None, None)
    second = feed_status.list_messages(session, "hl7:his", "rejected", None, first.before)
    one_reason = feed_status.list_messages(session, "hl7:his", "rejected", "bad-segment", None)

    ids = [row.id for row in (*first.rows, *second.rows)]
    assert (len(first.rows), len(second.rows), second.before) == (feed_status.PAGE, 4, None)
    assert ids == sorted(set(ids), reverse=True)
    assert {row.reason for row in one_reason.rows} == {"bad-segment: line 2"}
    assert feed_status.count_reasons(session, "hl7:his", "rejected") == [
        ("not-hl7", 27), ("bad-segment", 26), ("bad-segment-of-another-kind", 1),
    ]  # fmt: skip


@pytest.mark.mariadb
def test_no_look_at_a_large_table_reads_it_all(mariadb: Engine) -> None:
    """The database counts the rows it reads: a few thousand of 60 000."""
    with unit_of_work.begin() as session:
        factories.inbound(session)
        _fill(session, 60_000)

    with unit_of_work.begin() as session:
        session.connection().exec_driver_sql("ANALYZE TABLE inbound_message")
    with unit_of_work.begin() as session:
        session.connection().exec_driver_sql("FLUSH STATUS")
        see(session, "hl7:his", NOON)
        known_sources(session)
        feed_status.list_messages(session, "hl7:his", "rejected", "not-hl7", None)
        feed_status.count_reasons(session, "hl7:his", "rejected")
        rows = session.connection().exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read%%'")
        read = sum(int(number) for _, number in rows)

    assert read < 15_000


def _fill(session: Session, count: int) -> None:
    rows = [
        {
            "public_id": f"big-{number}",
            "source": "hl7:his" if number % 3 else "hl7:lis",
            "dedupe_key": number.to_bytes(32, "big"),
            "kind": "ADT^A01",
            "body_sealed": b"x",
            "status": "rejected" if number % 4 == 0 else "processed",
            "reason": "not-hl7" if number % 8 else "bad-segment",
            "repeats": 0,
            "tries": 0,
            "received_at": NOON - timedelta(seconds=count - number),
        }
        for number in range(count)
    ]
    for start in range(0, count, 5000):
        session.execute(insert(InboundMessage), rows[start : start + 5000])
