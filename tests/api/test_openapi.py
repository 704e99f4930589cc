"""The description of the API: complete, and true of who may come in."""

from tests.api.conftest import Clinic


def test_every_operation_is_described_and_says_how_to_sign_in(clinic: Clinic) -> None:
    spec = clinic.app.test_client().get("/openapi.json").json
    operations = {
        (path, method): operation
        for path, methods in spec["paths"].items()
        for method, operation in methods.items()
        if isinstance(operation, dict) and method != "parameters"
    }

    assert len(operations) >= 19
    for (path, method), operation in operations.items():
        assert operation.get("summary"), path
        is_open = (path, method) in {
            ("/api/v1/sessions", "post"), ("/api/v1/consent-texts", "get"),
        }  # fmt: skip
        assert operation.get("security", []) == ([] if is_open else [{"session": []}]), path
    assert spec["components"]["securitySchemes"]["session"]["scheme"] == "bearer"
    assert "/api/v1/patients/{patient}/observations" in spec["paths"]


def test_bodies_are_described_as_closed(clinic: Clinic) -> None:
    spec = clinic.app.test_client().get("/openapi.json").json

    for name in ("MeasurementIn", "BindingIn", "ResponseIn"):
        schema = spec["components"]["schemas"].get(name) or spec["components"]["schemas"][name[:-2]]
        assert schema["additionalProperties"] is False
