"""The compiled vocabulary follows every decision; the queue counts what it does not explain."""

import threading
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain.intake.terminology import LOINC, Unmapped
from app.models import ConceptMapping, Department, TermKind, TermStatus, UnmappedTerm
from app.models.intake.vocabulary import note_unmapped, vocabulary
from tests.conftest import NOON

TODAY = date(2026, 5, 4)
K = Unmapped(TermKind.OBSERVATION, "K", "钾", "mmol/L")
NA = Unmapped(TermKind.OBSERVATION, "NA", "钠", "mmol/L")


def decide(session: Session, code: str = "K", target: str = "2823-3") -> ConceptMapping:
    row = ConceptMapping(
        source="his", kind=TermKind.OBSERVATION, code=code, target_system=LOINC,
        target_code=target, starts_on=date(1900, 1, 1), decided_at=NOON,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def meaning(session: Session, code: str = "K") -> str | None:
    found = vocabulary(session).meaning("his", TermKind.OBSERVATION, code, TODAY)
    return found.code if found else None


def test_a_decision_is_known_at_once_and_compiled_once(session: Session) -> None:
    assert meaning(session) is None
    decide(session)

    assert meaning(session) == "2823-3"
    assert vocabulary(session) is vocabulary(session)


def test_a_replaced_or_withdrawn_decision_is_forgotten(session: Session) -> None:
    first = decide(session)
    assert meaning(session) == "2823-3"
    session.delete(first)
    session.flush()
    decide(session, target="2951-2")
    assert meaning(session) == "2951-2"
    session.execute(ConceptMapping.__table__.delete())  # type: ignore[attr-defined]

    assert meaning(session) is None


def test_departments_are_part_of_it(session: Session) -> None:
    department = Department(code="endo", name="内分泌科")
    session.add(department)
    session.flush()
    assert vocabulary(session).departments == {"endo": "内分泌科"}

    department.name = "内分泌代谢科"
    session.flush()
    assert vocabulary(session).departments == {"endo": "内分泌代谢科"}


def test_the_queue_counts_uses_and_keeps_the_first_day(session: Session) -> None:
    note_unmapped(session, "hl7:his", [NA, K, K], NOON)
    note_unmapped(session, "hl7:his", [K], NOON + timedelta(hours=1))
    note_unmapped(session, "hl7:lis", [K], NOON)
    note_unmapped(session, "hl7:his", [], NOON)

    rows = session.scalars(select(UnmappedTerm).order_by(UnmappedTerm.id)).all()
    assert sorted((row.source, row.code, row.uses) for row in rows) == [
        ("his", "K", 3), ("his", "NA", 1), ("lis", "K", 1),
    ]  # fmt: skip
    k = next(row for row in rows if row.uses == 3)
    assert (k.display, k.unit, k.status) == ("钾", "mmol/L", TermStatus.OPEN)
    assert k.last_seen_at - k.first_seen_at == timedelta(hours=1)


@pytest.mark.parametrize(
    ("status", "then"),
    [(TermStatus.MAPPED, TermStatus.OPEN), (TermStatus.IGNORED, TermStatus.IGNORED)],
)
def test_what_is_unexplained_again_is_open_again_unless_ignored(
    session: Session, status: TermStatus, then: TermStatus
) -> None:
    note_unmapped(session, "his", [K], NOON)
    term = session.scalars(select(UnmappedTerm)).one()
    term.status = status
    session.flush()

    note_unmapped(session, "his", [K], NOON)

    session.refresh(term)
    assert (term.status, term.uses) == (then, 2)


@pytest.mark.mariadb
def test_batches_that_meet_in_the_same_codes_do_not_deadlock(mariadb: Engine) -> None:
    codes = [Unmapped(TermKind.OBSERVATION, f"T{n}") for n in range(40)]
    failures: list[Exception] = []

    def feed(order: list[Unmapped]) -> None:
        try:
            for _ in range(10):
                with unit_of_work.begin() as session:
                    note_unmapped(session, "his", order, NOON)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=feed, args=(codes[::step],)) for step in (1, -1, 1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    with unit_of_work.begin() as session:
        assert {row.uses for row in session.scalars(select(UnmappedTerm))} == {40}
