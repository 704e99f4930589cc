"""Webhooks: who is told of which events, and the calls that tell them."""

import re
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.database import Base, database_time
from app.domain.errors import NotFound
from app.domain.exchange.delivering import CallError, DeliveryState
from app.domain.exchange.webhooks import (
    KINDS,
    LIFE,
    ROTATION,
    TEST_KIND,
    WebhookCall,
    body_of,
)
from app.domain.outreach.messaging import dedupe_key
from app.encryption import SealBroken
from app.models import (
    Alert,
    CarePlan,
    Encounter,
    Event,
    Observation,
    OutboundDelivery,
    OutboundDocument,
    Patient,
    Task,
    Webhook,
)
from app.models.exchange import claims
from app.models.exchange.claims import begin, held, rest

# Ids of an event whose rows the outside may know; whatever else it carries stays inside.
_SUBJECTS: Final[dict[str, tuple[str, type[Base]]]] = {
    "alert_id": ("alert", Alert),
    "care_plan_id": ("care-plan", CarePlan),
    "document_id": ("document", OutboundDocument),
    "encounter_id": ("encounter", Encounter),
    "observation_id": ("observation", Observation),
    "supersedes_id": ("supersedes", Observation),
    "task_id": ("task", Task),
    "other_id": ("other", Patient),  # of a merge: the retired record
}
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def subscribe(
    session: Session, name: str, url: str, kinds: Collection[str], now: datetime
) -> tuple[Webhook, str]:
    """Add a subscriber; return it and its secret, which is shown this once.

    :raises ValueError: a name, a kind of event or an address that is none, or a name in use
    """
    if not _NAME.fullmatch(name):
        raise ValueError("a name is letters, digits and dashes")
    unknown = set(kinds) - KINDS
    if unknown or not kinds:
        raise ValueError(f"unknown events: {', '.join(sorted(unknown)) or 'none given'}")
    if session.scalar(select(Webhook.id).filter_by(name=name)) is not None:
        raise ValueError(f"{name} is there already")
    secret = _new_secret()
    webhook = Webhook(name=name, url=url, secret=secret, kinds=sorted(kinds), created_at=now)
    session.add(webhook)
    session.flush()
    return webhook, secret


def rotate(session: Session, name: str, now: datetime) -> str:
    """Return a new secret; for 24 hours the one before signs too.

    :raises NotFound: no such subscriber
    """
    webhook = _named(session, name)
    secret = _new_secret()
    webhook.old_secret, webhook.old_secret_until = webhook.secret, now + ROTATION
    webhook.secret = secret
    return secret


def disable(session: Session, name: str, now: datetime) -> Webhook:
    """Stop telling a subscriber.

    :raises NotFound: no such subscriber
    """
    webhook = _named(session, name)
    if webhook.is_active:
        claims.disable(session, webhook, "operator", now)
    return webhook


def enable(session: Session, name: str) -> Webhook:
    """Tell a subscriber again, of what happens from now on.

    :raises NotFound: no such subscriber
    """
    webhook = _named(session, name)
    webhook.is_active = True
    webhook.failing_since = webhook.disabled_at = webhook.reason = None
    return webhook


def queue_test(session: Session, name: str, now: datetime) -> OutboundDelivery:
    """Queue a call that tells of nothing, to see whether the way is open.

    :raises NotFound: no such active subscriber
    """
    webhook = _named(session, name)
    if not webhook.is_active:
        raise NotFound
    row = _delivery(webhook, TEST_KIND, secrets.token_hex(8), {}, now, now)
    session.add(row)
    session.flush()
    return row


def tell_subscribers(session: Session, event: Event, now: datetime) -> int:
    """Queue one call to each subscriber of this kind of event; return how many are new.

    The same event again queues nothing.
    """
    if event.kind not in KINDS:
        return 0
    subscribers = [
        webhook
        for webhook in session.scalars(select(Webhook).filter_by(is_active=True))
        # A new subscriber is told of what happens from then on, however late we read of it.
        if event.kind in webhook.kinds and webhook.created_at <= event.at
    ]
    if not subscribers:
        return 0
    told = _told(session, event)
    rows = [_delivery(one, event.kind, str(event.id), told, event.at, now) for one in subscribers]
    known = set(
        session.scalars(
            select(OutboundDelivery.dedupe_key).where(
                OutboundDelivery.dedupe_key.in_([row.dedupe_key for row in rows])
            )
        )
    )
    fresh = [row for row in rows if row.dedupe_key not in known]
    session.add_all(fresh)
    session.flush()
    return len(fresh)


def begin_telling(
    session: Session, token: str, ids: Sequence[int], now: datetime
) -> list[tuple[int, WebhookCall]]:
    """Commit to calling; return what the senders need. The caller commits before it calls."""
    at = database_time(session)
    calls = []
    for row in held(session, token, ids, at):
        webhook = session.get_one(Webhook, row.webhook_id)
        if not webhook.is_active:
            rest(row, DeliveryState.CANCELLED, now)
        elif row.expires_at <= now:
            rest(row, DeliveryState.EXPIRED, now)
        elif (call := _call(webhook, row, now)) is None:
            rest(row, DeliveryState.DEAD, now, CallError.UNREADABLE)
        else:
            begin(row, at, now)
            calls.append((row.id, call))
    return calls


def _call(webhook: Webhook, row: OutboundDelivery, now: datetime) -> WebhookCall | None:
    try:
        signing = [webhook.secret or ""]
        if webhook.old_secret_until is not None and webhook.old_secret_until > now:
            signing.append(webhook.old_secret or "")
        url = webhook.url or ""
    except SealBroken:
        return None
    told = dict(row.told)
    at = datetime.fromisoformat(told.pop("at"))
    return WebhookCall(
        row.public_id, url, tuple(signing), body_of(row.public_id, row.kind, at, told)
    )


def _told(session: Session, event: Event) -> dict[str, str]:
    """Return the public ids of what an event is about; words and values stay inside."""
    told = {}
    if event.patient_id is not None:
        told["patient"] = session.get_one(Patient, event.patient_id).public_id
    for name, (subject, model) in _SUBJECTS.items():
        id_ = event.payload.get(name)
        row: Any = session.get(model, id_) if isinstance(id_, int) else None
        if row is not None:
            told[subject] = row.public_id
    return told


def _delivery(
    webhook: Webhook, kind: str, what: str, told: dict[str, str], at: datetime, now: datetime
) -> OutboundDelivery:
    return OutboundDelivery(
        dedupe_key=dedupe_key("webhook", webhook.public_id, kind, what), target=webhook.target,
        webhook_id=webhook.id, kind=kind, told={**told, "at": at.isoformat()},
        state=DeliveryState.QUEUED, due_at=now, expires_at=now + LIFE, created_at=now,
    )  # fmt: skip


def _named(session: Session, name: str) -> Webhook:
    webhook = session.scalar(select(Webhook).filter_by(name=name).with_for_update())
    if webhook is None:
        raise NotFound
    return webhook


def _new_secret() -> str:
    return f"whsec_{secrets.token_urlsafe(32)}"
