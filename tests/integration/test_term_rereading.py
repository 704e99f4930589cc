"""From a word nobody knows to a value that rules judge: queue, decision, reading again."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from sqlalchemy import Engine, select

from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.trust.access import Actor
from app.integrations.feeds import Feeds
from app.integrations.hl7.envelope import glimpse_header, identify
from app.integrations.hl7.interpret import Reader
from app.integrations.hl7.source import Source
from app.models import (
    Department,
    Encounter,
    InboundMessage,
    Observation,
    Patient,
    TermKind,
    TermStatus,
    UnmappedTerm,
)
from app.models.profile.patient_facts import load_facts
from app.services.intake import Arrival, interpret_stored, receive, replay
from app.services.staff.term_mapping import resolve_term
from app.services.staff.term_queue import find_term
from jobs.term_rereading import reread_terms
from tests.conftest import NOON
from tests.unit.hl7.messages import admission, result

READ = Feeds({"hl7": Reader([Source("his")])})
OPERATOR = Actor("operator", None, "cli")
CREATININE = "14682-9"


def send(body: bytes) -> int:
    header, _ = glimpse_header(body, None)
    arrival = Arrival("hl7:his", identify(body, header), header.kind, header.control_id, "10.0.0.7")
    with unit_of_work.begin() as session:
        message_id = receive(session, arrival, body, NOON).id
    settled = interpret_stored(unit_of_work, message_id, READ, NOON)
    assert settled.status == "processed", settled
    return message_id


def creatinine(value: str, control_id: str, status: str = "F", unit: str = "mg/dL") -> bytes:
    return result(
        f"OBX|1|NM|1001^血肌酐^L||{value}|{unit}|0.5-1.1||||{status}|||20260504070000",
        control_id=control_id,
        sent="20260504083000",
    )


def term_of(code: str) -> UnmappedTerm:
    with unit_of_work.begin() as session:
        return session.scalars(select(UnmappedTerm).filter_by(code=code)).one()


def decide(code: str, target: str) -> int:
    with unit_of_work.begin() as session:
        term = session.scalars(select(UnmappedTerm.public_id).filter_by(code=code)).one()
        return resolve_term(session, term, target, OPERATOR, NOON).messages


def read_again() -> None:
    def again(message_ids: Sequence[int]) -> None:
        replay(unit_of_work, message_ids, READ, NOON)

    while reread_terms(again, lambda: NOON):
        pass


def current() -> Observation:
    with unit_of_work.begin() as session:
        return session.scalars(select(Observation).filter_by(is_current=True)).one()


def judged() -> list[Decimal | None]:
    with unit_of_work.begin() as session:
        patient_id = session.scalars(select(Patient.id)).one()
        facts = load_facts(session, patient_id, NOON, HOSPITAL)
        return [seen.value for seen in facts.observations.get(CREATININE, ())]


def test_an_unknown_test_is_queued_then_mapped_then_judged(database: Engine) -> None:
    send(creatinine("7.4", "M1"))
    assert judged() == []
    assert (term_of("1001").uses, term_of("1001").unit) == (1, "mg/dL")

    assert decide("1001", CREATININE) == 1
    read_again()

    row = current()
    assert (row.code, row.local_code) == (CREATININE, "1001")
    assert (row.value, row.unit) == (Decimal("7.4"), "mg/dL")
    assert (row.standard_value, row.standard_unit) == (Decimal("654.2"), "umol/L")
    assert judged() == [Decimal("654.2")]
    with unit_of_work.begin() as session:
        line = find_term(session, term_of("1001").public_id)
    assert line.status is TermStatus.MAPPED
    assert line.progress is not None
    assert line.progress.left == 0


def test_a_correction_stays_current_after_both_versions_are_read_again(database: Engine) -> None:
    send(creatinine("7.4", "M1"))
    send(creatinine("0.9", "M2", "C").replace(b"20260504083000", b"20260504093000"))

    assert decide("1001", CREATININE) == 2
    read_again()

    assert judged() == [Decimal("79.6")]
    with unit_of_work.begin() as session:
        kept = session.scalars(select(Observation).order_by(Observation.id)).all()
    assert [row.code for row in kept] == [CREATININE, CREATININE]
    assert [row.is_current for row in kept] == [None, True]


def test_a_wrong_decision_is_taken_back_by_the_next_one(database: Engine) -> None:
    send(creatinine("7.4", "M1"))
    decide("1001", "2823-3")
    read_again()
    assert current().code == "2823-3"
    assert current().standard_value is None

    decide("1001", CREATININE)
    read_again()

    assert judged() == [Decimal("654.2")]


def test_a_unit_of_the_sources_own_is_mapped(database: Engine) -> None:
    send(creatinine("654", "M1", unit="微摩"))
    decide("1001", CREATININE)
    read_again()
    assert judged() == []

    assert decide("微摩", "umol/L") == 1
    read_again()

    assert judged() == [Decimal(654)]
    assert current().unit == "微摩"


def test_a_department_becomes_ours(database: Engine) -> None:
    with unit_of_work.begin() as session:
        session.add(Department(code="endo", name="内分泌科"))
    send(admission())
    with unit_of_work.begin() as session:
        sent = session.scalars(select(UnmappedTerm).filter_by(kind=TermKind.DEPARTMENT)).one()

    assert decide(sent.code, "endo") == 1
    read_again()

    with unit_of_work.begin() as session:
        visit = session.scalars(select(Encounter)).one()
    assert (visit.department_code, visit.department_name) == ("endo", "内分泌科")


def test_a_purged_message_is_not_asked_for(database: Engine) -> None:
    message_id = send(creatinine("7.4", "M1"))
    with unit_of_work.begin() as session:
        session.delete(session.get_one(InboundMessage, message_id))

    assert decide("1001", CREATININE) == 0
    read_again()


@pytest.mark.parametrize("unit", ["", "109/L"])
def test_a_value_without_a_known_unit_is_kept_and_never_judged(database: Engine, unit: str) -> None:
    send(creatinine("7.4", "M1", unit=unit))
    decide("1001", CREATININE)
    read_again()

    assert current().value == Decimal("7.4")
    assert judged() == []
