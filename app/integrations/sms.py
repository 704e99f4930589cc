"""The SMS provider: one JSON call a message, with our id as its idempotency key."""

import json

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
from app.integrations.platform_http import CallFailed, PlatformHttp

log = structlog.get_logger()


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


def _call(http: PlatformHttp, url: str, body: bytes) -> Outcome:
    try:
        response = http.request(
            "post", url, data=body, headers={"Content-Type": "application/json"}
        )
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
