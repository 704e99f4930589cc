"""Rights to send subscription messages: an append-only ledger, its balance the sum of changes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import BindParameter, bindparam, func, insert, literal, select
from sqlalchemy.orm import Session

from app.models.outreach.communication import Communication, SubscriptionGrant
from app.models.trust.account import WeChatAccount


class Spending(Protocol):
    """A message, or the columns of one, whose call spends a right."""

    @property
    def id(self) -> int: ...
    @property
    def account_id(self) -> int | None: ...
    @property
    def template_id(self) -> str | None: ...
    @property
    def claim_token(self) -> str | None: ...


def balance(session: Session, account_id: int, template_id: str) -> int:
    """Return the rights left, as far as we know: the platform's 43101 is the truth."""
    total = session.scalar(
        select(func.coalesce(func.sum(SubscriptionGrant.change), 0)).filter_by(
            account_id=account_id, template_id=template_id
        )
    )
    return max(0, int(total or 0))


# Written once, not for every group of calls.
_ACCOUNTS: Final[BindParameter[int]] = bindparam("accounts", expanding=True)
_LOCK: Final = (
    select(WeChatAccount.id)
    .where(WeChatAccount.id.in_(_ACCOUNTS))
    .order_by(WeChatAccount.id)
    .with_for_update()
)
_LEFT: Final = (
    select(
        SubscriptionGrant.account_id,
        SubscriptionGrant.template_id,
        func.sum(SubscriptionGrant.change),
    )
    .where(SubscriptionGrant.account_id.in_(_ACCOUNTS))
    .group_by(SubscriptionGrant.account_id, SubscriptionGrant.template_id)
)
_GRANTS: Final = SubscriptionGrant.metadata.tables[SubscriptionGrant.__tablename__]
_SPEND: Final = insert(_GRANTS).from_select(
    ["account_id", "template_id", "change", "reason", "communication_id", "at"],
    select(
        Communication.account_id,
        Communication.template_id,
        literal(-1),
        literal("spent:") + Communication.claim_token,
        Communication.id,
        bindparam("now", type_=_GRANTS.c.at.type),
    ).where(Communication.id.in_(bindparam("ids", expanding=True))),
)


def spend(session: Session, messages: Sequence[Spending], now: datetime) -> set[int]:
    """Spend one right for each call about to be made; return the ids of messages that had one.

    The accounts' row locks make two messages to one person take turns. Three statements,
    however many messages they are.
    """
    wanting = [one for one in messages if one.account_id is not None and one.template_id]
    if not wanting:
        return set()
    accounts = [one.account_id for one in wanting]
    session.execute(_LOCK, {"accounts": accounts})
    left: dict[tuple[int | None, str | None], int] = {
        (account_id, template_id): int(total)
        for account_id, template_id, total in session.execute(_LEFT, {"accounts": accounts})
    }
    spending: list[int] = []
    for message in wanting:
        key = (message.account_id, message.template_id)
        if left.get(key, 0) > 0:
            left[key] -= 1
            spending.append(message.id)
    if spending:
        session.execute(_SPEND, {"ids": spending, "now": now})
    return set(spending)


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
    session.add(SubscriptionGrant(**_entry(message, change, reason, now)))
    session.flush()


def _entry(message: Spending, change: int, reason: str, now: datetime) -> dict[str, Any]:
    return {
        "account_id": message.account_id,
        "template_id": message.template_id,
        "change": change,
        "reason": reason,
        "communication_id": message.id,
        "at": now,
    }
