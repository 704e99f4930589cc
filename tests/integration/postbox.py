"""Messages for tests of the outbox, and senders that remember what they were asked."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from app.domain.outreach.messaging import (
    Accepted,
    Channel,
    CommunicationState,
    Lane,
    Outcome,
    Outgoing,
    dedupe_key,
)
from app.models import Communication, SubscriptionGrant, WeChatAccount
from app.services.outreach import outbox
from jobs.sending import Pump
from jobs.wire import Senders
from tests.conftest import NOON

TEMPLATE = "tmpl-sub"


def letter(
    session: Session,
    recipient: str = "oPatient1",
    channel: Channel = Channel.TEMPLATE,
    *,
    due_at: datetime = NOON,
    lane: Lane = Lane.BULK,
    expires_at: datetime = NOON + timedelta(days=2),
    **more: object,
) -> Communication:
    """Queue one message, flushed."""
    message = Communication.queue(
        session, dedupe_key=dedupe_key(uuid4()), kind="task-reminder", channel=channel, lane=lane,
        app_key="patient", recipient_key=f"patient:{recipient}", planned_at=NOON, due_at=due_at,
        expires_at=expires_at, content=json.dumps({"openid": recipient}), **more,
    )  # fmt: skip
    assert message is not None
    return message


def account(session: Session, openid: str = "oPatient1", rights: int = 0) -> WeChatAccount:
    """Make a WeChat user with rights for `TEMPLATE`, flushed."""
    user = WeChatAccount(app_key="patient", openid=openid, created_at=NOON, last_seen_at=NOON)
    session.add(user)
    session.flush()
    if rights:
        allow(session, user, rights)
    return user


def allow(session: Session, user: WeChatAccount, rights: int) -> None:
    session.add(
        SubscriptionGrant(
            account_id=user.id, template_id=TEMPLATE, change=rights, reason="accepted", at=NOON
        )
    )
    session.flush()


def with_right(session: Session, user: WeChatAccount) -> Communication:
    """Queue a message that spends a right at each call."""
    return letter(
        session, user.openid, Channel.SUBSCRIPTION, account_id=user.id, template_id=TEMPLATE,
        needs_right=True,
    )  # fmt: skip


class Postman:
    """A sender that counts what it was given, by message and by recipient at the same time."""

    def __init__(self, answer: Callable[[Outgoing], Outcome] | None = None) -> None:
        self.carried: Counter[str] = Counter()
        self.most_at_once = 0
        self._at_once: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._answer = answer or (lambda message: Accepted(f"p-{message.public_id}"))

    def __call__(self, message: Outgoing) -> Outcome:
        who = message.content["openid"]
        with self._lock:
            self.carried[message.public_id] += 1
            self._at_once[who] += 1
            self.most_at_once = max(self.most_at_once, self._at_once[who])
        try:
            return self._answer(message)
        finally:
            with self._lock:
                self._at_once[who] -= 1


def call(session: Session, now: datetime = NOON) -> tuple[str, list[int]]:
    """Claim and begin the calls; return the token and the ids on the wire."""
    token, claimed = outbox.claim(session, now)
    calls = outbox.begin_calling(session, token, claimed, now)
    session.flush()
    session.expire_all()  # what is written for many at once goes around what the session holds
    return token, [id_ for id_, _ in calls]


def send_due(senders: Senders, now: Callable[[], datetime], in_flight: int = 32) -> int:
    """Send one claim of what is due; return how many messages were claimed."""
    with Pump(senders, now, in_flight) as pump:
        return pump.send_due()


def end_leases(bind: Engine | Session) -> None:
    """Let the database's clock pass the end of every lease."""
    lapse = text(
        "UPDATE communication SET lease_until = '2020-01-01 00:00:00' WHERE lease_until IS NOT NULL"
    )
    if isinstance(bind, Session):
        bind.flush()
        bind.execute(lapse)
        bind.expire_all()
        return
    with bind.begin() as connection:
        connection.execute(lapse)


def states(session: Session) -> Counter[CommunicationState]:
    return Counter(session.scalars(select(Communication.state)))
