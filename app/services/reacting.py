"""Reading events: each reaction at its own pace, every event once, poison set aside."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

import structlog
from sqlalchemy import delete, func, or_, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from app.database import database_time
from app.models import Event, ReactionCursor, ReactionFailure
from app.models.event_gaps import missed_after

log = structlog.get_logger()

Handler = Callable[[Session, Event], None]

_BATCH: Final = 20
_GLANCE: Final = 500
_MOST_GAPS: Final = 500
_UNDER_WAY: Final = 20
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
    seen, asked = _next(session, cursor.position, missed, kinds)
    events = select(Event).where(Event.id.in_(asked)).order_by(Event.id)
    for event in session.scalars(events).all() if asked else ():
        _handle(session, reaction, handle, event, now, tries=0)
    _advance(cursor, missed, seen, lambda: database_time(session), now)
    return len(seen) + retried


def _next(
    session: Session, position: int, missed: Collection[int], kinds: Collection[str]
) -> tuple[list[int], list[int]]:
    """Return the ids that come next, and those of `kinds` among them: at most a batch of these.

    Most events are not for most reactions, which pass over hundreds of them at a glance.
    """
    coming = session.execute(
        select(Event.id, Event.kind)
        .where(or_(Event.id > position, Event.id.in_(missed)))
        .order_by(Event.id)
        .limit(_GLANCE)
    )
    seen: list[int] = []
    asked: list[int] = []
    for event_id, kind in coming:
        if kind in kinds:
            if len(asked) == _BATCH:
                break
            asked.append(event_id)
        seen.append(event_id)
    return seen, asked


def who_must_read(
    session: Session, kinds_of: Mapping[str, Collection[str]], now: datetime
) -> frozenset[str]:
    """Return which reactions have something to handle; the others pass over what came, together.

    Most events are not for most reactions: one look for all costs what one of them would alone.
    """
    newest = session.scalar(select(func.max(Event.id))) or 0
    cursors = {cursor.reaction: cursor for cursor in session.scalars(select(ReactionCursor))}
    must = set(
        session.scalars(
            select(ReactionFailure.reaction).where(ReactionFailure.retry_at <= now).distinct()
        )
    )
    near: list[ReactionCursor] = []
    for key in kinds_of:
        cursor = cursors.get(key)
        if cursor is None or newest - cursor.position > _GLANCE:
            must.add(key)
        elif cursor.position < newest or cursor.gaps:
            near.append(cursor)
    coming = _coming(session, near)
    passing: list[tuple[ReactionCursor, list[int]]] = []
    for cursor in near:
        missed = {id_ for id_, _ in cursor.gaps}
        seen = [id_ for id_ in coming if id_ > cursor.position or id_ in missed]
        if any(coming[id_] in kinds_of[cursor.reaction] for id_ in seen):
            must.add(cursor.reaction)
        else:
            passing.append((cursor, seen))
    _pass_over(session, [one for one in passing if one[0].reaction not in must], now)
    return frozenset(must)


def _coming(session: Session, cursors: Collection[ReactionCursor]) -> dict[int, str]:
    """Return the kinds by id of all that is new to any of the cursors, in the order of ids."""
    if not cursors:
        return {}
    lowest = min(cursor.position for cursor in cursors)
    missed = {id_ for cursor in cursors for id_, _ in cursor.gaps}
    rows = session.execute(
        select(Event.id, Event.kind)
        .where(or_(Event.id > lowest, Event.id.in_(missed)))
        .order_by(Event.id)
    )
    return dict(rows.all())


def _pass_over(
    session: Session, passing: Collection[tuple[ReactionCursor, list[int]]], now: datetime
) -> None:
    """Move cursors past what is not for them, unless another worker has moved them meanwhile."""
    if not passing:
        return
    at = cache(lambda: database_time(session))
    free = session.execute(
        select(ReactionCursor.reaction, ReactionCursor.position, ReactionCursor.gaps)
        .where(ReactionCursor.reaction.in_([cursor.reaction for cursor, _ in passing]))
        .with_for_update(skip_locked=True)
    )
    unmoved = {reaction: (position, gaps) for reaction, position, gaps in free}
    for cursor, seen in passing:
        if unmoved.get(cursor.reaction) == (cursor.position, cursor.gaps):
            missed = {int(id_): str(since) for id_, since in cursor.gaps}
            _advance(cursor, missed, seen, at, now)


def forget_cursor(session: Session, reaction: str) -> None:
    """Let a reaction read all events from the first: effects must bear being repeated."""
    session.execute(delete(ReactionCursor).where(ReactionCursor.reaction == reaction))


def _begin(session: Session, reaction: str, now: datetime) -> None:
    """Begin a little before the first event: what is that near may be under way.

    Ids further back belonged to events long gone, and are no gaps to wait for.
    """
    first = session.scalar(select(func.min(Event.id))) or 0
    position = max(0, first - _UNDER_WAY)
    try:
        with session.begin_nested():
            session.add(
                ReactionCursor(reaction=reaction, position=position, gaps=[], updated_at=now)
            )
    except IntegrityError:
        pass  # another worker began it


def _advance(
    cursor: ReactionCursor,
    missed: dict[int, str],
    seen: list[int],
    at: Callable[[], datetime],
    now: datetime,
) -> None:
    """Move on past what was seen, remembering ids that were passed over."""
    position, still = missed_after(cursor.position, missed, seen, _MOST_GAPS, at)
    gaps = [[id_, since] for id_, since in still.items()]
    if (position, gaps) != (cursor.position, cursor.gaps):
        cursor.position, cursor.gaps, cursor.updated_at = position, gaps, now


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
