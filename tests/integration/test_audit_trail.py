"""The trail read back: whole after a crowd has written it, broken wherever it was touched."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.trust.access import Actor
from app.models.trust.audit import record
from app.services.trust.audit_trail import Break, seal, verify
from tests.conftest import NOON

pytestmark = pytest.mark.both_databases

NURSE = Actor("practitioner", 7, "req-1")
CHAIN = 5  # of patient 5


def write(session: Session, count: int = 6, patient_id: int = CHAIN) -> None:
    for number in range(count):
        record(
            session, NURSE, "read", "observation", NOON + timedelta(seconds=number),
            patient_id=patient_id, detail={"number": number},
        )  # fmt: skip


def change(session: Session, statement: str) -> list[Break]:
    """Do what somebody with SQL could do, and read the trail."""
    session.flush()
    assert session.execute(text(statement)).rowcount >= 1  # type: ignore[attr-defined]
    session.expire_all()
    return verify(session)[1]


def places(breaks: list[Break]) -> set[tuple[int, int]]:
    return {(one.chain, one.sequence) for one in breaks}


def test_a_trail_as_it_was_written_has_no_breaks(session: Session) -> None:
    write(session)
    write(session, 3, patient_id=9)
    seal(session, NOON)
    write(session, 2)
    seal(session, NOON + timedelta(hours=1))

    assert verify(session) == (11, [])


def test_an_empty_trail_is_whole_sealed_or_not(session: Session) -> None:
    seal(session, NOON)

    assert verify(session) == (0, [])


def test_an_instant_of_another_zone_is_the_same_instant(session: Session) -> None:
    record(session, NURSE, "read", "patient", NOON.astimezone(HOSPITAL), patient_id=CHAIN)
    session.flush()
    session.expire_all()

    assert verify(session) == (1, [])


@pytest.mark.parametrize(
    "column",
    ["actor_id = 8", "action = 'export'", "patient_id = 6", "origin = 'req-2'",
     "outcome = 'refused'", "detail = '{}'", "entity = 'patient'", "actor_id = NULL",
     "at = '2020-01-01 00:00:00'"],
)  # fmt: skip
def test_an_edited_entry_shows(session: Session, column: str) -> None:
    write(session)

    breaks = change(session, f"UPDATE audit_event SET {column} WHERE chain = 5 AND sequence = 3")

    assert breaks == [Break(CHAIN, 3, "the entry was changed")]


def test_a_deleted_entry_shows_at_the_one_after_it(session: Session) -> None:
    write(session)

    breaks = change(session, "DELETE FROM audit_event WHERE chain = 5 AND sequence = 3")

    assert places(breaks) == {(CHAIN, 4)}


def test_a_deleted_entry_shows_though_the_others_moved_up(session: Session) -> None:
    write(session)
    session.flush()
    session.execute(text("DELETE FROM audit_event WHERE chain = 5 AND sequence = 6"))

    breaks = change(session, "UPDATE audit_head SET sequence = 5 WHERE chain = 5")

    assert places(breaks) == {(CHAIN, 5)}  # the head has the hash of the one that is gone


def test_an_inserted_entry_shows(session: Session) -> None:
    write(session)

    breaks = change(
        session,
        "INSERT INTO audit_event (chain, sequence, at, actor_kind, action, entity, origin,"
        " outcome, detail, previous, hash) SELECT chain, 7, at, actor_kind, action, entity,"
        " origin, outcome, detail, hash, hash FROM audit_event WHERE chain = 5 AND sequence = 6",
    )

    assert Break(CHAIN, 7, "the entry was changed") in breaks


def test_two_entries_that_changed_places_show(session: Session) -> None:
    write(session)
    for before, after in ((3, 103), (4, 3), (103, 4)):
        session.execute(
            text(f"UPDATE audit_event SET sequence = {after} WHERE chain = 5 AND sequence={before}")
        )

    assert {(CHAIN, 3), (CHAIN, 4)} <= places(verify(session)[1])


def test_a_chain_cut_short_shows(session: Session) -> None:
    write(session)

    breaks = change(session, "DELETE FROM audit_event WHERE chain = 5 AND sequence > 4")

    assert breaks == [Break(CHAIN, 6, "gone, though the head knows it")]


def test_a_chain_cut_short_with_its_head_set_back_shows_by_the_seal(session: Session) -> None:
    write(session)
    session.flush()
    seal(session, NOON)
    session.flush()
    session.execute(text("DELETE FROM audit_event WHERE chain = 5 AND sequence > 4"))
    breaks = change(
        session,
        "UPDATE audit_head SET sequence = 4, hash = (SELECT hash FROM audit_event"
        " WHERE chain = 5 AND sequence = 4) WHERE chain = 5",
    )

    assert breaks == [Break(CHAIN, 6, "gone, though a seal knows it")]


def test_a_chain_deleted_with_its_head_shows_by_the_seal(session: Session) -> None:
    write(session)
    seal(session, NOON)
    session.flush()
    session.execute(text("DELETE FROM audit_event"))

    assert change(session, "DELETE FROM audit_head") == [
        Break(CHAIN, 6, "gone, though a seal knows it")
    ]


@pytest.mark.parametrize(
    "what",
    ["at = '2020-01-01 00:00:00'", "heads = '{}'", 'heads = \'{"5": [1, "zz"]}\'',
     "previous = hash"],
)  # fmt: skip
def test_an_edited_seal_shows(session: Session, what: str) -> None:
    write(session)
    seal(session, NOON)

    breaks = change(session, f"UPDATE audit_seal SET {what}")

    assert [one.chain for one in breaks] == [-1]


def test_a_seal_taken_out_of_their_row_shows(session: Session) -> None:
    write(session)
    for hours in range(3):
        seal(session, NOON + timedelta(hours=hours))
        session.flush()

    taken = "DELETE FROM audit_seal WHERE at = '2026-05-04 05:00:00'"
    breaks = change(session, taken if session.get_bind().dialect.name != "sqlite" else
                    "DELETE FROM audit_seal WHERE at LIKE '2026-05-04 05:00:00%'")  # fmt: skip

    assert [one.chain for one in breaks] == [-1]


@pytest.mark.mariadb
def test_a_trail_written_by_eight_at_once_is_whole_at_every_moment(mariadb: Engine) -> None:
    errors: list[BaseException] = []
    writing = threading.Event()
    writing.set()

    def append(worker: int) -> None:
        try:
            for number in range(40):
                with unit_of_work.begin() as session:
                    record(session, NURSE, "read", "patient", NOON, patient_id=number % 3)
        except BaseException as error:
            errors.append(error)

    def keep_sealing() -> None:
        hours = 0
        while writing.is_set():
            hours += 1
            try:
                with unit_of_work.begin() as session:
                    seal(session, NOON + timedelta(hours=hours))
            except OperationalError:
                continue  # a deadlock; the job does it again an hour later

    sealer = threading.Thread(target=keep_sealing)
    threads = [threading.Thread(target=append, args=(n,)) for n in range(8)]
    for thread in (sealer, *threads):
        thread.start()
    found = []
    while any(thread.is_alive() for thread in threads):
        with unit_of_work.begin() as session:
            found.append(verify(session)[1])
    writing.clear()
    for thread in (sealer, *threads):
        thread.join()

    assert not errors
    assert found == [[]] * len(found)
    with unit_of_work.begin() as session:
        assert verify(session) == (320, [])
