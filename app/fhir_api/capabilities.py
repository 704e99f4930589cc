"""CapabilityStatement: what this server takes and gives."""

from typing import Any, Final

from app.fhir_api.answers import MEDIA_TYPE
from app.services.exchange.fetching import FETCHABLE

TAKEN: Final = FETCHABLE
# Given out and never taken: our forms, a resource for each version.
FORM: Final = "Questionnaire"
_FORM_RESOURCE: Final = {
    "type": FORM, "interaction": [{"code": "read"}], "versioning": "no-version",
}  # fmt: skip
# When this statement last changed.
_SAID_ON: Final = "2026-11-22"


def statement(base: str) -> dict[str, Any]:
    """Return the statement; the address it names is the public one."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": _SAID_ON,
        "kind": "instance",
        "implementation": {"description": "康伴 CareLoop", "url": base},
        "fhirVersion": "4.0.1",
        "format": [MEDIA_TYPE],
        "rest": [
            {
                "mode": "server",
                "security": {"description": "Authorization: Bearer, one token per system."},
                "resource": [*(_resource(kind) for kind in sorted(TAKEN)), _FORM_RESOURCE],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
            }
        ],
    }


def _resource(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": kind,
        "interaction": [{"code": "create"}, {"code": "update"}, {"code": "read"}],
        "versioning": "versioned",
        "updateCreate": True,
    }
    if kind == "Patient":
        definition = "http://hl7.org/fhir/OperationDefinition/Patient-everything"
        found["operation"] = [{"name": "everything", "definition": definition}]
    return found
