"""Reading events: each reaction at its own pace, every event once, poison set aside."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import delete, or_, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from app.database import database_time
from app.models import Event, ReactionCursor, ReactionFailure

log = structlog.get_logger()

Handler = Callable[[Session, Event], None]

_BATCH: Final = 20
# An id missed for longer than any transaction lives was rolled back.
_GAP_LIFE: Final = timedelta(seconds=60)
_MOST_GAPS: Final = 500
# MariaDB's words for "not now": locks, and the ways in which a connection ends.
_PASSING: Final = frozenset({1040, 1053, 1205, 1213, 1317, 1927, 2002, 2003, 2006, 2013, 2014})
_RETRY_AFTER: Final = (timedelta(seconds=5), timedelta(minutes=1), timedelta(minutes=10))


def react(
    session: Session, reaction: str, kinds: Collection[str], handle: Handler, now: datetime
) -> int:
    """Handle the next events of `kinds` and return how many events were read.

    The cursor and the effects commit together, so an effect happens once. An event that cannot
    be handled is tried again later, and left for a person after the last try; the others go on.
    """
    cursor = session.scalar(
        select(ReactionCursor).filter_by(reaction=reaction).with_for_update(skip_locked=True)
    )
    if cursor is None:
        if session.get(ReactionCursor, reaction) is None:
            _begin(session, reaction, now)
        return 0  # another worker is at it, or the cursor is new: next time
    retried = _retry_failures(session, reaction, handle, now)
    missed = {int(id_): str(at) for id_, at in cursor.gaps}
    events = session.scalars(
        select(Event)
        .where(or_(Event.id > cursor.position, Event.id.in_(missed)))
        .order_by(Event.id)
        .limit(_BATCH)
    ).all()
    for event in events:
        if event.kind in kinds:
            _handle(session, reaction, handle, event, now, tries=0)
    _advance(session, cursor, missed, [event.id for event in events], now)
    return len(events) + retried


def forget_cursor(session: Session, reaction: str) -> None:
    """Let a reaction read all events from the first: effects must bear being repeated."""
    session.execute(delete(ReactionCursor).where(ReactionCursor.reaction == reaction))


def _begin(session: Session, reaction: str, now: datetime) -> None:
    try:
        with session.begin_nested():
            session.add(ReactionCursor(reaction=reaction, position=0, gaps=[], updated_at=now))
    except IntegrityError:
        pass  # another worker began it


def _advance(
    session: Session,
    cursor: ReactionCursor,
    missed: dict[int, str],
    seen: list[int],
    now: datetime,
) -> None:
    """Move on past what was seen, remembering ids that were passed over.

    How long an id is missed is told by the database's clock: ours may be set forward.
    """
    for id_ in seen:
        missed.pop(id_, None)
    newest = max([cursor.position, *seen])
    # A new cursor, or a restored database, may face a jump: only the last few can be in flight.
    first = max(cursor.position + 1, newest - _MOST_GAPS)
    new = set(range(first, newest)) - set(seen) - set(missed)
    if new or missed:
        at = database_time(session)
        missed.update(dict.fromkeys(new, at.isoformat()))
        oldest = (at - _GAP_LIFE).isoformat()
        missed = {id_: since for id_, since in missed.items() if since > oldest}
    cursor.gaps = sorted([id_, since] for id_, since in missed.items())[-_MOST_GAPS:]
    cursor.position = newest
    cursor.updated_at = now


def _handle(
    session: Session, reaction: str, handle: Handler, event: Event, now: datetime, tries: int
) -> bool:
    try:
        with session.begin_nested():
            handle(session, event)
    except Exception as error:
        if _is_passing(error):
            raise  # a deadlock or a lost connection is nobody's fault: the whole batch again
        log.warning(
            "reaction_failed", reaction=reaction, event_id=event.id, attempt=tries + 1,
            exc_info=error,
        )  # fmt: skip
        _set_aside(session, reaction, event, error, now, tries)
        return False
    return True


def _is_passing(error: Exception) -> bool:
    """Return whether the same may succeed a moment later.

    The driver calls an operational error whatever it has no other name for, such as a value
    that no column takes: that would stop the reaction for ever.
    """
    if not isinstance(error, OperationalError) or error.orig is None:
        return False
    if error.connection_invalidated:
        return True
    if name := getattr(error.orig, "sqlite_errorname", None):
        return str(name).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
    return bool(error.orig.args) and error.orig.args[0] in _PASSING


def _set_aside(
    session: Session, reaction: str, event: Event, error: Exception, now: datetime, tries: int
) -> None:
    retry_at = now + _RETRY_AFTER[tries] if tries < len(_RETRY_AFTER) else None
    failure = session.scalar(
        select(ReactionFailure).filter_by(reaction=reaction, event_id=event.id)
    )
    if failure is None:
        failure = ReactionFailure(reaction=reaction, event_id=event.id, at=now)
        session.add(failure)
    failure.tries = tries + 1
    failure.error = type(error).__name__
    failure.retry_at = retry_at


def _retry_failures(session: Session, reaction: str, handle: Handler, now: datetime) -> int:
    due: Any = session.execute(
        select(ReactionFailure, Event)
        .join(Event, Event.id == ReactionFailure.event_id)
        .where(ReactionFailure.reaction == reaction, ReactionFailure.retry_at <= now)
        .limit(_BATCH)
    ).all()
    for failure, event in due:
        if _handle(session, reaction, handle, event, now, failure.tries):
            session.delete(failure)
    return len(due)
