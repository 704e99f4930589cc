"""The ledger of rights to send subscription messages, as people give them.

Each accepted popup of a one-time template gives the right to one message (WeChat,
requestSubscribeMessage). Phone and platform both report the same popup, and neither report has
the other's name; so each report looks for an unpaired one of the other kind within ten minutes
and, where there is one, counts nothing itself.
"""

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import SubscriptionGrant, WeChatAccount

PAIR_WITHIN: Final = timedelta(minutes=10)


class Reporter(StrEnum):
    PHONE = "phone"
    CALLBACK = "callback"

    @property
    def other(self) -> "Reporter":
        return Reporter.CALLBACK if self is Reporter.PHONE else Reporter.PHONE


def record_answer(
    session: Session,
    account_id: int,
    template_id: str,
    accepted: bool,
    reported_by: Reporter,
    reference: str,
    now: datetime,
    *,
    is_long_term: bool = False,
) -> None:
    """Keep one answer to one popup; the same `reference` again changes nothing.

    A right is added once for both reports of it. An accepted long-term template and a refusal
    are kept with a change of 0: the one needs no count, the other is remembered.
    """
    # The lock makes the two reports take turns.
    session.get_one(WeChatAccount, account_id, with_for_update=True)
    key = _source_key(account_id, template_id, reported_by, reference)
    if session.scalar(select(SubscriptionGrant.id).filter_by(source_key=key)) is not None:
        return
    change, reason = 0, f"{reported_by}-refused"
    if accepted and is_long_term:
        reason = f"{reported_by}-long-term"
    elif accepted:
        is_paired = _unpaired(session, account_id, template_id, reported_by.other, now) > 0
        change, reason = (0, f"{reported_by}-paired") if is_paired else (1, reported_by)
    session.add(
        SubscriptionGrant(
            account_id=account_id,
            template_id=template_id,
            change=change,
            reason=reason,
            source_key=key,
            at=now,
        )
    )


def _source_key(account_id: int, template_id: str, reported_by: Reporter, reference: str) -> bytes:
    told = f"{reported_by}/{account_id}/{template_id}/{reference}"
    return hashlib.sha256(told.encode()).digest()


def _unpaired(
    session: Session, account_id: int, template_id: str, reporter: Reporter, now: datetime
) -> int:
    """Return how many recent reports of one kind have not met their twin of the other."""
    reasons = session.scalars(
        select(SubscriptionGrant.reason).where(
            SubscriptionGrant.account_id == account_id,
            SubscriptionGrant.template_id == template_id,
            SubscriptionGrant.at >= now - PAIR_WITHIN,
            SubscriptionGrant.reason.in_((reporter, f"{reporter.other}-paired")),
        )
    ).all()
    return 2 * reasons.count(reporter) - len(reasons)
