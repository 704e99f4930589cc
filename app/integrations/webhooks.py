"""Telling a subscriber: one signed POST."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import structlog

from app.domain.exchange.delivering import Broken, CallOutcome, Taken
from app.domain.exchange.webhooks import WebhookCall
from app.domain.trust import signatures
from app.integrations.bounded_http import Bounds, Network, Reach, call

log = structlog.get_logger()

# A subscriber that needs longer should keep the call and work afterwards.
_BOUNDS: Final = Bounds(connect=3.0, read=5.0, total=5.0, answer=2 << 20)


def webhook_sender(
    networks: Sequence[Network], now: Callable[[], datetime], bounds: Bounds = _BOUNDS
) -> Callable[[WebhookCall], CallOutcome]:
    """Return what makes webhook calls; `networks` are the inner ones that may be called."""
    reach = Reach(tuple(networks))

    def send(telling: WebhookCall) -> CallOutcome:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "CareLoop-Webhook/1",
            "CareLoop-Delivery": telling.delivery_id,
            signatures.HEADER: signatures.sign(telling.secrets, now(), telling.body),
        }
        answer = call("POST", telling.url, headers, telling.body, reach=reach, bounds=bounds)
        if isinstance(answer, Broken):
            log.warning(
                "webhook_call_failed", rid=telling.delivery_id, error_class=answer.error.value,
                status=answer.code,
            )  # fmt: skip
            return answer
        return Taken()

    return send
