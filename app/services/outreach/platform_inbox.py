"""The platforms' inbox: pushes are kept as they came, answered at once, and worked on later."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.domain.outreach.platform_events import Inbound, read_message
from app.domain.outreach.platform_xml import NotReadable
from app.models import InboundMessage

log = structlog.get_logger()

MAX_TRIES: Final = 5
_PLATFORM: Final = or_(
    InboundMessage.source.like("wechat:%"), InboundMessage.source.like("wecom:%")
)


# One kind of push; it may be given the same one twice, and any order of them.
Handler = Callable[[Session, Inbound, datetime], None]


def keep(session: Session, source: str, plain: bytes, received_at: datetime) -> None:
    """Put one verified push into the inbox; `source` is `wecom:` or `wechat:` and the app key.

    :raises sqlalchemy.exc.IntegrityError: it is there already, see `count_repeat`
    """
    kind, message_id = "unreadable", None
    try:
        message = read_message(plain)
        kind, message_id = message.kind, message.message_id
    except NotReadable:
        pass  # kept all the same, so that somebody can find out why
    session.add(
        InboundMessage(
            source=source,
            dedupe_key=dedupe_key(plain, message_id),
            kind=kind,
            control_id=message_id,
            body=plain.decode("latin-1"),
            status="received",
            received_at=received_at,
        )
    )
    session.flush()


def dedupe_key(plain: bytes, message_id: str | None) -> bytes:
    """Return what a repeat has in common with the first: the message's id, else all its bytes.

    The platforms encrypt a repeat anew, over the same plaintext. Sender and time alone would
    be too coarse: many events come from `sys` within one second.
    """
    named = b"MsgId " + message_id.encode() if message_id else b"plaintext " + plain
    return hashlib.sha256(named).digest()


def count_repeat(session: Session, source: str, plain: bytes) -> None:
    """Note that a push came again."""
    try:
        message_id = read_message(plain).message_id
    except NotReadable:
        message_id = None
    session.execute(
        update(InboundMessage)
        .filter_by(source=source, dedupe_key=dedupe_key(plain, message_id))
        .values(repeats=InboundMessage.repeats + 1)
    )


def process_pending(
    session: Session, handlers: Mapping[str, Handler], now: datetime, limit: int = 100
) -> int:
    """Work on what the platforms sent, oldest first; return how many were taken up.

    `handlers` by kind. Each push has a savepoint of its own: one that fails is tried again at the
    next call, and rejected after the fifth. A kind without a handler is processed by leaving it.
    """
    rows = session.scalars(
        select(InboundMessage)
        .where(InboundMessage.status == "received", _PLATFORM)
        .order_by(InboundMessage.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        _process(session, row, handlers, now)
    return len(rows)


def _process(
    session: Session, row: InboundMessage, handlers: Mapping[str, Handler], now: datetime
) -> None:
    handle = handlers.get(row.kind)
    row.tries += 1
    try:
        message = read_message((row.body or "").encode("latin-1"))
        if handle is not None:
            app_key = row.source.partition(":")[2]
            with session.begin_nested():
                handle(session, Inbound(app_key, message, row.received_at), now)
    except NotReadable:
        _close(row, "rejected", "unreadable", now)
    except OperationalError:
        raise  # the database's trouble, not the message's: the whole batch is tried again
    except Exception as error:
        log.warning("inbound_failed", message_id=row.id, attempt=row.tries, exc_info=error)
        if row.tries >= MAX_TRIES:
            _close(row, "rejected", type(error).__name__, now)
    else:
        _close(row, "processed", None if handle else "no handler", now)


def _close(row: InboundMessage, status: str, reason: str | None, now: datetime) -> None:
    row.status, row.reason, row.processed_at = status, reason, now
