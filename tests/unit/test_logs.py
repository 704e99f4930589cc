"""Logs name nobody: canaries in fields, exceptions and their causes never come out."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from sqlalchemy import create_engine, text

from app import logs
from app.models import Patient

CANARIES = {
    "name": "李测试金丝雀",
    "phone": "12098765432",
    "token": "canary-token-7f3a",
    "glucose": "27.31",
    "openid": "oCanaryOpenid01",
}


@pytest.fixture(autouse=True)
def afterwards() -> Iterator[None]:
    yield
    structlog.contextvars.clear_contextvars()
    logs.configure("test")


def begin() -> Any:
    """Configure the logs inside the test, when the output is caught already."""
    logs.configure("web")
    return structlog.get_logger()


def output(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    return captured.out + captured.err


def assert_clean(text_: str) -> None:
    found = [name for name, canary in CANARIES.items() if canary in text_]
    assert not found, f"{found} came out"
    assert CANARIES["name"].encode("unicode_escape").decode() not in text_


def test_fields_outside_the_list_never_come_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = begin()
    log.info("alert_opened", alert_id=7, **CANARIES, text=CANARIES["name"], body=CANARIES)

    said = output(capsys)
    assert_clean(said)
    line = json.loads(said)
    assert (line["event"], line["alert_id"], line["process"]) == ("alert_opened", 7, "web")
    assert set(line) <= logs.ALLOWED


def test_what_is_bound_to_the_request_passes_the_same_list(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = begin()
    structlog.contextvars.bind_contextvars(request_id="r-1", **CANARIES)
    log.bind(**CANARIES).warning("request_slow")

    said = output(capsys)
    assert_clean(said)
    assert json.loads(said)["request_id"] == "r-1"


def _fail() -> None:
    patient = Patient(name=CANARIES["name"], phone=CANARIES["phone"])
    try:
        raise KeyError(f"token={CANARIES['token']}")
    except KeyError as cause:
        raise ValueError(f"{patient} {CANARIES['name']} glucose {CANARIES['glucose']}") from cause


def test_an_exception_says_what_and_where_and_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = begin()
    for how in ("exc_info", "exception"):
        try:
            _fail()
        except ValueError as error:
            if how == "exc_info":
                log.error("request_failed", exc_info=error)
            else:
                log.exception("request_failed")

        said = output(capsys)
        assert_clean(said)
        line = json.loads(said)
        assert line["exception"] == "ValueError"
        assert line["where"].startswith("test_logs.py:")


def test_a_group_of_exceptions_and_its_notes_say_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = begin()
    inner = ValueError(CANARIES["phone"])
    inner.add_note(CANARIES["name"])
    try:
        raise ExceptionGroup(CANARIES["token"], [inner])
    except ExceptionGroup as error:
        log.error("job_failed", exc_info=error)

    assert_clean(output(capsys))


def test_a_failed_statement_does_not_quote_its_values(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = begin()
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT * FROM nowhere WHERE a = :a"), {"a": CANARIES["name"]})
    except Exception as error:
        log.error("worker_failed", exc_info=error)
    engine.dispose()

    said = output(capsys)
    assert_clean(said)
    assert "OperationalError" in said


@pytest.mark.parametrize("library", ["urllib3", "requests", "sqlalchemy.engine", "werkzeug", "any"])
def test_libraries_say_nothing(capsys: pytest.CaptureFixture[str], library: str) -> None:
    begin()
    one = logging.getLogger(library)
    one.error("GET /cgi-bin?access_token=%s", CANARIES["token"])
    one.warning("row %r", CANARIES)

    assert output(capsys) == ""


def test_a_value_that_json_does_not_know_does_not_break_the_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = begin()
    log.warning("task_missed", task_id=3, reason=Patient(name=CANARIES["name"]))

    said = output(capsys)
    assert_clean(said)
    assert json.loads(said)["task_id"] == 3


def test_the_list_has_no_field_for_what_names_somebody() -> None:
    naming = {"name", "phone", "mobile", "openid", "unionid", "token", "value", "text", "body",
              "content", "note", "title", "id_number", "address", "session_key", "userid",
              "url", "args", "params", "glucose"}  # fmt: skip
    assert not naming & logs.ALLOWED
