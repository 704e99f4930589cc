"""Answers in FHIR's media type."""

from typing import Any, Final

from flask import Response, g

from app.integrations.fhir.json_text import dump
from app.integrations.fhir.outcome import note

MEDIA_TYPE: Final = "application/fhir+json"
# What FHIR's value set issue-type calls our refusals.
_CODES: Final = {
    400: "structure",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    413: "too-costly",
    415: "not-supported",
    422: "processing",
    429: "throttled",
    503: "transient",
}


def answer(resource: Any, status: int = 200, **headers: str) -> Response:
    found = Response(dump(resource), status, content_type=f"{MEDIA_TYPE}; charset=utf-8")
    for name, value in headers.items():
        found.headers[name.replace("_", "-")] = value
    return found


def refuse(status: int, words: str, **headers: str) -> Response:
    return answer(note("error", _CODES.get(status, "exception"), words), status, **headers)


def wording(status: int, code: str, title: str) -> Response:
    """Return a refusal of the application as an OperationOutcome; the id finds it in our log."""
    refused = refuse(status, f"{title} ({code}, {g.get('request_id', '')})")
    if status == 401:
        refused.headers["WWW-Authenticate"] = "Bearer"
    return refused
