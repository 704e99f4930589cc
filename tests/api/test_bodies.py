"""Bodies: only what is documented, in the type that is documented."""

import json
from typing import Any

import pytest
from marshmallow import fields

from app.database import Base
from app.web.factory import bodies_of
from tests.api.conftest import Clinic, measurement
from tests.api.test_access import body_of

# Every name a column has anywhere, and some that frameworks like to take.
COLUMNS = {column.name for table in Base.metadata.tables.values() for column in table.columns}
SERVER_OWNED = sorted(
    COLUMNS | {"role", "tenant", "is_admin", "price", "__class__", "patient_public_id"}
)


def routes_with_body(clinic: Clinic) -> list[tuple[str, str, Any]]:
    """Return method, address and input schema of every route that takes a body."""
    found = []
    for rule in clinic.app.url_map.iter_rules():
        method = next(iter((rule.methods or set()) & {"POST", "PUT", "PATCH"}), None)
        if method is None or not rule.endpoint.startswith("phone."):
            continue
        if "application/json" not in bodies_of(clinic.app.view_functions[rule.endpoint]):
            continue  # a picture has no fields
        spec = getattr(clinic.app.view_functions[rule.endpoint], "_spec", {})
        assert "body" in spec, f"{rule.rule} takes a body and says not which"
        path = rule.rule.removeprefix("/api/v1")
        for name, value in (
            ("<id:patient>", clinic.patient.public_id),
            ("<id:task>", "t"),
            ("<id:message>", "m"),
            ("<id:attempt>", "a"),
            ("<id:plan>", "p"),
            ("<id:service>", "s"),
        ):
            path = path.replace(name, value)
        found.append((method, path, spec["body"]))
    return found


def test_no_route_takes_a_field_of_the_server(clinic: Clinic) -> None:
    phone = clinic.phone()
    asked = routes_with_body(clinic)
    assert len(asked) >= 11

    for method, path, schema in asked:
        foreign = [name for name in SERVER_OWNED if name not in schema.fields]
        answer = phone.ask(method, path, dict.fromkeys(foreign, 1))
        assert answer.status_code == 400, path
        refused = answer.json["fields"]["json"]
        assert [name for name in foreign if refused.get(name) != ["Unknown field."]] == [], path


def test_a_single_unknown_field_spoils_an_otherwise_good_body(clinic: Clinic) -> None:
    for name in ("interpretation", "patient_id", "issued_at", "task_id", "status"):
        answer = clinic.phone().post(f"{clinic.path}/observations", measurement() | {name: "x"})
        assert answer.status_code == 400


def test_no_nested_object_takes_a_field_of_the_server(clinic: Clinic) -> None:
    phone = clinic.phone()

    for method, path, schema in routes_with_body(clinic):
        for name, one in schema.fields.items():
            if not isinstance(one, fields.List) or not isinstance(one.inner, fields.Nested):
                continue
            foreign = [key for key in SERVER_OWNED if key not in one.inner.schema.fields]
            answer = phone.ask(method, path, {name: [dict.fromkeys(foreign, 1)]})
            assert answer.status_code == 400
            refused = answer.json["fields"]["json"][name]["0"]
            assert all(refused[key] == ["Unknown field."] for key in foreign), path


def test_every_field_refuses_every_other_type(clinic: Clinic) -> None:
    """MariaDB answers `text = 0` with almost every row: nothing but text may pass as text."""
    phone = clinic.phone()
    odd = (0, 1.5, True, None, [], {}, ["x"], {"$ne": ""}, "", "x" * 3000, "\u3000")

    for method, path, schema in routes_with_body(clinic):
        for name in schema.fields:
            for value in odd:
                answer = phone.ask(method, path, {name: value})
                assert answer.status_code < 500, (path, name, value)
                if value in (0, 1.5, []) or value == {}:
                    assert answer.status_code == 400, (path, name, value)


RAW = {
    "not json": b"{",
    "a list": b"[]",
    "a text": b'"x"',
    "null": b"null",
    "a number": b"7",
    "a key twice": b'{"reference": "a", "reference": "b"}',
    "NaN": b'{"value": NaN}',
    "Infinity": b'{"value": Infinity}',
    "a number too big": b'{"value": 99999999999999999999999}',
    "a lone surrogate": b'{"value": "\\ud800"}',
    "NUL": b'{"value": "\\u0000"}',
    "a bidi mark": '{"value": "\u202e6.1"}'.encode(),
    "no UTF-8": b'{"value": "\xff"}',
    "too deep": b'{"a":' * 40 + b"1" + b"}" * 40,
    "a text too long": json.dumps({"value": "6" * 10_001}).encode(),
}


@pytest.mark.parametrize("raw", RAW.values(), ids=RAW.keys())
def test_json_with_tricks_is_refused(clinic: Clinic, raw: bytes) -> None:
    answer = clinic.phone().ask(
        "POST", f"{clinic.path}/observations", data=raw, content_type="application/json"
    )

    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"


def test_tricks_are_refused_in_a_body_that_is_otherwise_good(clinic: Clinic) -> None:
    good = json.dumps(measurement())
    for raw in (
        good.replace('"value"', '"value": "9.9", "value"'),
        good.replace("6.1", "6.1\\u202e"),
        good[:-1] + ', "confirmed": false, "confirmed": true}',
    ):
        answer = clinic.phone().ask(
            "POST", f"{clinic.path}/observations", data=raw, content_type="application/json"
        )
        assert answer.status_code == 400


def test_only_json_is_taken(clinic: Clinic) -> None:
    phone, path = clinic.phone(), f"{clinic.path}/observations"
    body = json.dumps(measurement())

    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert phone.ask("POST", path, data=body, content_type=kind).status_code == 415
    huge = phone.ask("POST", path, data=b" " * 70_000, content_type="application/json")
    assert huge.status_code == 413


WRONG = {
    "value as number": {"value": 6.1},
    "value with exponent": {"value": "6e1"},
    "value in full-width digits": {"value": "６.１"},
    "value with a line end": {"value": "6.1\n"},
    "value as nan": {"value": "NaN"},
    "value too long": {"value": "6." + "1" * 30},
    "value empty": {"value": ""},
    "value in lower case": {"value": "lo"},
    "no such code": {"code": "1234-5"},
    "code as number": {"code": 15074},
    "code as list": {"code": ["15074-8"]},
    "reference no uuid": {"reference": "1"},
    "reference as number": {"reference": 1},
    "naive time": {"effective_at": "2026-05-04T12:00:00"},
    "year 1": {"effective_at": "0001-01-01T00:00:00+14:00"},
    "year 9999": {"effective_at": "9999-12-31T23:59:59-12:00"},
    "time as number": {"effective_at": 1777867200},
    "own reading as text": {"is_own_reading": "true"},
    "own reading as 1": {"is_own_reading": 1},
    "context of another world": {"context": "full-moon"},
    "meal for a blood pressure": {"code": "8480-6", "value": "120", "context": "fasting"},
    "LO for a blood pressure": {"code": "8480-6", "value": "LO"},
    "unit too long": {"unit": "m" * 17},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_a_measurement_that_says_something_else_is_refused(
    clinic: Clinic, change: dict[str, Any]
) -> None:
    answer = clinic.phone().post(f"{clinic.path}/observations", measurement() | change)

    assert answer.status_code == 400
    assert answer.json["type"] == "/problems/invalid-request"
    assert set(answer.json["fields"]["json"]) <= set(change) | {"value"}


@pytest.mark.parametrize(
    "address",
    [
        "tasks?day=2026-13-01", "tasks?day=0001-01-01", "tasks?day=x", "tasks?dag=2026-05-04",
        "tasks?after=%27--", "trends", "trends?code=1-1", "trends?code=15074-8&days=0",
        "trends?code=15074-8&days=9999", "trends?code=15074-8&days=1e3",
        "observations?code=x", "observations?sort=id", "inbox?after=%20",
    ],
)  # fmt: skip
def test_a_query_that_is_not_documented_is_refused(clinic: Clinic, address: str) -> None:
    assert clinic.phone().get(f"{clinic.path}/{address}").status_code == 400


def test_a_refusal_never_quotes_what_was_sent(clinic: Clinic) -> None:
    for body in (
        measurement("标记13800138000"),
        measurement() | {"标记13800138000": 1},
        body_of("phone.responses.answer", "POST") | {"answers": {"vomiting": "标记13800138000"}},
    ):
        path = "responses" if "answers" in body else "observations"
        answer = clinic.phone().post(f"{clinic.path}/{path}", body)
        assert answer.status_code in (400, 422)
        assert "标记" not in str(answer.json.get("title"))
