"""What a resource must look like to be taken."""

from decimal import Decimal
from typing import Any

import pytest

from app.integrations.fhir.checking import Issue, check, has_errors


def observation(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
        "valueQuantity": {"value": Decimal("4.10"), "unit": "mmol/L"},
        **more,
    }


def faults(resource: Any) -> list[tuple[str, str]]:
    return [(one.code, one.expression) for one in check(resource) if one.severity == "error"]


def test_a_sound_resource_has_no_faults() -> None:
    assert check(observation(effectiveDateTime="2026-05-04T08:00:00+08:00")) == ()


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"status": "fnial"}, ("code-invalid", "Observation.status")),
        ({"colour": "red"}, ("structure", "Observation.colour")),
        ({"code": [{"text": "K"}]}, ("structure", "Observation.code")),
        ({"category": {"text": "lab"}}, ("structure", "Observation.category")),
        ({"category": []}, ("structure", "Observation.category")),
        ({"code": {}}, ("structure", "Observation.code")),
        ({"valueString": "4"}, ("structure", "Observation.value")),
        ({"effectiveDateTime": "2026-05-04T08:00:00"}, ("value", "Observation.effectiveDateTime")),
        ({"effectiveDateTime": "2026-02-30"}, ("value", "Observation.effectiveDateTime")),
        ({"issued": "2026-05-04"}, ("value", "Observation.issued")),
        ({"note": [{"time": "2026"}]}, ("required", "Observation.note[0].text")),
        (
            {"valueQuantity": {"value": "4.1"}},
            ("value", "Observation.valueQuantity.value"),
        ),
        (
            {"valueQuantity": {"value": 4, "comparator": "≈"}},
            ("code-invalid", "Observation.valueQuantity.comparator"),
        ),
        ({"_status": {"value": 1}}, ("structure", "Observation.status")),
        ({"_code": {"id": "a"}}, ("structure", "Observation.code")),
        ({"component": [{"valueString": "x"}]}, ("required", "Observation.component[0].code")),
        ({"contained": [{"id": "a"}]}, ("structure", "Observation.contained[0]")),
    ],
)
def test_a_fault_is_named_by_its_place_and_kind(
    more: dict[str, Any], fault: tuple[str, str]
) -> None:
    assert faults(observation(**more)) == [fault]


def test_a_required_element_may_be_there_by_its_extensions_alone() -> None:
    why = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason"}]}
    resource = observation(_status=why)
    del resource["status"]

    assert faults(resource) == []


def test_a_null_in_an_array_is_allowed_beside_its_extension_only() -> None:
    name = {"given": ["小明", None], "_given": [None, {"id": "second"}]}

    assert faults({"resourceType": "Patient", "name": [name]}) == []
    assert faults({"resourceType": "Patient", "name": [{"given": ["小明", None]}]}) == [
        ("value", "Patient.name[0].given[1]")
    ]


def test_a_diagnosis_whose_status_is_no_code_of_the_list_is_refused() -> None:
    condition = {
        "resourceType": "Condition",
        "subject": {"reference": "Patient/1"},
        "clinicalStatus": {"coding": [{"code": "cured"}]},
    }

    assert faults(condition) == [("code-invalid", "Condition.clinicalStatus")]


def test_a_type_we_do_not_take_is_an_error_alone_and_a_note_in_a_bundle() -> None:
    claim = {"resourceType": "Claim", "id": "1"}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": claim}]}

    assert faults(claim) == [("not-supported", "Claim")]
    assert [one.severity for one in check(bundle)] == ["information"]
    assert not has_errors(check(bundle))


def test_resources_within_resources_end_at_the_third() -> None:
    inner = observation()
    for _ in range(3):
        inner = observation(contained=[inner])

    assert [code for code, _ in faults(inner)] == ["structure"]


@pytest.mark.parametrize("what", [None, [], "Patient", {}, {"resourceType": 7}])
def test_what_is_no_resource_is_told_so(what: Any) -> None:
    assert [one.code for one in check(what)] == ["structure"]


def test_no_fault_quotes_what_was_sent() -> None:
    secret = "张三13800138000"
    bad = observation(status=secret, **{secret: 1}, issued=secret, valueString=secret)
    bad["code"] = {"coding": [{"code": f" {secret} ", secret: secret}]}

    told = repr(check(bad))

    assert faults(bad)
    assert secret not in told
    assert "13800138000" not in told


def test_a_thousand_faults_are_a_hundred() -> None:
    found: tuple[Issue, ...] = check(
        {"resourceType": "Patient", "name": [{"use": "x"} for _ in range(1000)]}
    )

    assert len(found) == 100
