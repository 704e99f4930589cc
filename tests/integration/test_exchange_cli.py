"""`python -m app.cli exchange …` and `webhook …`: what operators see and what is audited."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from app.cli.commands import main
from app.database import unit_of_work
from app.domain.exchange.documents import DocumentKind, DocumentStatus
from app.domain.trust.access import StaffRole
from app.models import AuditEvent, OutboundDelivery, OutboundDocument, Patient, Webhook
from app.services.exchange import handing_over
from app.settings import Settings
from tests import factories
from tests.conftest import NOON, SECRET_KEYS
from tests.integration.requests import known_patient
from wiring import hospital_targets

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    database: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run a verb against the database of the test; returns exit status, output and errors."""
    monkeypatch.setenv("CARELOOP_SECRET_KEYS", SECRET_KEYS)
    url = database.url.render_as_string(hide_password=False)
    monkeypatch.setenv("CARELOOP_DATABASE_URL", url)

    def once(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(arguments)
        printed = capsys.readouterr()
        unit_of_work.configure(bind=database)
        return status, printed.out.strip(), printed.err

    return once


def exam(patient: str, *more: str) -> list[str]:
    return [
        "exchange", "request-exam", "--patient", patient, "--code", "K01", "--name", "血钾",
        "--subject", "alert:1", "--by", "nurse-1", *more,
    ]  # fmt: skip


def audited() -> list[tuple[str, str]]:
    with unit_of_work.begin() as session:
        rows = session.execute(
            select(AuditEvent.action, AuditEvent.actor_kind).order_by(AuditEvent.at, AuditEvent.id)
        )
        return [(action, kind) for action, kind in rows]


def test_a_nurse_asks_signs_and_takes_back(run: Run) -> None:
    with unit_of_work.begin() as session:
        patient = known_patient(session).public_id
        factories.practitioner(session, "nurse-1")
        factories.practitioner(session, "operator-1", role=StaffRole.OPERATOR)

    status, printed, _ = run(*exam(patient))
    again = run(*exam(patient))[1]
    number = printed.split()[0]
    refused = run("exchange", "approve", number, "--by", "operator-1")
    signed = run("exchange", "approve", number, "--by", "NURSE-1")
    shown = run("exchange", "show")[1]
    cancelled = run("exchange", "cancel", number)

    assert (status, printed.split()[1]) == (0, "draft")
    assert again == printed
    assert refused[0] == 1
    assert "签署" in refused[2]
    assert signed[:2] == (0, "approved")
    assert number in shown
    assert "approved" in shown
    assert cancelled[:2] == (0, "cancelled")
    assert audited() == [
        ("create", "practitioner"), ("approve", "practitioner"), ("cancel", "operator"),
    ]  # fmt: skip


def test_a_document_that_failed_is_sent_again_by_its_number(run: Run) -> None:
    with unit_of_work.begin() as session:
        patient = known_patient(session).public_id
        factories.practitioner(session, "nurse-1")
    number = run(*exam(patient))[1].split()[0]
    run("exchange", "approve", number, "--by", "nurse-1")
    with unit_of_work.begin() as session:
        handing_over.queue_approved(session, {DocumentKind.EXAM_REQUEST: "his"}, NOON)
    early = run("exchange", "retry", number)
    with unit_of_work.begin() as session:
        session.scalars(select(OutboundDelivery)).one().state = "dead"
        session.scalars(select(OutboundDocument)).one().status = DocumentStatus.FAILED

    status, printed, _ = run("exchange", "retry", number)

    assert early[0] == 1
    assert (status, printed) == (0, "queued again")
    assert run("exchange", "retry", "CL0")[0] == 1
    listed = run("exchange", "show", "--state", "queued")[1]
    assert number in listed


def test_a_webhook_is_added_rotated_tested_and_ended_and_all_of_it_is_audited(run: Run) -> None:
    url = "https://bus.hospital.example/hook?key=CANARY"

    status, secret, _ = run("webhook", "add", "bus", url, "--event", "alert.opened")
    rotated = run("webhook", "rotate", "bus")[1]
    tested = run("webhook", "test", "bus")
    listed = run("webhook", "list")[1]
    run("webhook", "disable", "bus")
    ended = run("webhook", "list")[1]
    after = run("webhook", "test", "bus")
    run("webhook", "enable", "bus")

    assert status == 0
    assert secret.startswith("whsec_")
    assert rotated != secret
    assert tested[0] == 0
    assert "active" in listed
    assert "alert.opened" in listed
    assert "disabled (operator)" in ended
    assert after[0] == 1
    for said in (listed, ended, run("exchange", "show")[1]):
        assert "CANARY" not in said
        assert secret not in said
    assert [action for action, _ in audited()] == ["create", "rotate", "test", "disable", "enable"]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("webhook", "add", "bus", "ftp://x/", "--event", "alert.opened"), 2),
        (("webhook", "add", "bus", "https://x/", "--event", "alert.sneezed"), 1),
        (("webhook", "add", "bus", "https://x/"), 2),
        (("webhook", "rotate", "nobody"), 1),
        (("exchange", "cancel", "CL0"), 1),
        (("exchange", "approve", "CL0", "--by", "nobody"), 1),
    ],
)
def test_a_call_that_makes_no_sense_changes_nothing(
    run: Run, arguments: tuple[str, ...], status: int
) -> None:
    assert run(*arguments)[0] == status

    with unit_of_work.begin() as session:
        assert session.scalars(select(Webhook.id)).all() == []
        assert session.scalars(select(Patient.id)).all() == []
    assert audited() == []


def test_settings_become_targets(tmp_path: Path) -> None:
    exchange = {
        "fhir": [{"name": "emr", "kinds": ["previsit-record"], "base_url": "http://emr.test"}],
        "hl7": [
            {
                "name": "his", "kinds": ["exam-request"], "host": "10.0.8.20", "port": 2575,
                "receiving_application": "HIS", "receiving_facility": "H", "charset": "gb18030",
            }
        ],
        "tables": [
            {
                "name": "booking", "kinds": ["appointment-request"], "url": f"sqlite:///{tmp_path}/his",
                "table": "t", "columns": {"number": "n"},
            }
        ],
    }  # fmt: skip

    targets = hospital_targets(Settings(secret_keys=SECRET_KEYS, exchange=exchange))

    assert targets.routes == {
        DocumentKind.PREVISIT_RECORD: "emr",
        DocumentKind.EXAM_REQUEST: "his",
        DocumentKind.APPOINTMENT_REQUEST: "booking",
    }
    assert set(targets.senders) == {"emr", "his", "booking"}
    assert set(targets.read_back) == {"booking"}


@pytest.mark.parametrize(
    "second",
    [
        {"name": "emr", "kinds": [], "base_url": "http://b.test"},
        {"name": "b", "kinds": ["previsit-record"], "base_url": "http://b.test"},
    ],
)
def test_two_targets_of_one_name_or_kind_start_nothing(second: dict[str, object]) -> None:
    first = {"name": "emr", "kinds": ["previsit-record"], "base_url": "http://a.test"}

    with pytest.raises(ValueError, match="target"):
        Settings(secret_keys=SECRET_KEYS, exchange={"fhir": [first, second]})
