"""Every sender against a real receiver, however that answers."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, create_engine, text

from app.domain.exchange.answers import Verdict
from app.domain.exchange.delivering import Broken, CallError, Taken
from app.domain.exchange.documents import (
    AppointmentCancellation,
    Content,
    OutgoingDocument,
    Subject,
)
from app.domain.intake.hospital_records import Gender, Identifier
from app.integrations.bounded_http import Bounds
from app.integrations.his.fhir import fhir_sender
from app.integrations.his.hl7_messages import Dialect
from app.integrations.his.mllp import Door, mllp_sender
from app.integrations.his.table import Agreement, InterfaceTable
from tests.conftest import NOON, create_database
from tests.integration.hospital_systems import (
    Call,
    HttpSystem,
    MllpSystem,
    Reply,
    ack,
    running,
)
from tests.integration.requests import BOOKING, POTASSIUM, TOLD
from tests.services import free_port

SHANGHAI = ZoneInfo("Asia/Shanghai")
USUAL = Bounds(answer=4096)
# For who never answers, so that the tests need not wait the usual bounds out.
HASTY = Bounds(connect=1.0, read=0.4, total=0.8)
DIALECT = Dialect("HIS", "HOSPITAL", charset="gb18030", zone=SHANGHAI)
WHO = Subject((Identifier("HIS", "MR", "P0001"),), "李测试", Gender.FEMALE, date(1961, 3, 9))


def now() -> datetime:
    return NOON


def document(content: Content = POTASSIUM, number: str = "CL0123456789ABCDEF") -> OutgoingDocument:
    return OutgoingDocument(number, content, WHO, NOON)


@pytest.fixture
def emr() -> Iterator[HttpSystem]:
    system = HttpSystem()
    with running(system):
        yield system


@pytest.fixture
def his() -> Iterator[MllpSystem]:
    system = MllpSystem()
    with running(system):
        yield system


def by_fhir(emr: HttpSystem, content: Content = POTASSIUM, bounds: Bounds = USUAL) -> object:
    return fhir_sender(f"{emr.url}/fhir/", "word", SHANGHAI, now, bounds)(document(content))


def by_mllp(his: MllpSystem, bounds: Bounds = USUAL) -> object:
    return mllp_sender(Door("127.0.0.1", his.port), DIALECT, now, bounds)(document())


def test_a_fhir_server_gets_one_resource_that_a_repeat_finds_again(emr: HttpSystem) -> None:
    assert by_fhir(emr) == Taken()
    assert by_fhir(emr) == Taken()

    first, second = emr.calls
    assert (first.method, first.path) == ("POST", "/fhir/ServiceRequest")
    assert first.headers["Content-Type"] == "application/fhir+json"
    assert first.headers["Authorization"] == "Bearer word"
    assert "CL0123456789ABCDEF" in first.headers["If-None-Exist"]
    assert first.body == second.body
    assert json.loads(first.body)["subject"]["identifier"]["value"] == "P0001"
    assert list(emr.effects.values()) == [1]


def test_a_fhir_server_that_books_at_once_answers_in_the_same_breath(emr: HttpSystem) -> None:
    booked = {
        "resourceType": "Appointment", "status": "booked",
        "identifier": [
            {"system": "urn:careloop:outbound", "value": "CL0123456789ABCDEF"},
            {"system": "HIS", "value": "B77"},
        ],
    }  # fmt: skip
    emr.answer = lambda call: Reply(201, json.dumps(booked).encode())

    outcome = by_fhir(emr, BOOKING)

    assert isinstance(outcome, Taken)
    assert outcome.answer is not None
    assert (outcome.answer.verdict, outcome.answer.filler) == (Verdict.ACCEPTED, "B77")


def test_a_cancellation_updates_the_booking_by_its_number(emr: HttpSystem) -> None:
    emr.answer = lambda call: Reply(200, b'{"resourceType":"Appointment","status":"cancelled"}')

    outcome = by_fhir(emr, AppointmentCancellation(placer="CL00000000000000AA"))

    (call,) = emr.calls
    assert (call.method, call.path.split("?")[0]) == ("PUT", "/fhir/Appointment")
    assert call.path.endswith("CL00000000000000AA")
    assert isinstance(outcome, Taken)
    assert outcome.answer is not None
    assert outcome.answer.verdict is Verdict.COMPLETED


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply(200, b""), Taken()),
        (Reply(422), Broken(CallError.CONTENT, 422)),
        (Reply(412), Broken(CallError.CONTENT, 412)),
        (Reply(401), Broken(CallError.UNAUTHORISED, 401)),
        (Reply(429), Broken(CallError.BUSY, 429)),
        (Reply(500), Broken(CallError.BUSY, 500)),
        (Reply(302, headers={"Location": "/fhir/elsewhere"}), Broken(CallError.AMBIGUOUS, 302)),
        (Reply(200, b"<html>proxy</html>"), Broken(CallError.AMBIGUOUS, 200)),
        (Reply(200, b"[1]"), Broken(CallError.AMBIGUOUS, 200)),
        (Reply(200, b'{"a": 1}' * 100, cut=40), Broken(CallError.AMBIGUOUS, 200)),
        (Reply(200, b" " * 5000), Broken(CallError.AMBIGUOUS, 200)),
    ],
    ids=lambda one: str(one)[:40],
)
def test_a_fhir_answer_says_what_becomes_of_the_document(
    emr: HttpSystem, reply: Reply, outcome: object
) -> None:
    emr.answer = lambda call: reply

    assert by_fhir(emr) == outcome
    assert len(emr.calls) == 1  # no redirect is followed, nothing is repeated in here


def test_a_fhir_server_that_does_not_answer_is_left_in_time(emr: HttpSystem) -> None:
    emr.answer = lambda call: Reply(200, pause=2.0)

    assert by_fhir(emr, bounds=HASTY) == Broken(CallError.AMBIGUOUS)


def test_an_hl7_system_gets_the_message_and_says_aa(his: MllpSystem) -> None:
    assert by_mllp(his) == Taken()
    assert by_mllp(his) == Taken()

    assert his.messages[0] == his.messages[1]
    assert "李测试".encode("gb18030") in his.messages[0]
    assert dict(his.effects) == {"CL0123456789ABCDEF": 1}


def test_an_hl7_system_that_answers_with_the_order_accepts_or_refuses_it(his: MllpSystem) -> None:
    his.answer = lambda m: ack(m, "AA", "ORC|OK|CL0123456789ABCDEF^CARELOOP|F77^HIS")
    accepted = by_mllp(his)
    his.answer = lambda m: ack(m, "AA", "ORC|UA|CL0123456789ABCDEF||||||||||||||^无此项目")
    refused = by_mllp(his)

    assert isinstance(accepted, Taken)
    assert isinstance(refused, Taken)
    assert accepted.answer is not None
    assert refused.answer is not None
    assert (accepted.answer.verdict, accepted.answer.filler) == (Verdict.ACCEPTED, "F77")
    assert (refused.answer.verdict, refused.answer.reason) == (Verdict.REFUSED, "无此项目")


@pytest.mark.parametrize(
    ("code", "more", "outcome"),
    [
        ("CA", (), Taken()),
        ("AE", ("ERR||PID^1^3|207|E",), Broken(CallError.BUSY, 207)),
        ("CE", (), Broken(CallError.BUSY)),
        ("AR", ("ERR||MSH^1^9|200|E||||不支持",), Broken(CallError.CONTENT, 200)),
        ("CR", ("ERR|MSH^1^9^201&x",), Broken(CallError.CONTENT, 201)),
        ("AR", ("ERR|||李测试",), Broken(CallError.CONTENT)),
    ],
)
def test_an_acknowledgement_says_what_becomes_of_the_document(
    his: MllpSystem, code: str, more: tuple[str, ...], outcome: object
) -> None:
    his.answer = lambda message: ack(message, code, *more)

    assert by_mllp(his) == outcome


def _other(message: bytes) -> bytes:
    return ack(message).replace(b"CL0123456789ABCDEF", b"CL0000000000000000")


@pytest.mark.parametrize(
    "answer",
    [
        lambda message: b"",
        lambda message: None,
        lambda message: b"HTTP/1.0 400 Bad Request\r\n\r\n",
        lambda message: b"\x0bhello\x1c\r",
        lambda message: ack(message)[:30],
        lambda message: b"\x0b" + b"x" * 10_000,
        _other,
        lambda message: ack(message, "XX")[:-2],
    ],
    ids=["closed", "silent", "http", "no-hl7", "half", "endless", "another-message", "torn"],
)
def test_an_answer_that_tells_nothing_leaves_open_what_happened(
    his: MllpSystem, answer: object
) -> None:
    his.answer = answer  # type: ignore[assignment]

    assert by_mllp(his, HASTY) == Broken(CallError.AMBIGUOUS)


def test_nothing_has_left_where_nobody_listens() -> None:
    port = free_port()
    fhir = fhir_sender(f"http://127.0.0.1:{port}", None, SHANGHAI, now, HASTY)
    mllp = mllp_sender(Door("127.0.0.1", port), DIALECT, now, HASTY)

    assert fhir(document()) == Broken(CallError.NOT_SENT)
    assert mllp(document()) == Broken(CallError.NOT_SENT)
    nameless = fhir_sender("http://nobody.invalid", None, SHANGHAI, now, HASTY)
    assert nameless(document()) == Broken(CallError.NOT_SENT)


def test_a_charset_without_the_character_is_a_fault_of_the_settings(his: MllpSystem) -> None:
    poor = replace(DIALECT, charset="latin-1")

    outcome = mllp_sender(Door("127.0.0.1", his.port), poor, now, HASTY)(document())

    assert outcome == Broken(CallError.CONTENT)
    assert his.messages == []


# ------------------------------------------------------------------------------------- tables

COLUMNS = {
    "number": "req_no", "kind": "req_type", "patient_number": "card_no", "patient_name": "name",
    "code": "item", "authored_at": "req_time", "text": "memo",
}  # fmt: skip
AGREED = Agreement(
    "outer_request", COLUMNS, constants={"src": "CARELOOP"}, status_column="state",
    filler_column="his_no", reason_column="remark",
    verdicts={"1": Verdict.ACCEPTED, "2": Verdict.REFUSED},
)  # fmt: skip


@pytest.fixture(params=["mariadb", "sqlite"])
def interface(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a second database, another vendor's, with the agreed table."""
    if request.param == "mariadb":
        url = create_database(request.getfixturevalue("mariadb_url"), "his_interface")
    else:
        url = f"sqlite:///{tmp_path / 'his.sqlite3'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TABLE outer_request (req_no CHAR(20) NOT NULL UNIQUE, req_type VARCHAR(30),"
                " card_no VARCHAR(30) NOT NULL, name VARCHAR(50), item VARCHAR(30),"
                " req_time DATETIME, memo VARCHAR(2000), src VARCHAR(10),"
                " state CHAR(2) DEFAULT '0', his_no VARCHAR(30), remark VARCHAR(100))"
            )
        )
    engine.dispose()
    return url


def rows(url: str) -> list[dict[str, object]]:
    engine = create_engine(url)
    with engine.begin() as connection:
        found = connection.execute(text("SELECT * FROM outer_request")).mappings().all()
    engine.dispose()
    return [dict(row) for row in found]


def do(url: str, statement: str) -> None:
    engine: Engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_a_table_gets_one_row_however_often_it_is_sent(interface: str) -> None:
    table = InterfaceTable(interface, AGREED, SHANGHAI)

    outcomes = [table.send(document()) for _ in range(3)]

    table.close()
    assert outcomes == [Taken()] * 3
    (row,) = rows(interface)
    assert str(row["req_no"]).strip() == "CL0123456789ABCDEF"
    assert (row["card_no"], row["name"], row["item"]) == ("P0001", "李测试", "K01")
    assert str(row["req_time"]).startswith("2026-05-04 12:00:00")
    assert row["src"] == "CARELOOP"


def test_a_table_whose_owner_forgot_the_unique_key_gets_one_row_too(interface: str) -> None:
    do(interface, "CREATE TABLE keyless (req_no CHAR(20), card_no VARCHAR(30))")
    agreed = Agreement("keyless", {"number": "req_no", "patient_number": "card_no"})
    table = InterfaceTable(interface, agreed, SHANGHAI)

    outcomes = [table.send(document()) for _ in range(3)]

    table.close()
    assert outcomes == [Taken()] * 3
    engine = create_engine(interface)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT COUNT(*) FROM keyless")).scalar() == 1
    engine.dispose()


def test_a_previsit_record_in_a_table_is_marked_as_the_patients_words(interface: str) -> None:
    table = InterfaceTable(interface, AGREED, SHANGHAI)

    table.send(document(TOLD))

    table.close()
    (row,) = rows(interface)
    assert str(row["memo"]).startswith("【患者自述】\n主诉：口渴多饮2周")


def test_the_status_column_is_read_back(interface: str) -> None:
    table = InterfaceTable(interface, AGREED, SHANGHAI)
    numbers = [f"CL000000000000000{n}" for n in range(3)]
    for number in numbers:
        table.send(document(number=number))
    do(interface, f"UPDATE outer_request SET state='1', his_no='F7' WHERE req_no='{numbers[0]}'")
    do(interface, f"UPDATE outer_request SET state='2', remark='停诊' WHERE req_no='{numbers[1]}'")

    answers = {one.number: one for one in table.answers(numbers, NOON)}

    table.close()
    assert set(answers) == set(numbers[:2])
    assert (answers[numbers[0]].verdict, answers[numbers[0]].filler) == (Verdict.ACCEPTED, "F7")
    assert (answers[numbers[1]].verdict, answers[numbers[1]].reason) == (Verdict.REFUSED, "停诊")


def test_a_row_that_their_rules_refuse_is_no_success(interface: str) -> None:
    table = InterfaceTable(interface, AGREED, SHANGHAI)
    nameless = replace(document(), subject=replace(WHO, identifiers=()))

    outcome = table.send(nameless)

    table.close()
    assert outcome == Broken(CallError.CONTENT)
    assert rows(interface) == []


def test_a_table_that_is_gone_is_tried_again(interface: str) -> None:
    do(interface, "DROP TABLE outer_request")
    table = InterfaceTable(interface, AGREED, SHANGHAI)

    outcome = table.send(document())

    table.close()
    assert outcome == Broken(CallError.BUSY)


def test_a_database_that_does_not_answer_got_nothing() -> None:
    url = f"mysql+pymysql://nobody:nothing@127.0.0.1:{free_port()}/his"
    table = InterfaceTable(url, AGREED, SHANGHAI)

    assert table.send(document()) == Broken(CallError.NOT_SENT)
    table.close()


def test_a_mapping_without_our_number_is_refused() -> None:
    with pytest.raises(ValueError, match="number"):
        Agreement("t", {"kind": "k"})
    with pytest.raises(ValueError, match="weight"):
        Agreement("t", {"number": "n", "weight": "w"})


def test_the_call_is_named_by_its_number_alone_in_what_the_server_sees(emr: HttpSystem) -> None:
    by_fhir(emr)

    call: Call = emr.calls[0]
    assert "P0001" not in call.path
    assert "P0001" not in str(call.headers)
