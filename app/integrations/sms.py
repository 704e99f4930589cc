"""The SMS provider: one JSON call a message, with our id as its idempotency key."""

import json
from collections.abc import Sequence
from typing import Final

import structlog

from app.domain.outreach.messaging import (
    Accepted,
    ErrorClass,
    Failure,
    Outcome,
    Outgoing,
    Platform,
    Sender,
    classify,
)
from app.domain.outreach.receipts import Answered, Inquirer, Inquiry
from app.integrations.platform_http import CallFailed, PlatformHttp

log = structlog.get_logger()

_JSON: Final = {"Content-Type": "application/json"}
_DELIVERED: Final = "delivered"


def sms_sender(url: str, key: str) -> Sender:
    """Return the sender of SMS through the provider at `url`; `key` is its secret."""
    http = PlatformHttp()

    def send(outgoing: Outgoing) -> Outcome:
        try:
            body = {
                "key": key,
                "phone": outgoing.content["phone"],
                "template": outgoing.content["template"],
                "params": outgoing.content["params"],
                "idempotency_key": outgoing.public_id,
            }
        except KeyError:
            return Failure(ErrorClass.CONTENT)
        outcome = _call(http, url, json.dumps(body, ensure_ascii=False).encode())
        if isinstance(outcome, Failure):
            log.warning(
                "sms_call_failed",
                error_class=outcome.error_class.value,
                status=outcome.errcode,
            )
        return outcome

    return send


def sms_inquirer(url: str, key: str) -> Inquirer:
    """Return what asks the provider at `url` what became of messages, many at once.

    It answers `{"reports": [{"id", "status"}]}`; a status is `delivered`, or why it was not, and
    what is still under way is left out.
    """
    http = PlatformHttp()

    def ask(inquiries: Sequence[Inquiry]) -> list[Answered | None]:
        ids = [one.platform_id for one in inquiries]
        body = json.dumps({"key": key, "ids": ids}).encode()
        statuses = _statuses(http, url, body)
        return [_answered(statuses.get(id_)) for id_ in ids]

    return ask


def _statuses(http: PlatformHttp, url: str, body: bytes) -> dict[str, str]:
    try:
        response = http.request("post", url, data=body, headers=_JSON)
        reports = json.loads(response.content)["reports"]
        return {str(one["id"]): str(one["status"]) for one in reports}
    except CallFailed as error:
        log.warning("sms_call_failed", error_class=error.failure.error_class.value)
    except (ValueError, TypeError, KeyError, RecursionError):
        log.warning("sms_call_failed", error_class=ErrorClass.OTHER.value)
    return {}


def _answered(status: str | None) -> Answered | None:
    if status is None:
        return None
    if status == _DELIVERED:
        return Answered(frozenset({_DELIVERED}))
    return Answered(refused={"phone": status[:64]})


def _call(http: PlatformHttp, url: str, body: bytes) -> Outcome:
    try:
        response = http.request("post", url, data=body, headers=_JSON)
    except CallFailed as error:
        return _meaning(error.failure)
    try:
        answer = json.loads(response.content)
        return Accepted(str(answer["id"])[:64])
    except (ValueError, TypeError, KeyError, RecursionError):
        return Failure(ErrorClass.AMBIGUOUS)


def _meaning(failure: Failure) -> Failure:
    """Return what the provider's HTTP status says; without one the call broke off on the way."""
    if failure.errcode is None or failure.error_class is ErrorClass.AMBIGUOUS:
        return failure
    return Failure(classify(Platform.SMS, failure.errcode), failure.errcode)
