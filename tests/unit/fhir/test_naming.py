"""Whose numbers and codes, both ways."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.intake.hospital_records import Coded, Identifier
from app.domain.intake.senders import sender_of, sender_text
from app.integrations.fhir import naming
from app.integrations.fhir.primitives import PRIMITIVES

ANY = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)
AWKWARD = st.sampled_from(
    ["urn:oid:1.2.3", "urn:x-careloop:issuer:HIS", "urn:x-careloop:codes:L", "1.2.3", "a^b", "%5E"]
)


@given(st.one_of(ANY, AWKWARD))
def test_an_issuer_comes_back_from_its_uri(issuer: str) -> None:
    system = naming.system_of(issuer)

    assert PRIMITIVES["uri"](system)
    assert naming.issuer_of(system) == issuer


@pytest.mark.parametrize(
    ("issuer", "system"),
    [
        ("2.16.156.10011.1.3", "urn:oid:2.16.156.10011.1.3"),
        ("http://hospital.example/mrn", "http://hospital.example/mrn"),
        ("HIS", "urn:x-careloop:issuer:HIS"),
        ("市一医院", "urn:x-careloop:issuer:%E5%B8%82%E4%B8%80%E5%8C%BB%E9%99%A2"),
    ],
)
def test_issuers_have_the_uris_that_integrators_expect(issuer: str, system: str) -> None:
    assert naming.system_of(issuer) == system


@given(st.one_of(ANY, AWKWARD), st.one_of(st.just(""), ANY, AWKWARD))
def test_a_code_comes_back_from_its_coding(code: str, system: str) -> None:
    written = naming.coding(Coded(code, "", system))
    back = naming.coded(str(written.get("system", "")), str(written["code"]), "")

    assert PRIMITIVES["code"](written["code"])
    assert (back.code, back.system) == (code, system)


def test_an_address_and_its_short_name_mean_one_code_system() -> None:
    assert naming.code_system_uri("LN") == naming.code_system_uri("http://loinc.org")
    assert naming.code_system_of("http://loinc.org") == "LN"


@given(st.text(string.printable, min_size=0, max_size=12))
def test_an_identifier_type_comes_back_from_its_coding(type_code: str) -> None:
    written = naming.identifier(Identifier("HIS", type_code, "1"))
    (coding,) = written["type"]["coding"]  # type: ignore[index]

    assert PRIMITIVES["code"](coding["code"])
    if type_code != "-":
        assert naming.type_code_of(coding["system"], coding["code"]) == type_code


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_the_parts_of_a_name_stay_apart(parts: list[str]) -> None:
    written = naming.name_of("result", *parts)

    assert naming.parts_of("result", str(written["system"]), str(written["value"])) == tuple(parts)


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_sender_is_one_text_and_two_again(application: str, facility: str) -> None:
    assert sender_of(sender_text(application, facility)) == (application, facility)


@given(st.text(string.ascii_letters + string.digits + "-_", min_size=22, max_size=22))
def test_our_ids_are_ids_of_fhir_and_back(public_id: str) -> None:
    written = naming.fhir_id(public_id)

    assert PRIMITIVES["id"](written)
    assert naming.public_id(written) == public_id
