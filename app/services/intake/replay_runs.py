"""Having kept messages read again: a run is asked for, worked off in batches, can be stopped."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, sessionmaker

from app.database import database_time
from app.domain.errors import NotFound
from app.domain.intake.replays import REPLAYABLE, ReplayState
from app.models import InboundMessage, ReplayRun
from app.services.intake.interpreting import Settled
from app.services.intake.settling import Reader, replay

BATCH: Final = 50
# A batch whose worker died is taken up by another after this; reading a message twice does no harm.
LEASE: Final = timedelta(minutes=2)
# These have a worker of their own, which finds what is put back.
_HAS_WORKER: Final = ("wechat:", "wecom:", "device:")
_OPEN: Final = (ReplayState.WAITING, ReplayState.RUNNING, ReplayState.STOPPING)


@dataclass(frozen=True, slots=True)
class Which:
    """Messages of one source in one state; `reason` is a code, `message_id` one message alone."""

    source: str
    status: str
    reason: str | None = None
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    run_id: int
    source: str
    message_ids: tuple[int, ...]


def count(session: Session, which: Which) -> int:
    """Return how many messages a run would read again."""
    return session.scalar(select(func.count()).where(*_chosen(which))) or 0


def start(session: Session, which: Which, by: int | None, now: datetime) -> ReplayRun:
    """Ask for a run and return it; the one of this source that is under way is returned instead.

    What arrives after this moment is not part of it.
    """
    under_way = open_run(session, which.source)
    if under_way is not None:
        return under_way
    run = ReplayRun(
        source=which.source,
        status=which.status,
        reason=which.reason,
        message_id=which.message_id,
        requested_by_id=by,
        requested_at=now,
        last_id=session.scalar(select(func.max(InboundMessage.id)).where(*_chosen(which))) or 0,
        total=count(session, which),
    )
    session.add(run)
    session.flush()
    return run


def open_run(session: Session, source: str) -> ReplayRun | None:
    """Return the run of a source that is not over."""
    return session.scalar(
        select(ReplayRun)
        .where(ReplayRun.state.in_(_OPEN), ReplayRun.source == source)
        .order_by(ReplayRun.id)
        .limit(1)
    )


def last_run(session: Session, source: str) -> ReplayRun | None:
    return session.scalar(
        select(ReplayRun).filter_by(source=source).order_by(ReplayRun.id.desc()).limit(1)
    )


def stop(session: Session, public_id: str) -> ReplayRun:
    """Ask a run to stop after the batch at hand.

    :raises NotFound: there is no such run
    """
    run = session.scalar(select(ReplayRun).filter_by(public_id=public_id).with_for_update())
    if run is None:
        raise NotFound
    if run.state.is_open:
        run.state = ReplayState.STOPPING
    return run


def claim(session: Session, now: datetime, run_id: int | None = None) -> Batch | None:
    """Take the next batch of the oldest run, or of `run_id`; None where nothing is to do.

    A run that is done or was stopped is closed here.
    """
    clock = database_time(session)
    free = or_(ReplayRun.lease_until.is_(None), ReplayRun.lease_until <= clock)
    mine = ReplayRun.id == run_id if run_id is not None else ReplayRun.state.in_(_OPEN)
    run = session.scalar(
        select(ReplayRun)
        .where(mine, ReplayRun.state.in_(_OPEN), free)
        .order_by(ReplayRun.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if run is None:
        return None
    ids = () if run.state is ReplayState.STOPPING else _next_ids(session, run)
    if not ids:
        is_stopped = run.state is ReplayState.STOPPING
        run.state = ReplayState.STOPPED if is_stopped else ReplayState.FINISHED
        run.finished_at = now
        return None
    run.state = ReplayState.RUNNING
    run.lease_until = clock + LEASE
    return Batch(run.id, run.source, tuple(ids))


def settle(session: Session, batch: Batch, processed: int) -> None:
    """Write down a finished batch, of which `processed` are now in the record."""
    run = session.get_one(ReplayRun, batch.run_id, with_for_update=True)
    run.cursor = batch.message_ids[-1]
    run.done += len(batch.message_ids)
    run.processed += processed
    run.lease_until = None


def replay_batch(
    unit_of_work: sessionmaker[Session],
    read: Reader,
    now: Callable[[], datetime],
    run_id: int | None = None,
) -> int:
    """Read one batch of the oldest run again, or of `run_id`; return how many messages it had.

    Each message has its own transaction.
    """
    with unit_of_work.begin() as session:
        batch = claim(session, now(), run_id)
    if batch is None:
        return 0
    processed = sum(
        _read_again(unit_of_work, batch, message_id, read, now())
        for message_id in batch.message_ids
    )
    with unit_of_work.begin() as session:
        settle(session, batch, processed)
    return len(batch.message_ids)


def _read_again(
    unit_of_work: sessionmaker[Session],
    batch: Batch,
    message_id: int,
    read: Reader,
    now: datetime,
) -> bool:
    has_worker = batch.source.startswith(_HAS_WORKER)
    with unit_of_work.begin() as session:
        if not _is_open(session, message_id, reopens=has_worker):
            return False  # somebody set it aside, or it was taken meanwhile
    if has_worker:
        return True
    settled: list[Settled] = []
    replay(unit_of_work, [message_id], read, now, lambda _, one: settled.append(one))
    return settled[0].status == "processed"


def _is_open(session: Session, message_id: int, *, reopens: bool) -> bool:
    """Tell whether a message may be read again; with `reopens` put it back to those that wait."""
    message = session.get(InboundMessage, message_id, with_for_update=True)
    if message is None or message.status not in REPLAYABLE:
        return False
    if reopens:
        message.status, message.reason, message.tries = "received", None, 0
        message.processed_at = None
    return True


def _next_ids(session: Session, run: ReplayRun) -> Sequence[int]:
    which = Which(run.source, run.status, run.reason, run.message_id)
    return session.scalars(
        select(InboundMessage.id)
        .where(*_chosen(which), InboundMessage.id > run.cursor, InboundMessage.id <= run.last_id)
        .order_by(InboundMessage.id)
        .limit(BATCH)
    ).all()


def _chosen(which: Which) -> list[ColumnElement[bool]]:
    chosen = [InboundMessage.source == which.source, InboundMessage.status == which.status]
    if which.message_id is not None:
        chosen.append(InboundMessage.id == which.message_id)
    if which.reason is not None:
        chosen.append(InboundMessage.has_reason(which.reason))
    return chosen
