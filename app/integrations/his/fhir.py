"""A hospital system that takes FHIR R4: a conditional create, or for a cancellation an update.

`If-None-Exist` on our number makes a repeat find the first (http.html#ccreate). Only the
configured host is called, its redirects are not followed, and what it answers is read within
bounds.
"""

import json
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any, Final

import structlog

from app.domain.exchange.answers import OF_FULFILMENTS, Answer, Verdict
from app.domain.exchange.delivering import Broken, CallError, CallOutcome, Taken
from app.domain.exchange.documents import AppointmentCancellation, OutgoingDocument
from app.domain.exchange.medicine_documents import MedicineCancellation
from app.integrations.bounded_http import Bounds, HttpAnswer, Reach, call
from app.integrations.his.fhir_resources import NUMBER_SYSTEM, resource_of, search_of

log = structlog.get_logger()

_JSON: Final = "application/fhir+json"
# What the status of the resource that comes back says; `proposed` and `active` say nothing yet.
_VERDICTS: Final = {
    ("Appointment", "booked"): Verdict.ACCEPTED,
    ("Appointment", "cancelled"): Verdict.CANCELLED,
    ("ServiceRequest", "revoked"): Verdict.REFUSED,
    ("ServiceRequest", "completed"): Verdict.COMPLETED,
    **{("Task", status.value): verdict for status, verdict in OF_FULFILMENTS.items()},
}
# These change what is there; everything else is made.
_CANCELS: Final = (AppointmentCancellation, MedicineCancellation)


def fhir_sender(
    base_url: str,
    token: str | None,
    zone: tzinfo,
    now: Callable[[], datetime],
    bounds: Bounds = Bounds(),  # noqa: B008  # frozen
) -> Callable[[OutgoingDocument], CallOutcome]:
    """Return the sender of documents to one FHIR server; `token` is a bearer token."""
    base = base_url.rstrip("/")
    # An operator named this host; a hospital's own systems are on its inner network.
    reach = Reach(is_anywhere=True)

    def send(document: OutgoingDocument) -> CallOutcome:
        resource = resource_of(document, zone)
        body = json.dumps(resource, ensure_ascii=False).encode()
        headers = {"Content-Type": _JSON, "Accept": _JSON, "Prefer": "return=representation"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        method, url = "POST", f"{base}/{resource['resourceType']}"
        if isinstance(document.content, _CANCELS):
            method, url = "PUT", f"{url}?{search_of(document)}"
        else:
            headers["If-None-Exist"] = search_of(document)
        answer = call(method, url, headers, body, reach=reach, bounds=bounds)
        outcome = answer if isinstance(answer, Broken) else _read(answer, document, now())
        if isinstance(outcome, Broken):
            log.warning("fhir_call_failed", error_class=outcome.error.value, status=outcome.code)
        return outcome

    return send


def _read(answer: HttpAnswer, document: OutgoingDocument, now: datetime) -> CallOutcome:
    """Return what a 2xx says; a body that is no JSON comes from something in between."""
    if not answer.body.strip():
        return Taken()
    try:
        told = json.loads(answer.body)
    except (ValueError, RecursionError):
        return Broken(CallError.AMBIGUOUS, answer.status)
    if not isinstance(told, dict) or "resourceType" not in told:
        return Broken(CallError.AMBIGUOUS, answer.status)
    if isinstance(document.content, _CANCELS):
        # What was asked came back cancelled: the request to cancel it is done.
        done = told.get("status") == "cancelled"
        return Taken(Answer(document.number, Verdict.COMPLETED, now) if done else None)
    verdict = _VERDICTS.get((told["resourceType"], str(told.get("status"))))
    if verdict is None:
        return Taken()
    return Taken(Answer(document.number, verdict, now, _number_of(told)))


def _number_of(resource: dict[str, Any]) -> str:
    """Return the hospital's own number: the first identifier that is not ours."""
    found = resource.get("identifier")
    for one in found if isinstance(found, list) else []:
        if isinstance(one, dict) and one.get("system") != NUMBER_SYSTEM:
            return str(one.get("value", ""))[:255]
    return ""
