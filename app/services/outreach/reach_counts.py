"""Messages that reached patients, month by month, and the SMS that were not needed for it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app import clock
from app.domain.outreach.messaging import Channel, CommunicationState
from app.models import Communication, ReachMonth

# Of some channels, that the platform took a message is all that is ever known.
_REACHED: Final = (CommunicationState.SENT, CommunicationState.DELIVERED)


@dataclass(frozen=True, slots=True)
class MonthLine:
    """One month: SMS sent, notices that came by other channels, and what those saved, in fen."""

    month: date
    sms: int
    avoided: int
    saved: int


def count_months(session: Session, now: datetime, zone: ZoneInfo) -> None:
    """Count this month and the last anew: receipts may come late. Earlier ones stand."""
    this = now.astimezone(zone).date().replace(day=1)
    for month in ((this - timedelta(days=1)).replace(day=1), this):
        _count(session, month)


def read_months(session: Session, price: int, limit: int = 13) -> Sequence[MonthLine]:
    """Return the newest months first; `price` of one SMS in fen.

    A notice that came by another channel is an SMS avoided.
    """
    found: dict[date, dict[Channel, int]] = defaultdict(dict)
    for one in session.scalars(select(ReachMonth)):
        found[one.month][one.channel] = one.messages
    lines = []
    for month, channels in sorted(found.items(), reverse=True)[:limit]:
        sms = channels.get(Channel.SMS, 0)
        avoided = sum(channels.values()) - sms
        lines.append(MonthLine(month, sms, avoided, avoided * price))
    return lines


def _count(session: Session, month: date) -> None:
    begins = clock.start_of_day(month)
    ends = clock.start_of_day((month + timedelta(days=31)).replace(day=1))
    known = select(func.max(ReachMonth.first_id)).where(ReachMonth.month <= month)
    # In the order of ids, it stops at the first: a month is not searched through for it.
    first = session.scalar(
        select(Communication.id)
        .where(Communication.id >= (session.scalar(known) or 0), Communication.planned_at >= begins)
        .order_by(Communication.id)
        .limit(1)
    )
    if first is None:
        return
    counted = session.execute(
        select(Communication.channel, func.count())
        .where(
            Communication.id >= first,
            Communication.planned_at >= begins,
            Communication.planned_at < ends,
            Communication.link_id.is_not(None),
            Communication.channel != Channel.INBOX,
            Communication.state.in_(_REACHED),
        )
        .group_by(Communication.channel)
    ).all()
    session.execute(delete(ReachMonth).where(ReachMonth.month == month))
    session.add_all(
        ReachMonth(month=month, channel=channel, messages=number, first_id=first)
        for channel, number in counted
    )
    session.flush()
