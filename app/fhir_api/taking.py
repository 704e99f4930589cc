"""Taking what another system sends: kept first, then checked, then written into the record."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import structlog
from flask import Response, request
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from app import clock
from app.database import after_collisions, unit_of_work
from app.domain.errors import NotFound
from app.domain.intake.rejections import Rejected, RejectionReason
from app.domain.strict_json import UnacceptableJSON
from app.fhir_api.answers import answer, refuse
from app.fhir_api.desk import desk
from app.integrations.fhir import naming
from app.integrations.fhir.checking import Issue, check, has_errors
from app.integrations.fhir.json_text import REST, parse
from app.integrations.fhir.outcome import outcome
from app.integrations.fhir.references import outside_ids
from app.models import InboundMessage
from app.models.trust.audit import record
from app.services.exchange.fetching import thing_of_message
from app.services.exchange.references import call_patient, unknown_patients, unknown_visits
from app.services.intake import (
    Arrival,
    Settled,
    hold,
    interpret_message,
    interpret_stored,
    receive,
)
from app.web import gate

log = structlog.get_logger()

_MEDIA_TYPES: Final = ("application/fhir+json", "application/json")
_KEPT: Final = "内容已保存，但需要人工处理后才会写入病历。Kept, but a person must look at it first."
_DONE: Final = "已写入。Taken."


def take(kind: str, resource_id: str | None = None) -> Response:
    """Take the body of this request: a resource of `kind`, or a Bundle.

    The same body again, at the same address, changes nothing and is answered 200.
    """
    if request.mimetype not in _MEDIA_TYPES:
        return refuse(415, "请用 application/fhir+json。Use application/fhir+json.")
    body = request.get_data(cache=False)
    message_id, is_new = _keep(body, kind, resource_id)
    try:
        resource = parse(body, REST)
        issues = check(resource)
    except UnacceptableJSON as problem:
        return _settle(message_id, Rejected(RejectionReason.NOT_FHIR, str(problem)), (), 400)
    if has_errors(issues):
        return _read(message_id, kind, issues, is_new=is_new)
    wrong = _misplaced(resource, kind, resource_id) or _unknown(resource)
    if wrong is not None:
        return _settle(message_id, wrong[0], (wrong[1],), 422)
    answered = _read(message_id, kind, issues, is_new=is_new)
    if resource_id is not None and kind == "Patient" and answered.status_code in (200, 201):
        _remember(message_id, resource_id)
    if resource.get("type") in ("transaction", "batch") and answered.status_code in (200, 201):
        return _each(resource, answered)
    return answered


def _keep(body: bytes, kind: str, resource_id: str | None) -> tuple[int, bool]:
    client = gate.system_client()
    address = f"{kind}/{resource_id or ''}".encode()
    digest = hashlib.sha256(address + b"\x00" + body).digest()
    arrival = Arrival(f"fhir:{client.source}", digest, kind, digest.hex()[:16], request.remote_addr)

    def keep() -> tuple[int, bool]:
        with unit_of_work.begin() as session:
            inbound = receive(session, arrival, body, clock.now())
            return inbound.id, inbound.repeats == 0

    return after_collisions(keep)


def _misplaced(
    resource: Mapping[str, Any], kind: str, resource_id: str | None
) -> tuple[Rejected, Issue] | None:
    """Return what is wrong where the body is not what the address says, or is too much."""
    said = str(resource["resourceType"])
    if said != kind:
        words = "资源类型与地址不符。The resource is not of the type in the address."
        return _wrong(RejectionReason.INVALID_RESOURCE, "invalid", "resourceType", words)
    if resource_id is not None and resource.get("id") != resource_id:
        words = "资源的 id 与地址不符。The id is not the one in the address."
        return _wrong(RejectionReason.INVALID_RESOURCE, "invalid", f"{said}.id", words)
    if len(resource.get("entry", ())) > desk().bundle_entries:
        words = "一次的条目太多。Too many entries at once."
        return _wrong(RejectionReason.TOO_LARGE, "too-costly", "Bundle.entry", words)
    return None


def _unknown(resource: Mapping[str, Any]) -> tuple[Rejected, Issue] | None:
    """Return what is wrong where the body refers to a patient or visit that we do not know."""
    source = gate.system_client().source
    patients = [(theirs, naming.public_id(theirs)) for theirs in outside_ids(resource, "Patient")]
    with unit_of_work.begin() as session:
        if unknown_patients(session, source, patients, clock.now()):
            words = "引用的患者不存在。A patient that is referred to is not known."
            return _wrong(RejectionReason.UNKNOWN_PATIENT, "not-found", "", words)
        if unknown_visits(session, source, outside_ids(resource, "Encounter")):
            words = (
                "引用的就诊不存在，请在引用里写就诊号。A visit that is referred to is not known; "
                "give its identifier in the reference."
            )
            return _wrong(RejectionReason.UNKNOWN_VISIT, "not-found", "", words)
    return None


def _wrong(
    reason: RejectionReason, code: str, expression: str, words: str
) -> tuple[Rejected, Issue]:
    return Rejected(reason, expression), Issue("error", code, expression, words)


def _settle(
    message_id: int, rejected: Rejected, issues: tuple[Issue, ...], status: int
) -> Response:
    """Mark what was kept as refused and say why."""
    now = clock.now()
    with unit_of_work.begin() as session:
        inbound = session.get_one(InboundMessage, message_id, with_for_update=True)
        interpret_message(session, inbound, rejected, now)
        record(
            session, gate.system_actor(), "write", inbound.kind, now, outcome="refused",
            detail={"message_id": message_id, "reason": rejected.reason.value},
        )  # fmt: skip
    told = issues or (Issue("error", "structure", "", rejected.reason.sentence),)
    return answer(outcome(told), status)


def _read(message_id: int, kind: str, issues: tuple[Issue, ...], *, is_new: bool) -> Response:
    """Write what was kept into the record and say what became of it."""
    settled = _interpret(message_id)
    now = clock.now()
    with unit_of_work.begin() as session:
        place = _place(session, kind, message_id, settled)
        record(
            session, gate.system_actor(), "write", kind, now,
            patient_id=settled.patient_id,
            outcome="success" if settled.status == "processed" else settled.status,
            detail={"message_id": message_id},
        )  # fmt: skip
    if settled.status == "processed":
        told = (*issues, Issue("information", "informational", "", _DONE))
        headers = {"Location": place} if place else {}
        return answer(outcome(told), 201 if is_new else 200, **headers)
    if settled.status == "held":
        return answer(outcome([Issue("warning", "incomplete", "", _KEPT)]), 202)
    errors = [one for one in issues if one.severity == "error"]
    return answer(outcome(errors or [_refusal(settled)]), 422)


def _interpret(message_id: int) -> Settled:
    try:
        return interpret_stored(unit_of_work, message_id, desk().read, clock.now())
    except (IntegrityError, OperationalError):
        raise
    except Exception as error:
        # It is kept; a person looks at it, and the sender need not send it again.
        log.error("message_held", exc_info=error, message_id=message_id)
        with unit_of_work.begin() as session:
            inbound = session.get_one(InboundMessage, message_id, with_for_update=True)
            hold(inbound, error, clock.now())
            return Settled(inbound.status, inbound.reason)


def _refusal(settled: Settled) -> Issue:
    code, _, detail = (settled.reason or "").partition(": ")
    known = code in frozenset(RejectionReason)
    words = RejectionReason(code).sentence if known else "无法写入病历。Cannot be taken."
    return Issue("error", "processing", detail.split(" ")[0], f"{words} ({code})")


def _place(session: Session, kind: str, message_id: int, settled: Settled) -> str | None:
    if settled.patient_id is None or settled.status != "processed":
        return None
    found = thing_of_message(session, kind, message_id, settled.patient_id)
    return f"{desk().base}/{kind}/{naming.fhir_id(found)}" if found else None


def _remember(message_id: int, resource_id: str) -> None:
    """Let the sender go on calling the patient by the id it chose."""
    with unit_of_work.begin() as session:
        inbound = session.get_one(InboundMessage, message_id)
        if inbound.patient_id is None:
            raise NotFound
        source = gate.system_client().source
        call_patient(session, inbound.patient_id, source, resource_id, clock.now())


def _each(bundle: Mapping[str, Any], answered: Response) -> Response:
    """Return a response for each entry: all were taken, or none."""
    status = "201 Created" if answered.status_code == 201 else "200 OK"
    entries = [{"response": {"status": status}} for _ in bundle.get("entry", ())]
    kind = f"{bundle['type']}-response"
    return answer({"resourceType": "Bundle", "type": kind, "entry": entries})
