"""What the platforms report about our messages, our followers, and the cards of the staff."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.domain.outreach.messaging import Channel, CommunicationState
from app.domain.outreach.platform_events import (
    CardClick,
    Inbound,
    Receipt,
    card_click,
    subscription_answers,
    subscription_receipts,
    template_receipts,
)
from app.models import Communication, EarlyReceipt, WeChatAccount
from app.models.outreach.receipt import apply_receipt, receipt_of

log = structlog.get_logger()

# How long a receipt without a message, and a message without an answer, may look for each other.
WINDOW: Final = timedelta(hours=24)
_SKEW: Final = timedelta(minutes=1)  # between the clocks of our machines
_CHANNELS: Final = {
    "subscribe_msg_sent_event": Channel.SUBSCRIPTION,
    "TEMPLATESENDJOBFINISH": Channel.TEMPLATE,
}
_UNANSWERED: Final = (
    CommunicationState.QUEUED,  # to be repeated after a lost answer
    CommunicationState.CLAIMED,
    CommunicationState.CALLING,
    CommunicationState.UNKNOWN,
)

Handle = Callable[[Session, Inbound, datetime], None]


class RecordAnswer(Protocol):
    """Write to the ledger of rights what a user answered; a repeat of `source_key` is harmless."""

    def __call__(
        self,
        session: Session,
        account_id: int,
        template_id: str,
        answer: str,
        now: datetime,
        *,
        source_key: bytes,
    ) -> None: ...


def settle_subscription(session: Session, inbound: Inbound, now: datetime) -> None:
    """Handle `subscribe_msg_sent_event`."""
    for receipt in subscription_receipts(inbound.message):
        _settle_or_keep(session, inbound, receipt)


def settle_template(session: Session, inbound: Inbound, now: datetime) -> None:
    """Handle `TEMPLATESENDJOBFINISH`."""
    for receipt in template_receipts(inbound.message):
        _settle_or_keep(session, inbound, receipt)


def retry_early_receipts(session: Session, now: datetime, limit: int = 200) -> int:
    """Look again for the messages of receipts that found none; return how many were settled.

    A receipt that came while a later call to the same person was under way finds its message
    once that call has its own id. What is too old is forgotten.
    """
    session.execute(delete(EarlyReceipt).where(EarlyReceipt.at < now - WINDOW))
    kept = session.scalars(
        select(EarlyReceipt)
        .order_by(EarlyReceipt.id.desc())
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    settled = 0
    for early in kept:
        account_id, receipt = early.outcome["account_id"], receipt_of(early)
        channel = _CHANNELS[early.kind]
        if _settle(session, early.app_key, channel, account_id, receipt, early.at):
            session.delete(early)
            settled += 1
    return settled


def record_answers(record: RecordAnswer) -> Handle:
    """Return the handler of the popup and settings events; `record` writes the ledger."""

    def handle(session: Session, inbound: Inbound, now: datetime) -> None:
        message = inbound.message
        account = _account(session, inbound.app_key, message.sender, message.created_at)
        for one in subscription_answers(message):
            told = (message.kind, inbound.app_key, message.sender, message.created_at.isoformat())
            source = "\x1f".join((*told, one.template_id, one.answer))
            key = hashlib.sha256(source.encode()).digest()
            # When it came, not when we got round to it: the phone reports the same answer, and
            # the two are known to be one by their times.
            at = inbound.received_at
            record(session, account.id, one.template_id, one.answer, at, source_key=key)

    return handle


def follow(on_change: Callable[[Session, WeChatAccount, datetime], None]) -> Handle:
    """Return the handler of `subscribe` and `unsubscribe`.

    `on_change` leaves word of either, and that a follower's unionid is to be fetched: no call to
    a platform is made in a transaction.
    """

    def handle(session: Session, inbound: Inbound, now: datetime) -> None:
        at = inbound.message.created_at
        account = _account(session, inbound.app_key, inbound.message.sender, at)
        if account.last_seen_at > at:
            return  # overtaken by a later one
        account.last_seen_at = at
        account.is_following = inbound.message.kind == "subscribe"
        on_change(session, account, now)

    return handle


def hear(session: Session, inbound: Inbound, now: datetime) -> None:
    """Note that a person wrote to us: from then on we may answer them for a while."""
    at = inbound.message.created_at
    account = _account(session, inbound.app_key, inbound.message.sender, at)
    if account.spoke_at is None or account.spoke_at < at:
        account.spoke_at = at


def click(handle_click: Callable[[Session, CardClick, datetime], object]) -> Handle:
    """Return the handler of `template_card_event`."""

    def handle(session: Session, inbound: Inbound, now: datetime) -> None:
        pressed = card_click(inbound.message)
        if pressed is None:
            log.warning("card_click_unreadable", app=inbound.app_key)
            return
        handle_click(session, pressed, now)

    return handle


def _settle_or_keep(session: Session, inbound: Inbound, receipt: Receipt) -> None:
    app_key, kind = inbound.app_key, inbound.message.kind
    account_id = session.scalar(
        select(WeChatAccount.id).filter_by(app_key=app_key, openid=inbound.message.sender)
    )
    at = inbound.received_at
    if _settle(session, app_key, _CHANNELS[kind], account_id, receipt, at):
        return
    names = {"app_key": app_key, "platform_id": receipt.platform_id, "kind": kind}
    if session.scalar(select(EarlyReceipt.id).filter_by(**names)) is None:
        outcome = {
            "is_delivered": receipt.is_delivered,
            "outcome": receipt.outcome[:64],
            "template_id": receipt.template_id,
            "account_id": account_id,
        }
        session.add(EarlyReceipt(**names, outcome=outcome, at=at))
        session.flush()


def _settle(
    session: Session,
    app_key: str,
    channel: Channel,
    account_id: int | None,
    receipt: Receipt,
    at: datetime,
) -> bool:
    """Settle the message of a receipt; False when it is not known which one that is."""
    # These rows first: a worker that is about to write the id of one of them waits for us and
    # then finds the receipt we keep, or we wait for it and then find the id.
    open_ = _unanswered(session, app_key, channel, account_id, receipt, at)
    by_id = select(Communication.id).filter_by(app_key=app_key, platform_id=receipt.platform_id)
    known = _locked(session, session.scalars(by_id).all())
    if known:
        apply_receipt(session, known[0], receipt, at)
        return True
    # One call at a time to a person: with one message open, the receipt can be no other's.
    if len(open_) == 1 and open_[0].state is CommunicationState.UNKNOWN:
        return apply_receipt(session, open_[0], receipt, at)
    return False


def _unanswered(
    session: Session,
    app_key: str,
    channel: Channel,
    account_id: int | None,
    receipt: Receipt,
    at: datetime,
) -> list[Communication]:
    """Return, locked, the messages to this person that were called and have no id yet."""
    if account_id is None:
        return []
    chosen = select(Communication.id).where(
        Communication.account_id == account_id,
        Communication.app_key == app_key,
        Communication.channel == channel,
        Communication.state.in_(_UNANSWERED),
        Communication.platform_id.is_(None),
        Communication.first_called_at.between(at - WINDOW, at + _SKEW),
    )
    if receipt.template_id is not None:
        chosen = chosen.filter_by(template_id=receipt.template_id)
    found = _locked(session, session.scalars(chosen).all())
    return [one for one in found if one.state in _UNANSWERED and one.platform_id is None]


def _locked(session: Session, ids: Sequence[int]) -> Sequence[Communication]:
    """Return the messages, locked and as they are now.

    Found without a lock and then locked by their key: who locks through another index holds a
    part of it while waiting for the row, and so blocks the one who has the row.
    """
    return session.scalars(
        select(Communication)
        .where(Communication.id.in_(ids))
        .order_by(Communication.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def _account(session: Session, app_key: str, openid: str, at: datetime) -> WeChatAccount:
    """Return the account of a user, made now if they never came to us before."""
    account = session.scalar(
        select(WeChatAccount).filter_by(app_key=app_key, openid=openid).with_for_update()
    )
    if account is None:
        account = WeChatAccount(app_key=app_key, openid=openid, created_at=at, last_seen_at=at)
        session.add(account)
        session.flush()
    return account
