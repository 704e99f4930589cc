"""`python -m app.cli exchange …` and `webhook …`: what operators see and what is audited."""

from pathlib import Path

import pytest
from sqlalchemy import select

from app.database import unit_of_work
from app.domain.exchange.documents import DocumentKind, DocumentStatus
from app.domain.trust.access import StaffRole
from app.models import AuditEvent, OutboundDelivery, OutboundDocument, Patient, Webhook
from app.services.exchange import handing_over
from app.settings import Settings
from tests import factories
from tests.conftest import NOON, SECRET_KEYS
from tests.integration.requests import known_patient
from tests.integration.verbs import Verb
from wiring import hospital_targets


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


def test_a_nurse_asks_signs_and_takes_back(verb: Verb) -> None:
    with unit_of_work.begin() as session:
        patient = known_patient(session).public_id
        factories.practitioner(session, "nurse-1")
        factories.practitioner(session, "operator-1", role=StaffRole.OPERATOR)

    status, printed, _ = verb(*exam(patient))
    again = verb(*exam(patient))[1]
    number = printed.split()[0]
    refused = verb("exchange", "approve", number, "--by", "operator-1")
    signed = verb("exchange", "approve", number, "--by", "NURSE-1")
    shown = verb("exchange", "show")[1]
    cancelled = verb("exchange", "cancel", number)

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


def test_a_document_that_failed_is_sent_again_by_its_number(verb: Verb) -> None:
    with unit_of_work.begin() as session:
        patient = known_patient(session).public_id
        factories.practitioner(session, "nurse-1")
    number = verb(*exam(patient))[1].split()[0]
    verb("exchange", "approve", number, "--by", "nurse-1")
    with unit_of_work.begin() as session:
        handing_over.queue_approved(session, {DocumentKind.EXAM_REQUEST: "his"}, NOON)
    early = verb("exchange", "retry", number)
    with unit_of_work.begin() as session:
        session.scalars(select(OutboundDelivery)).one().state = "dead"
        session.scalars(select(OutboundDocument)).one().status = DocumentStatus.FAILED

    status, printed, _ = verb("exchange", "retry", number)

    assert early[0] == 1
    assert (status, printed) == (0, "queued again")
    assert verb("exchange", "retry", "CL0")[0] == 1
    listed = verb("exchange", "show", "--state", "queued")[1]
    assert number in listed


def test_a_webhook_is_added_rotated_tested_and_ended_and_all_of_it_is_audited(verb: Verb) -> None:
    url = "https://bus.hospital.example/hook?key=CANARY"

    status, secret, _ = verb("webhook", "add", "bus", url, "--event", "alert.opened")
    rotated = verb("webhook", "rotate", "bus")[1]
    tested = verb("webhook", "test", "bus")
    listed = verb("webhook", "list")[1]
    verb("webhook", "disable", "bus")
    ended = verb("webhook", "list")[1]
    after = verb("webhook", "test", "bus")
    verb("webhook", "enable", "bus")

    assert status == 0
    assert secret.startswith("whsec_")
    assert rotated != secret
    assert tested[0] == 0
    assert "active" in listed
    assert "alert.opened" in listed
    assert "disabled (operator)" in ended
    assert after[0] == 1
    for said in (listed, ended, verb("exchange", "show")[1]):
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
    verb: Verb, arguments: tuple[str, ...], status: int
) -> None:
    assert verb(*arguments)[0] == status

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
