"""Rights to send subscription messages: an append-only ledger, its balance the sum of changes."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models.account import WeChatAccount
from app.models.communication import Communication, SubscriptionGrant


def balance(session: Session, account_id: int, template_id: str) -> int:
    """Return the rights left, as far as we know: the platform's 43101 is the truth."""
    total = session.scalar(
        select(func.coalesce(func.sum(SubscriptionGrant.change), 0)).filter_by(
            account_id=account_id, template_id=template_id
        )
    )
    return max(0, int(total or 0))


def spend(session: Session, message: Communication, now: datetime) -> bool:
    """Spend one right for a call about to be made; False when none is left.

    The account's row lock makes two messages to one person take turns.
    """
    if message.account_id is None or message.template_id is None:
        return False
    session.get_one(WeChatAccount, message.account_id, with_for_update=True)
    if balance(session, message.account_id, message.template_id) < 1:
        return False
    _write(session, message, -1, f"spent:{message.claim_token}", now)
    return True


def give_back(session: Session, message: Communication, now: datetime) -> None:
    """Return the right of a call that certainly had no effect.

    Entries are named by the claim, not by the try: a person who was busy costs no try.
    """
    _write(session, message, 1, f"returned:{message.claim_token}", now)


def write_off(session: Session, message: Communication, now: datetime) -> None:
    """Set the balance to nothing: the platform says that no right is left."""
    if message.account_id is not None and message.template_id is not None:
        # As in `spend`: without the lock, both would take away the same right.
        session.get_one(WeChatAccount, message.account_id, with_for_update=True)
        left = balance(session, message.account_id, message.template_id)
        if left:
            _write(session, message, -left, "written-off", now)


def _write(
    session: Session, message: Communication, change: int, reason: str, now: datetime
) -> None:
    session.add(
        SubscriptionGrant(
            account_id=message.account_id,
            template_id=message.template_id,
            change=change,
            reason=reason,
            communication_id=message.id,
            at=now,
        )
    )
    session.flush()
