"""A hospital's views become a record: nothing lost, nothing twice, what is gone withdrawn."""

import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.integrations.tables.drivers import SourceUnavailable, open_source
from app.models import InboundMessage, KnownRow, Observation, Patient, PatientIdentifier, TableFeed
from app.services.intake import interpret_pending, interpret_stored
from app.services.intake.table_feeds import Overtaken, claim_table, store_rows
from app.services.intake.table_sync import (
    Outcome,
    Pace,
    Reading,
    reconcile_table,
    sync_table,
)
from tests.conftest import NOON, ROOT, SECRET_KEY, empty
from tests.integration.hospital_view import HospitalView, Opened, hospital, open_hospital

__all__ = ["hospital", "open_hospital"]

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def _committed(database: Engine) -> None:
    """Every test here commits, and leaves an empty database."""


def sync(view: HospitalView, at: datetime, table: str = "lab_result", **more: Any) -> Reading:
    reading = sync_table(unit_of_work, view.table(table, **more), Pace(lambda: at))
    assert reading.outcome is Outcome.DONE
    return reading


def reconcile(view: HospitalView, at: datetime, table: str = "lab_result", **more: Any) -> Reading:
    return reconcile_table(unit_of_work, view.table(table), Pace(lambda: at), **more)


def interpret(view: HospitalView, at: datetime) -> Counter[str]:
    """Interpret what is kept; return how the messages of the tables stand."""
    while interpret_pending(unit_of_work, view.read, at + MINUTE, 1000):
        pass
    with unit_of_work() as session:
        return Counter(session.scalars(select(InboundMessage.status)))


def current() -> dict[tuple[str, str], str]:
    """Return what the record says now: patient and order → value; nothing that was withdrawn."""
    with unit_of_work() as session:
        numbers = {one.patient_id: one.value for one in session.scalars(select(PatientIdentifier))}
        kept = session.scalars(select(Observation).where(Observation.is_current))
        found = [
            ((numbers[one.patient_id] or "", one.order_number or ""), str(one.value.normalize()))
            for one in kept
            if one.status != "entered-in-error" and one.value is not None
        ]
        assert len(found) == len(dict(found)), "a result stands twice"
        return dict(found)


def messages() -> int:
    with unit_of_work() as session:
        return session.scalar(select(func.count()).select_from(InboundMessage)) or 0


def feed(name: str = "lab_result") -> TableFeed:
    with unit_of_work() as session:
        return session.scalars(select(TableFeed).filter_by(name=name)).one()


# ------------------------------------------------------------------------------- reading


def test_a_first_reading_brings_every_row_and_a_second_none(hospital: HospitalView) -> None:
    hospital.patient("0001", NOON - DAY)
    hospital.results(range(1, 26), NOON - DAY)

    people = sync(hospital, NOON, "patient")
    first = sync(hospital, NOON, page_rows=7)
    second = sync(hospital, NOON + MINUTE, page_rows=7)

    assert (people.counts.new, first.counts.new, first.rows) == (1, 25, 25)
    assert (second.counts.new, second.counts.changed, second.counts.unchanged) == (0, 0, 25)
    assert interpret(hospital, NOON) == {"processed": 26}
    assert len(current()) == 25
    with unit_of_work() as session:
        assert session.scalars(select(Patient)).one().name == "李测试"


def test_padding_does_not_part_a_person_from_their_results(hospital: HospitalView) -> None:
    hospital.patient("0001        ", NOON - HOUR)
    hospital.result(1, NOON - HOUR, BRID="0001")

    sync(hospital, NOON, "patient")
    sync(hospital, NOON)
    interpret(hospital, NOON)

    with unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(Patient)) == 1


def test_rows_of_one_second_are_all_read_whatever_the_page_border(hospital: HospitalView) -> None:
    hospital.results(range(1, 101), NOON - HOUR)

    reading = sync(hospital, NOON, page_rows=9)

    assert reading.counts.new == 100


def test_only_rows_that_say_something_new_become_messages(hospital: HospitalView) -> None:
    hospital.results(range(1, 11), NOON - HOUR)
    sync(hospital, NOON)

    hospital.result(3, NOON + MINUTE, "7.7")
    hospital.result(4, NOON + MINUTE)  # touched, and says the same
    reading = sync(hospital, NOON + 2 * MINUTE)

    assert (reading.counts.changed, reading.counts.unchanged) == (1, 9)
    interpret(hospital, NOON + 2 * MINUTE)
    assert current()["0001", "S3"] == "7.7"


def test_a_row_that_becomes_visible_late_is_found_within_the_overlap(
    open_hospital: Opened,
) -> None:
    view = open_hospital(overlap="PT2H")
    view.result(1, NOON)
    sync(view, NOON + MINUTE)

    view.result(2, NOON - 90 * MINUTE)  # written then, committed now
    view.result(3, NOON - 150 * MINUTE)
    sync(view, NOON + 2 * MINUTE)

    interpret(view, NOON + 3 * MINUTE)
    assert set(current()) == {("0001", "S1"), ("0001", "S2")}
    # What the overlap is too short for, the night brings.
    reconcile(view, NOON + HOUR)
    interpret(view, NOON + HOUR)
    assert set(current()) == {("0001", "S1"), ("0001", "S2"), ("0001", "S3")}


def test_two_versions_of_one_second_end_with_the_one_seen_later(hospital: HospitalView) -> None:
    for value in ("5.1", "9.9", "1.1", "9.9"):
        hospital.result(1, NOON - MINUTE, value)
        sync(hospital, NOON + messages() * MINUTE)
        interpret(hospital, NOON + HOUR)

        assert current() == {("0001", "S1"): value}
    assert messages() == 4


@pytest.mark.parametrize("skew", [-10 * MINUTE, 10 * MINUTE])
def test_a_hospitals_clock_that_is_wrong_loses_and_reverts_nothing(
    skew: timedelta, hospital: HospitalView
) -> None:
    for step in range(6):
        at = NOON + step * 3 * MINUTE
        hospital.result(1, at + skew, f"{step}.5")
        hospital.result(10 + step, at + skew)
        sync(hospital, at + MINUTE)

    interpret(hospital, NOON + HOUR)
    assert current()["0001", "S1"] == "5.5"
    assert len(current()) == 7


def test_a_row_dated_in_the_far_future_does_not_move_the_watermark_there(
    hospital: HospitalView,
) -> None:
    hospital.result(1, datetime(2099, 1, 1, tzinfo=NOON.tzinfo))
    sync(hospital, NOON)
    hospital.result(2, NOON + MINUTE)

    sync(hospital, NOON + 2 * MINUTE)

    interpret(hospital, NOON + HOUR)
    assert len(current()) == 2
    assert feed().watermark_at is not None
    assert feed().watermark_at <= NOON + 2 * MINUTE


def test_a_table_without_a_time_of_writing_is_read_whole(open_hospital: Opened) -> None:
    view = open_hospital()
    table = view.table("lab_result", page_rows=3)
    plain = type(table)(table.mapping, _without_watermark(table.table), table.engine, 3)
    view.results(range(1, 9), NOON)

    first = sync_table(unit_of_work, plain, Pace(lambda: NOON))
    view.result(2, NOON, "8.8")
    second = sync_table(unit_of_work, plain, Pace(lambda: NOON + HOUR))

    assert (first.counts.new, second.counts.changed, second.counts.unchanged) == (8, 1, 7)


def _without_watermark(table: Any) -> Any:
    from dataclasses import replace

    return replace(table, watermark=None)


def test_what_was_stored_can_be_replayed_from_itself_alone(hospital: HospitalView) -> None:
    hospital.result(1, NOON - HOUR)
    sync(hospital, NOON)
    hospital.delete(1)
    with unit_of_work() as session:
        (message_id,) = session.scalars(select(InboundMessage.id)).all()

    settled = interpret_stored(unit_of_work, message_id, hospital.read, NOON)

    assert settled.status == "processed"
    assert current() == {("0001", "S1"): "5.1"}


def test_nothing_of_a_patient_stands_readable_beside_the_sealed_row(hospital: HospitalView) -> None:
    hospital.patient("0001", NOON - HOUR)
    sync(hospital, NOON, "patient")

    with unit_of_work() as session:
        message = session.scalars(select(InboundMessage)).one()
        assert (message.source, message.kind) == ("table:his", "patient")
        assert "李测试" not in repr(vars(message))
        assert "0001" not in (message.control_id or "")
        assert "李测试".encode() in (message.body or "").encode("latin-1")


# ------------------------------------------------------------------------------- interrupted


def test_a_stopped_reading_goes_on_behind_its_last_page(hospital: HospitalView) -> None:
    hospital.results(range(1, 31), NOON - HOUR)
    pages: list[int] = []
    pace = Pace(lambda: NOON, lambda: len(pages) >= 2, lambda reading: pages.append(reading.rows))

    stopped = sync_table(unit_of_work, hospital.table(page_rows=10), pace)
    rest = sync(hospital, NOON + MINUTE, page_rows=10)

    assert (stopped.outcome, stopped.counts.new) == (Outcome.STOPPED, 20)
    assert (rest.counts.new, rest.counts.unchanged) == (10, 0)


def test_what_was_written_behind_a_long_interruption_is_read(open_hospital: Opened) -> None:
    view = open_hospital(overlap="PT2H")
    view.results(range(1, 21), NOON - HOUR)
    pages: list[int] = []
    pace = Pace(lambda: NOON, lambda: len(pages) >= 1, lambda reading: pages.append(reading.rows))
    sync_table(unit_of_work, view.table(page_rows=10), pace)

    # Visible only now, dated before where the reading stands; and the next reading is late.
    view.result(99, NOON - 61 * MINUTE)
    view.result(100, NOON + 10 * HOUR)
    sync(view, NOON + 11 * HOUR, page_rows=10)
    sync(view, NOON + 12 * HOUR, page_rows=10)

    interpret(view, NOON + DAY)
    assert len(current()) == 22


def test_two_processes_never_read_one_table_together(hospital: HospitalView) -> None:
    with unit_of_work.begin() as session:
        claim = claim_table(session, "table:his", "lab_result", NOON)
    assert claim is not None

    assert sync_table(unit_of_work, hospital.table(), Pace(lambda: NOON)).outcome is Outcome.BUSY

    _lapse()
    sync(hospital, NOON)
    with pytest.raises(Overtaken), unit_of_work.begin() as session:
        store_rows(session, claim, (), lambda *_: None, NOON)  # type: ignore[arg-type,return-value]


def _lapse() -> None:
    """Let the claim of a process that is gone run out."""
    with unit_of_work.begin() as session:
        session.execute(update(TableFeed).values(held_until=NOON - 365 * DAY))


def test_a_source_that_fails_leaves_what_was_stored_and_gives_the_table_back(
    hospital: HospitalView,
) -> None:
    hospital.result(1, NOON - HOUR)
    sync(hospital, NOON)
    hospital.write("ALTER TABLE JYJG RENAME TO AWAY")

    with pytest.raises(SourceUnavailable, match="来源数据库没有应答") as refused:
        sync_table(unit_of_work, hospital.table(), Pace(lambda: NOON))

    assert "JYJG" not in str(refused.value)
    hospital.write("ALTER TABLE AWAY RENAME TO JYJG")
    assert sync(hospital, NOON + MINUTE).counts.unchanged == 1


KILLED = """
import base64, os, signal, sys
from datetime import datetime, UTC
from app import encryption
from app.database import make_engine, unit_of_work
from app.integrations.tables.database import DatabaseTable
from app.integrations.tables.drivers import open_source
from app.services.intake import table_sync
from tests.integration.hospital_view import view_mapping

ours, theirs, key, when, pages = sys.argv[1:]
encryption.use(encryption.Keyring({"t1": base64.b64decode(key)}, "hospital"))
unit_of_work.configure(bind=make_engine(ours))
reader = open_source(theirs, 10)
mapping = view_mapping(reader.dialect.name)
table = DatabaseTable(mapping, mapping.table("lab_result"), reader, 10)
seen = []

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def progress(reading):
    seen.append(reading.rows)
    if len(seen) == int(pages) and when == "between":
        die()

if when == "within":
    # Rows are written, the page is not yet committed.
    real = table_sync.move_on
    def move_on(session, *rest):
        real(session, *rest)
        session.flush()
        if len(seen) + 1 == int(pages):
            die()
    table_sync.move_on = move_on
now = datetime(2026, 5, 4, 4, 0, tzinfo=UTC)
table_sync.sync_table(unit_of_work, table, table_sync.Pace(lambda: now, on_progress=progress))
"""


@pytest.mark.parametrize("when", ["between", "within"])
@pytest.mark.parametrize("pages", [1, 3])
def test_a_reading_killed_at_a_page_loses_and_doubles_nothing(
    when: str, pages: int, hospital: HospitalView, database: Engine
) -> None:
    hospital.results(range(1, 46), NOON - HOUR)
    child = subprocess.run(
        [
            sys.executable, "-c", KILLED,
            database.url.render_as_string(hide_password=False), hospital.url, SECRET_KEY, when,
            str(pages),
        ],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert child.returncode == -9, child.stderr

    _lapse()
    sync(hospital, NOON + MINUTE, page_rows=10)

    with unit_of_work() as session:
        bodies = [one.body for one in session.scalars(select(InboundMessage))]
    assert len(bodies) == len(set(bodies)) == 45
    interpret(hospital, NOON + HOUR)
    assert len(current()) == 45


# ------------------------------------------------------------------------------- vanished


def test_a_deleted_row_is_withdrawn_at_night(hospital: HospitalView) -> None:
    hospital.results(range(1, 11), NOON - HOUR)
    sync(hospital, NOON)
    interpret(hospital, NOON)
    hospital.delete(4)

    assert sync(hospital, NOON + HOUR).counts.withdrawn == 0
    reading = reconcile(hospital, NOON + 2 * HOUR)

    assert (reading.outcome, reading.vanished, reading.counts.withdrawn) == (Outcome.DONE, 1, 1)
    interpret(hospital, NOON + 2 * HOUR)
    assert ("0001", "S4") not in current()
    assert len(current()) == 9
    assert reconcile(hospital, NOON + 3 * HOUR).vanished == 0


def test_a_row_that_comes_back_stands_again(hospital: HospitalView) -> None:
    hospital.results(range(1, 11), NOON - HOUR)
    for turn in range(3):
        at = NOON + turn * DAY
        sync(hospital, at)
        hospital.delete(4)
        reconcile(hospital, at + HOUR)
        interpret(hospital, at + HOUR)
        assert ("0001", "S4") not in current()

        # With its old time of writing: no watermark shows it.
        hospital.result(4, NOON - HOUR, f"{turn}.5")
        reconcile(hospital, at + 2 * HOUR)
        interpret(hospital, at + 2 * HOUR)

        assert current()["0001", "S4"] == f"{turn}.5"


def test_a_result_of_the_wrong_patient_moves_to_the_right_one(hospital: HospitalView) -> None:
    hospital.result(1, NOON - HOUR, BRID="0001")
    sync(hospital, NOON)
    interpret(hospital, NOON)

    for turn, number in enumerate(["0002", "0001", "0002"], start=1):
        hospital.result(1, NOON + turn * MINUTE, BRID=number)
        sync(hospital, NOON + turn * MINUTE)
        interpret(hospital, NOON + turn * MINUTE)

        assert current() == {(number, "S1"): "5.1"}


def test_an_approval_that_is_taken_back_is_followed(hospital: HospitalView) -> None:
    for turn, (status, value) in enumerate([("1", "5.1"), ("0", "5.1"), ("1", "5.3")]):
        hospital.result(1, NOON + turn * MINUTE, value, ZT=status)
        sync(hospital, NOON + turn * MINUTE)
    interpret(hospital, NOON + HOUR)

    assert current() == {("0001", "S1"): "5.3"}


def test_a_person_who_vanished_is_counted_and_never_deleted(hospital: HospitalView) -> None:
    for number in range(1, 41):
        hospital.patient(f"{number:04}", NOON - HOUR)
    sync(hospital, NOON, "patient")
    hospital.write("DELETE FROM BRXX WHERE BRID = '0001'")

    reading = reconcile(hospital, NOON + HOUR, "patient")

    assert (reading.vanished, reading.counts.withdrawn) == (1, 0)
    assert interpret(hospital, NOON + HOUR) == {"processed": 40}
    assert feed("patient").vanished == 1


@pytest.mark.parametrize(
    ("kept", "gone", "outcome"),
    [(100, 5, Outcome.DONE), (100, 6, Outcome.HALTED), (0, 2, Outcome.HALTED)],
)
def test_too_many_vanished_rows_are_taken_for_a_fault_of_the_view(
    kept: int, gone: int, outcome: Outcome, hospital: HospitalView
) -> None:
    hospital.results(range(1, kept + gone + 1), NOON - HOUR)
    sync(hospital, NOON)
    hospital.write("DELETE FROM JYJG WHERE ID <= :gone", gone=gone)

    reading = reconcile(hospital, NOON + HOUR)

    is_done = outcome is Outcome.DONE
    assert (reading.outcome, reading.vanished) == (outcome, gone)
    assert reading.counts.withdrawn == (gone if is_done else 0)
    assert (feed().halt is None) is is_done


def test_an_operator_who_knows_better_may_withdraw_more(hospital: HospitalView) -> None:
    hospital.results(range(1, 21), NOON - HOUR)
    sync(hospital, NOON)
    hospital.write("DELETE FROM JYJG WHERE ID <= 15")

    assert reconcile(hospital, NOON + HOUR, most=14).outcome is Outcome.HALTED
    reading = reconcile(hospital, NOON + HOUR, most=15)

    assert (reading.outcome, reading.counts.withdrawn) == (Outcome.DONE, 15)
    assert feed().halt is None


def test_what_leaves_a_view_for_its_age_is_not_withdrawn(open_hospital: Opened) -> None:
    view = open_hospital(vanishing={"horizon": "P30D"})
    view.result(1, NOON - 29 * DAY)
    view.results(range(2, 40), NOON - DAY)
    sync(view, NOON)
    view.delete(1, 2)

    reading = reconcile(view, NOON + DAY)

    assert (reading.vanished, reading.counts.withdrawn) == (1, 1)
    interpret(view, NOON + DAY)
    assert ("0001", "S1") in current()
    assert ("0001", "S2") not in current()


def test_a_reconcile_that_is_stopped_withdraws_nothing_wrongly(hospital: HospitalView) -> None:
    hospital.results(range(1, 31), NOON - HOUR)
    sync(hospital, NOON)
    hospital.delete(1)
    pages: list[int] = []
    pace = Pace(lambda: NOON, lambda: bool(pages), lambda reading: pages.append(reading.rows))

    stopped = reconcile_table(unit_of_work, hospital.table(page_rows=10), pace)

    assert (stopped.outcome, stopped.counts.withdrawn) == (Outcome.STOPPED, 0)
    assert reconcile(hospital, NOON + HOUR).counts.withdrawn == 1


def test_a_row_without_a_time_of_writing_comes_at_night(hospital: HospitalView) -> None:
    hospital.result(1, NOON - HOUR)
    hospital.write("UPDATE JYJG SET GXSJ = NULL")

    assert sync(hospital, NOON).rows == 0
    assert reconcile(hospital, NOON + HOUR).counts.new == 1


# ------------------------------------------------------------------------------- the source


def test_a_source_can_only_be_read(hospital: HospitalView) -> None:
    hospital.result(1, NOON)

    with hospital.reader.connect() as connection, pytest.raises(Exception, match=r"(?i)read"):
        connection.exec_driver_sql("DELETE FROM JYJG")


def test_a_statement_that_takes_too_long_is_ended(hospital: HospitalView) -> None:
    quick = open_source(hospital.url, 1)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n"
    if quick.dialect.name != "sqlite":
        endless = "SELECT COUNT(*) FROM seq_1_to_1000000 a JOIN seq_1_to_1000000 b"

    with quick.connect() as connection, pytest.raises(Exception, match=r"(?i)interrupt"):
        connection.exec_driver_sql(endless).all()
    quick.dispose()


def test_no_transaction_of_ours_is_open_while_theirs_is(
    hospital: HospitalView, monkeypatch: pytest.MonkeyPatch, database: Engine
) -> None:
    hospital.results(range(1, 4), NOON - HOUR)
    table = hospital.table(page_rows=2)
    in_use: list[int] = []
    fetch = type(table)._fetch

    def watched(self: Any, statement: Any) -> Any:
        in_use.append(database.pool.checkedout())  # type: ignore[attr-defined]
        return fetch(self, statement)

    monkeypatch.setattr(type(table), "_fetch", watched)
    sync_table(unit_of_work, table, Pace(lambda: NOON))
    hospital.delete(1)
    reconcile_table(unit_of_work, table, Pace(lambda: NOON))

    assert len(in_use) >= 5
    assert set(in_use) == {0}


# ------------------------------------------------------------------------------- property

KEYS = st.integers(min_value=1, max_value=5)
DEEDS = st.lists(
    st.one_of(
        st.tuples(
            st.just("write"), KEYS, st.sampled_from(["1.5", "2.5", "3.5"]),
            st.sampled_from(["0001", "0002"]), st.sampled_from("012"), st.sampled_from("01"),
        ),
        st.tuples(st.just("delete"), KEYS),
        st.tuples(st.just("sync")),
        st.tuples(st.just("reconcile")),
        st.tuples(st.just("interpret")),
    ),
    max_size=25,
)  # fmt: skip


@settings(
    max_examples=25,
    deadline=None,
    # To shrink a failure would take longer than to read it: each example fills two databases.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(deeds=DEEDS)
def test_whatever_happens_in_between_the_record_ends_as_the_table_does(
    deeds: list[Any], hospital: HospitalView, database: Engine
) -> None:
    """As many syncs, nights and interpretations in between as there may be change nothing."""
    empty(database)
    hospital.write("DELETE FROM JYJG")
    at = NOON
    for deed, *what in deeds:
        at += MINUTE
        if deed == "write":
            key, value, number, status, revoked = what
            hospital.result(key, at, value, BRID=number, ZT=status, CXBZ=revoked)
        elif deed == "delete":
            hospital.delete(*what)
        elif deed == "sync":
            sync(hospital, at, page_rows=2)
        elif deed == "reconcile":
            reconcile(hospital, at, most=100)
        else:
            interpret(hospital, at)
    sync(hospital, at + MINUTE, page_rows=2)
    reconcile(hospital, at + 2 * MINUTE, most=100)
    interpret(hospital, at + HOUR)
    reached = current()

    empty(database)
    sync(hospital, at + 2 * HOUR)
    interpret(hospital, at + 3 * HOUR)

    assert reached == current()


def test_known_rows_hold_no_plain_hash_of_a_number(hospital: HospitalView, tmp_path: Path) -> None:
    """Keys are numbers of patients and orders: a bare hash of them is soon guessed."""
    import hashlib

    hospital.patient("0001", NOON - HOUR)
    sync(hospital, NOON, "patient")

    with Session(unit_of_work.kw["bind"]) as session:
        (kept,) = session.scalars(select(KnownRow.key_digest)).all()
    assert kept != hashlib.sha256(b"0001").digest()
