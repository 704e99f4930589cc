"""Taking over what the relay of the outer zone handed in: opened here, kept in the inbox."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.models import RelayedCallback

log = structlog.get_logger()

BATCH: Final = 100

# Returns source and plaintext of a push; raises NotGenuine for what nobody of ours can open.
Open = Callable[[bytes], tuple[str, bytes, datetime]]
Keep = Callable[[Session, str, bytes, datetime], None]
Repeat = Callable[[Session, str, bytes], None]


class NotGenuine(Exception):
    """Altered, forged, or for no app of ours: the relay's word alone is worth nothing."""


def take_relayed(
    session: Session, open_push: Open, keep: Keep, count_repeat: Repeat, now: datetime
) -> int:
    """Move a batch into the platforms' inbox, in the order it was handed in; return how many.

    Row and inbox change in one transaction: a push is there once whoever dies. Two clock processes
    wait for each other here, since the order per sender is the order of the rows.
    """
    rows = session.scalars(
        select(RelayedCallback)
        .where(RelayedCallback.taken_at.is_(None))
        .order_by(RelayedCallback.id)
        .limit(BATCH)
        .with_for_update()
    ).all()
    for row in rows:
        row.taken_at = now
        row.outcome = _take(session, row, open_push, keep, count_repeat)
    return len(rows)


def _take(
    session: Session, row: RelayedCallback, open_push: Open, keep: Keep, count_repeat: Repeat
) -> str:
    try:
        source, plain, received_at = open_push(row.push_sealed)
    except NotGenuine:
        log.error("relayed_callback_refused", source=row.source, message_id=row.id)
        return "refused"
    try:
        with session.begin_nested():
            keep(session, source, plain, received_at)
    except IntegrityError:
        count_repeat(session, source, plain)
        return "repeat"
    return "kept"
