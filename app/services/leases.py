"""Leadership by a row: one holder until a moment of the database's clock, with a fence."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.database import database_time
from app.models import JobRun, Lease


def hold(session: Session, name: str, holder: str, term: timedelta) -> int | None:
    """Take or renew the lease; return its fence, or None while another holds it.

    The fence grows whenever the holder changes.
    """
    now = database_time(session)
    lease = session.scalar(select(Lease).filter_by(name=name).with_for_update())
    if lease is None:
        try:
            with session.begin_nested():
                session.add(Lease(name=name, holder=holder, fence=1, until=now + term))
        except IntegrityError:
            return None  # another process was first
        return 1
    if lease.holder != holder:
        if lease.until > now:
            return None
        lease.holder = holder
        lease.fence += 1
    lease.until = now + term
    return lease.fence


def release(session: Session, name: str, holder: str) -> None:
    lease = session.scalar(select(Lease).filter_by(name=name, holder=holder).with_for_update())
    if lease is not None:
        lease.until = database_time(session)


def promise_slot(
    session: Session, name: str, fence: int, job: str, slot_at: datetime, now: datetime
) -> bool:
    """Write that this leader runs one slot of a job; False if led by another, or run before.

    A slot that an earlier leader began and never finished is taken over.
    """
    lease = session.scalar(select(Lease).filter_by(name=name).with_for_update())
    if lease is None or lease.fence != fence or lease.until <= database_time(session):
        return False
    run = session.scalar(select(JobRun).filter_by(job=job, slot_at=slot_at))
    if run is None:
        session.add(JobRun(job=job, slot_at=slot_at, fence=fence, started_at=now))
        return True
    if run.finished_at is not None or run.fence == fence:
        return False
    run.fence, run.started_at = fence, now
    return True


def broken_slots(session: Session, job: str, fence: int, since: datetime) -> list[datetime]:
    """Return slots after `since` that an earlier leader began and did not finish, in order."""
    return list(
        session.scalars(
            select(JobRun.slot_at)
            .where(
                JobRun.job == job,
                JobRun.finished_at.is_(None),
                JobRun.fence < fence,
                JobRun.slot_at > since,
            )
            .order_by(JobRun.slot_at)
        )
    )


def last_slot(session: Session, job: str) -> datetime | None:
    return session.scalar(
        select(JobRun.slot_at).filter_by(job=job).order_by(JobRun.slot_at.desc()).limit(1)
    )


def finish_slot(session: Session, job: str, slot_at: datetime, outcome: str, now: datetime) -> None:
    run = session.scalars(select(JobRun).filter_by(job=job, slot_at=slot_at)).one()
    run.outcome = outcome
    run.finished_at = now
