"""The FHIR API as another system of the hospital sees it."""

import hashlib
import json
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import Engine, func, select
from werkzeug.test import TestResponse

from app.database import unit_of_work
from app.domain.trust.access import Scope, SystemClient
from app.fhir_api.desk import FhirDesk
from app.fhir_api.routes import fhir_api
from app.integrations.feeds import Feeds
from app.integrations.fhir.checking import check
from app.integrations.fhir.json_text import dump, parse
from app.integrations.fhir.reader import Reader
from app.models import (
    AuditEvent,
    Encounter,
    InboundMessage,
    Observation,
    Patient,
    PatientIdentifier,
)
from app.settings import Settings
from app.web.factory import create_app
from tests.api.conftest import at_once
from tests.conftest import SECRET_KEYS
from tests.unit.fhir.resources import bundle, patient, result, visit

BASE = "https://careloop.example/fhir"
MEDIA_TYPE = "application/fhir+json"
TOKEN, READER, WRITER = "emr-token", "reader-token", "writer-token"


def client(name: str, token: str, *scopes: Scope, network: str = "127.0.0.0/8") -> SystemClient:
    return SystemClient(
        name=name,
        token_digest=hashlib.sha256(token.encode()).digest(),
        scopes=frozenset(scopes),
        source=name,
        networks=(ip_network(network),),
    )


@dataclass
class Server:
    app: APIFlask
    token: str | None = TOKEN

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= more.pop("headers", {})
        if body is not None:
            more["data"] = body if isinstance(body, bytes) else dump(body).encode()
            more.setdefault("content_type", MEDIA_TYPE)
        return self.app.test_client().open(f"/fhir{path}", method=method, headers=headers, **more)

    def as_(self, token: str | None) -> "Server":
        return Server(self.app, token)


@pytest.fixture
def server(database: Engine) -> Server:
    desk = FhirDesk(
        base=BASE,
        read=Feeds({"fhir": Reader()}),
        clients=[
            client("emr", TOKEN, Scope.READ, Scope.WRITE),
            client("lab", WRITER, Scope.WRITE),
            client("research", READER, Scope.READ),
            client("far", "far-token", Scope.READ, network="10.0.0.0/8"),
        ],
        resource_bytes=20_000,
        bundle_bytes=60_000,
        bundle_entries=20,
    )
    return Server(create_app(Settings(secret_keys=SECRET_KEYS), [fhir_api(desk)]))


def count(model: Any) -> int:
    with unit_of_work() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def told(answer: TestResponse) -> list[tuple[str, str]]:
    """Return the issues of an OperationOutcome that is one by our own check."""
    assert answer.content_type.startswith(MEDIA_TYPE)
    outcome = parse(answer.data)
    assert outcome["resourceType"] == "OperationOutcome"
    assert check(outcome) == ()
    return [
        (one["severity"], one["code"] + "".join(f" {p}" for p in one.get("expression", [])))
        for one in outcome["issue"]
    ]


def test_a_patient_is_taken_and_found_where_the_answer_says(server: Server) -> None:
    taken = server.ask("POST", "/Patient", patient())

    assert taken.status_code == 201
    place = taken.headers["Location"]
    assert place.startswith(f"{BASE}/Patient/")
    found = server.ask("GET", place.removeprefix(BASE))
    written = parse(found.data)
    assert found.status_code == 200
    assert check(written) == ()
    assert (written["name"][0]["text"], written["birthDate"]) == ("张小明", "1960-02-29")
    assert found.headers["ETag"] == f'W/"{written["meta"]["versionId"]}"'


def test_the_same_again_is_harmless(server: Server) -> None:
    first = server.ask("POST", "/Patient", patient())
    again = server.ask("POST", "/Patient", patient())

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["Location"] == first.headers["Location"]
    assert (count(Patient), count(InboundMessage)) == (1, 1)


def test_four_at_once_make_one_patient(server: Server) -> None:
    answers = at_once(4, lambda: server.ask("POST", "/Patient", patient()))

    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert (count(Patient), count(InboundMessage)) == (1, 1)


def test_a_result_may_name_the_patient_by_our_id(server: Server) -> None:
    place = server.ask("POST", "/Patient", patient()).headers["Location"]
    reference = {"reference": place.removeprefix(f"{BASE}/")}

    taken = server.ask("POST", "/Observation", result(subject=reference))

    assert taken.status_code == 201, taken.data
    assert (count(Patient), count(Observation)) == (1, 1)
    written = parse(server.ask("GET", taken.headers["Location"].removeprefix(BASE)).data)
    assert written["subject"]["reference"] == reference["reference"]
    assert written["valueQuantity"]["value"] == parse(b"4.1")


def test_a_result_may_name_the_patient_by_the_senders_id(server: Server) -> None:
    server.ask("PUT", "/Patient/p-MR0001", patient())

    taken = server.ask("PUT", "/Observation/o-1", result(subject={"reference": "Patient/p-MR0001"}))

    assert taken.status_code == 201, taken.data
    assert count(Patient) == 1


def test_a_result_of_an_unknown_patient_makes_none(server: Server) -> None:
    body = result(subject={"reference": "Patient/77"})

    refused = server.ask("POST", "/Observation", body)

    assert refused.status_code == 422
    assert told(refused) == [("error", "not-found")]
    assert (count(Patient), count(Observation)) == (0, 0)

    server.ask("PUT", "/Patient/77", patient(id="77"))
    again = server.ask("POST", "/Observation", body)
    assert again.status_code == 200
    assert count(Observation) == 1


def test_the_ids_of_one_sender_mean_nothing_to_another(server: Server) -> None:
    server.ask("PUT", "/Patient/77", patient(id="77"))

    refused = server.as_(WRITER).ask(
        "POST", "/Observation", result(subject={"reference": "Patient/77"})
    )

    assert refused.status_code == 422


def test_an_unknown_visit_is_not_made_up(server: Server) -> None:
    server.ask("PUT", "/Patient/77", patient(id="77"))
    body = result(subject={"reference": "Patient/77"}, encounter={"reference": "Encounter/5"})

    assert server.ask("POST", "/Observation", body).status_code == 422
    assert count(Encounter) == 0


def test_a_bundle_is_taken_whole_or_not_at_all(server: Server) -> None:
    good = bundle(patient(), visit(), result(), kind="transaction")
    for entry in good["entry"]:
        entry["request"] = {"method": "POST", "url": entry["resource"]["resourceType"]}
    bad = json.loads(dump(good))
    bad["entry"][2]["resource"]["status"] = "fnial"

    refused = server.ask("POST", "", bad)
    assert refused.status_code == 422
    assert told(refused) == [("error", "code-invalid Bundle.entry[2].resource.status")]
    assert count(Patient) == 0

    taken = server.ask("POST", "", good)
    answered = parse(taken.data)
    assert (answered["type"], len(answered["entry"])) == ("transaction-response", 3)
    assert check(answered) == ()
    assert (count(Patient), count(Encounter), count(Observation)) == (1, 1, 1)


def test_everything_of_a_person_is_one_bundle(server: Server) -> None:
    server.ask("POST", "", bundle(patient(), visit(), result()))
    with unit_of_work() as session:
        name = session.scalars(select(Patient.public_id)).one().replace("_", ".")

    found = server.as_(READER).ask("GET", f"/Patient/{name}/$everything")

    whole = parse(found.data)
    assert check(whole) == ()
    assert [one["resource"]["resourceType"] for one in whole["entry"]] == [
        "Patient",
        "Encounter",
        "Observation",
    ]


def test_what_is_wrong_is_kept_and_told_by_place(server: Server) -> None:
    refused = server.ask("POST", "/Patient", patient(gender="m", colour="red"))

    assert refused.status_code == 422
    assert told(refused) == [
        ("error", "code-invalid Patient.gender"),
        ("error", "structure Patient.colour"),
    ]
    with unit_of_work() as session:
        kept = session.scalars(select(InboundMessage)).one()
    assert (kept.status, kept.source) == ("rejected", "fhir:emr")
    assert kept.body is not None
    assert "red" in kept.body
    assert "red" not in (kept.reason or "")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"resourceType": "Patient", "resourceType": "Patient"}', 400),
        (b'{"resourceType": "Patient", "id": NaN}', 400),
        (b'{"resourceType": "Patient", "id": "\xff"}', 400),
        (b"[" * 40 + b"]" * 40, 400),
        (b"[]", 422),
        (b'{"resourceType": "Observation", "status": "final", "code": {"text": "K"}}', 422),
        (b'{"resourceType": "Patient", "gender": "male"}', 422),
    ],
)
def test_bodies_that_are_no_patient_are_refused(server: Server, body: bytes, status: int) -> None:
    refused = server.ask("POST", "/Patient", body)

    assert refused.status_code == status
    assert told(refused)[0][0] == "error"
    assert count(Patient) == 0


def test_the_id_in_the_address_must_be_that_of_the_body(server: Server) -> None:
    refused = server.ask("PUT", "/Patient/other", patient())

    assert refused.status_code == 422
    assert told(refused) == [("error", "invalid Patient.id")]
    assert count(Patient) == 0


def test_what_is_too_large_or_too_much_is_refused(server: Server) -> None:
    filler = {"text": "x" * 25_000}
    many = bundle(*(patient(f"MR{n}") for n in range(21)))

    assert server.ask("POST", "/Patient", patient(maritalStatus=filler)).status_code == 413
    assert server.ask("POST", "", many).status_code == 422
    # Only a bundle may be larger than a resource.
    assert server.ask("POST", "", bundle(patient(maritalStatus=filler))).status_code == 201
    assert count(Patient) == 1


def test_other_media_types_and_types_of_resource_are_refused(server: Server) -> None:
    form = server.ask("POST", "/Patient", b"a=1", content_type="application/x-www-form-urlencoded")

    assert form.status_code == 415
    assert server.ask("POST", "/Claim", {"resourceType": "Claim"}).status_code == 404
    assert server.ask("DELETE", "/Patient/1").status_code == 405
    assert told(form)[0][1] == "not-supported"


@pytest.mark.parametrize(
    ("token", "method", "path", "status"),
    [
        (None, "GET", "/Patient/1", 401),
        ("wrong", "GET", "/Patient/1", 401),
        ("far-token", "GET", "/Patient/1", 401),
        (WRITER, "GET", "/Patient/1", 403),
        (READER, "POST", "/Patient", 403),
        (READER, "PUT", "/Patient/1", 403),
        (READER, "POST", "", 403),
        (None, "GET", "/metadata", 200),
    ],
)
def test_each_system_may_do_what_its_scopes_say(
    server: Server, token: str | None, method: str, path: str, status: int
) -> None:
    answer = server.as_(token).ask(method, path, patient() if method != "GET" else None)

    assert answer.status_code == status
    assert count(InboundMessage) == 0


def test_staff_and_patients_are_no_systems(server: Server) -> None:
    answer = server.as_(None).ask("GET", "/Patient/1", headers={"Cookie": "__Host-careloop=x"})

    assert answer.status_code == 401


def test_a_foreign_id_and_no_id_look_the_same(server: Server) -> None:
    place = server.ask("POST", "/Patient", patient()).headers["Location"]
    name = place.rpartition("/")[2]

    answers = [
        server.ask("GET", path)
        for path in (f"/Observation/{name}", "/Observation/none", "/Patient/n_ne", "/Patient/1%27")
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert {tuple(told(answer)) for answer in answers} == {(("error", "not-found"),)}


def test_every_read_and_write_is_in_the_trail(server: Server) -> None:
    place = server.ask("POST", "/Patient", patient()).headers["Location"].removeprefix(BASE)
    server.ask("POST", "/Patient", b"{")
    server.as_(READER).ask("GET", place)
    server.as_(READER).ask("GET", f"{place}/$everything")

    with unit_of_work() as session:
        trail = session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
        patient_id = session.scalars(select(Patient.id)).one()
    assert [(one.action, one.entity, one.outcome) for one in trail] == [
        ("write", "Patient", "success"),
        ("write", "Patient", "refused"),
        ("read", "Patient", "success"),
        ("read", "everything", "success"),
    ]
    assert {one.actor_kind for one in trail} == {"system"}
    assert [one.origin.partition("/")[0] for one in trail] == ["emr", "emr", "research", "research"]
    assert [one.patient_id for one in trail] == [patient_id, None, patient_id, patient_id]


def test_what_might_touch_the_wrong_person_waits(server: Server) -> None:
    server.ask("POST", "/Patient", patient("MR1"))
    server.ask("POST", "/Patient", patient("MR2"))
    both = patient("MR1")
    both["identifier"] += patient("MR2")["identifier"]

    waiting = server.ask("POST", "/Patient", both)

    assert waiting.status_code == 202
    assert told(waiting) == [("warning", "incomplete")]
    assert count(PatientIdentifier) == 2


def test_a_death_that_nobody_dates_is_dated_by_its_telling(server: Server) -> None:
    server.ask("POST", "/Patient", patient(deceasedBoolean=True))

    with unit_of_work() as session:
        kept = session.scalars(select(InboundMessage.received_at)).one()
        assert session.scalars(select(Patient.deceased_at)).one() == kept


def test_the_statement_says_what_is_there(server: Server) -> None:
    said = parse(server.as_(None).ask("GET", "/metadata").data)

    kinds = {one["type"] for one in said["rest"][0]["resource"]}
    assert said["fhirVersion"] == "4.0.1"
    assert {"Patient", "Encounter", "Condition", "Observation", "DiagnosticReport"} <= kinds
    assert {"MedicationRequest", "Appointment", "QuestionnaireResponse"} <= kinds
