"""What is seen of one source now: bounded looks that an index answers, however large the table."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.intake.feed_health import REFUSED_WITHIN, Signs
from app.models.intake.inbound import InboundMessage

# The newest messages that the ratios, the latency and the clock are told from.
SAMPLE: Final = 500
_CLOCK_SAMPLE: Final = 50


@dataclass(frozen=True, slots=True)
class Seen:
    """`signs`, and how fast the source was answered lately, in milliseconds; `sample` is how many
    answers that is told from.
    """

    signs: Signs
    sample: int
    median_ms: int | None
    p95_ms: int | None


def known_sources(session: Session) -> list[str]:
    """Return every source that ever sent anything, in order.

    One seek for each: counting them by DISTINCT would read the whole index where the database
    has no loose scan.
    """
    found: list[str] = []
    while True:
        seek = select(InboundMessage.source).order_by(InboundMessage.source).limit(1)
        if found:
            seek = seek.where(InboundMessage.source > found[-1])
        source = session.scalar(seek)
        if source is None:
            return found
        found.append(source)


def see(session: Session, source: str, now: datetime) -> Seen:
    """Return what is seen of a source: one seek for what waits, one short read of the newest."""
    rows = session.execute(
        select(
            InboundMessage.status,
            InboundMessage.received_at,
            InboundMessage.sent_at,
            InboundMessage.answered_ms,
        )
        .where(InboundMessage.source == source)
        .order_by(InboundMessage.received_at.desc())
        .limit(SAMPLE)
    ).all()
    recent = [row.status for row in rows if row.received_at > now - REFUSED_WITHIN]
    answers = sorted(row.answered_ms for row in rows if row.answered_ms is not None)
    return Seen(
        Signs(
            last_at=rows[0].received_at if rows else None,
            oldest_waiting_at=_oldest_waiting(session, source),
            recent=len(recent),
            refused=sum(status in ("rejected", "held") for status in recent),
            skew=_skew(rows[:_CLOCK_SAMPLE]),
        ),
        sample=len(answers),
        median_ms=round(median(answers)) if answers else None,
        p95_ms=answers[min(len(answers) * 95 // 100, len(answers) - 1)] if answers else None,
    )


def _oldest_waiting(session: Session, source: str) -> datetime | None:
    return session.scalar(
        select(InboundMessage.received_at)
        .where(InboundMessage.source == source, InboundMessage.status == "received")
        .order_by(InboundMessage.id)
        .limit(1)
    )


def _skew(rows: Iterable[Any]) -> timedelta | None:
    """Return the median of our clock less the sender's: one bad time does not move it."""
    offsets = [
        (row.received_at - row.sent_at).total_seconds() for row in rows if row.sent_at is not None
    ]
    return timedelta(seconds=median(offsets)) if offsets else None
