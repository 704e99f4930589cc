"""Messages read again by hand: held and rejected ones, and all of a source whose words changed."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.models import (
    ConceptMapping,
    Condition,
    Event,
    InboundMessage,
    Observation,
    Patient,
    TermKind,
)
from app.services.intake import Settled, hold, interpret_stored, replay
from tests.conftest import NOON
from tests.integration.test_intake import READ, arrive
from tests.unit.hl7.messages import PID, PV1, admission, message, result

LATER = NOON + timedelta(hours=1)
RESULT = result("OBX|1|NM|XTEST^自定项目^99X||5.6|mmol/L||||F", control_id="R1")
DIAGNOSED = message(
    "EVN|A08|20260504", PID, PV1, "DG1|1||D01^院内诊断^99D||20260504|F",
    kind="ADT^A08", control_id="D1",
)  # fmt: skip


def kept(*bodies: bytes) -> list[int]:
    with unit_of_work.begin() as session:
        ids = []
        for body in bodies:
            message_ = arrive(session, body)
            session.flush()
            ids.append(message_.id)
    for number in ids:
        interpret_stored(unit_of_work, number, READ, NOON)
    return ids


def means(session: Session, kind: TermKind, code: str, target: str, system: str) -> None:
    session.add(
        ConceptMapping(
            source="his",
            kind=kind,
            code=code,
            target_system=system,
            target_code=target,
            starts_on=date(2020, 1, 1),
            decided_at=datetime(2026, 5, 4, tzinfo=UTC),
        )
    )


def kinds(session: Session) -> list[str]:
    return list(session.scalars(select(Event.kind).order_by(Event.id)))


def test_a_word_that_got_a_meaning_changes_the_code_and_nothing_else(database: Engine) -> None:
    ids = kept(RESULT, DIAGNOSED)
    with unit_of_work.begin() as session:
        assert session.scalars(select(Observation.code)).all() == ["XTEST"]
        means(session, TermKind.OBSERVATION, "XTEST", "15074-8", "http://loinc.org")
        means(session, TermKind.CONDITION, "D01", "E11.9", "http://hl7.org/fhir/sid/icd-10")
        before = kinds(session)
        version = session.scalars(select(Observation.version)).one()

    assert replay(unit_of_work, ids, READ, LATER) == 2
    assert replay(unit_of_work, ids, READ, LATER) == 2

    with unit_of_work() as session:
        (row,) = session.scalars(select(Observation))
        assert (row.local_code, row.value, row.version) == ("XTEST", Decimal("5.6"), version)
        assert row.code != "XTEST"
        assert row.standard_value is not None
        (condition,) = session.scalars(select(Condition))
        assert (condition.code, condition.local_code) == ("E11.9", "D01")
        assert kinds(session) == [*before, "observation.recorded", "condition.renamed"]


def test_a_message_that_was_held_is_released(database: Engine) -> None:
    (number,) = kept(admission())
    with unit_of_work.begin() as session:
        hold(session.get_one(InboundMessage, number), ZeroDivisionError(), NOON)
    seen: list[tuple[int, Settled]] = []

    replay(unit_of_work, [number], READ, LATER, lambda *what: seen.append(what))

    assert [(one, settled.status) for one, settled in seen] == [(number, "processed")]
    with unit_of_work() as session:
        assert session.get_one(InboundMessage, number).status == "processed"
        assert session.scalars(select(Patient)).one().name == "李测试"


def test_a_message_that_breaks_the_reader_again_is_held_and_the_next_is_read(
    database: Engine,
) -> None:
    ids = kept(admission(), RESULT)

    def read(source: str, body: bytes) -> object:
        if b"ADT" in body:
            raise ZeroDivisionError("李测试")
        return READ(source, body)

    replay(unit_of_work, ids, read, LATER)  # type: ignore[arg-type]

    with unit_of_work() as session:
        rows = {row.id: (row.status, row.reason) for row in session.scalars(select(InboundMessage))}
        assert rows[ids[0]] == ("held", "error:ZeroDivisionError")
        assert rows[ids[1]][0] == "processed"
