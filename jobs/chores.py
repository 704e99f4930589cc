"""What the timetable's lines do: each opens its transactions and calls the services."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import delete

from app.database import unit_of_work
from app.domain.intake.feed_health import Watch
from app.domain.outreach.messaging import Outlets
from app.integrations.tables.sources import TableSources
from app.models import AccessSession, JobRun, RelayedCallback, SignInState
from app.models.intake.feed_signs import known_sources
from app.services.exchange import deliveries
from app.services.outreach import outbox, patient_notices
from app.services.plans import plan_expansion, rule_evaluation
from app.services.profile import tagging
from app.services.staff import alert_handling, feed_alarms
from app.services.trust import audit_trail

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Work:
    """What the chores are wired with."""

    zone: ZoneInfo
    outlets: Outlets
    tables: TableSources | None = None
    watches: Mapping[str, Watch] = field(default_factory=dict)
    stopping: Event = field(default_factory=Event)  # set when the process is to end


def expand_plans(work: Work, now: datetime) -> None:
    """Fill every plan's calendar, some plans a transaction."""
    while True:
        with unit_of_work.begin() as session:
            if not plan_expansion.expand_plans(session, now, work.zone):
                return


def open_due_tasks(work: Work, now: datetime) -> None:
    _until_none(lambda session: plan_expansion.open_due_tasks(session, now))


def miss_past_tasks(work: Work, now: datetime) -> None:
    _until_none(lambda session: plan_expansion.miss_past_tasks(session, now))


def remind_of_tasks(work: Work, now: datetime) -> None:
    _until_none(
        lambda session: patient_notices.remind_of_tasks(session, now, work.zone, work.outlets)
    )


def climb_alerts(work: Work, now: datetime) -> None:
    _until_none(lambda session: alert_handling.climb(session, now, work.zone))


def expire_tags(work: Work, now: datetime) -> None:
    _until_none(lambda session: tagging.expire_tags(session, now))


def judge_absences(work: Work, now: datetime) -> None:
    """Ask the rules that time wakes; a reading that never came is found here alone."""
    after = 0
    while True:
        with unit_of_work.begin() as session:
            after = rule_evaluation.evaluate_absences(session, now, work.zone, after)
        if not after:
            return


def sweep_outbox(work: Work, now: datetime) -> None:
    with unit_of_work.begin() as session:
        counts = outbox.sweep(session, now)
        late = outbox.overdue(session, now)
    if any(counts.values()):
        log.info("outbox_swept", count=sum(counts.values()), state=str(counts))
    for state, count in late.items():
        log.warning("messages_overdue", state=state, count=count)


def watch_feeds(work: Work, now: datetime) -> None:
    """Look at every source, a transaction each."""
    with unit_of_work.begin() as session:
        sources = {*work.watches, *known_sources(session)}
    for source in sorted(sources):
        with unit_of_work.begin() as session:
            feed_alarms.watch_source(
                session, source, work.watches.get(source, Watch()), now, work.zone, work.outlets
            )


def sweep_exchange(work: Work, now: datetime) -> None:
    with unit_of_work.begin() as session:
        counts = deliveries.sweep(session, now)
        late = deliveries.overdue(session, now)
    if any(counts.values()):
        log.info("exchange_swept", count=sum(counts.values()), state=str(counts))
    for state, count in late.items():
        log.warning("deliveries_overdue", state=state, count=count)


def seal_audit(work: Work, now: datetime) -> None:
    with unit_of_work.begin() as session:
        audit_trail.seal(session, now)


def purge_sessions(work: Work, now: datetime) -> None:
    """Delete what only said who was signed in, and which slots ran, a week ago."""
    week = now - timedelta(days=7)
    with unit_of_work.begin() as session:
        session.execute(delete(AccessSession).where(AccessSession.expires_at < week))
        session.execute(delete(SignInState).where(SignInState.expires_at < now))
        session.execute(delete(JobRun).where(JobRun.slot_at < week))
        # Repeats come within minutes; the inbox has the push under its own name.
        session.execute(delete(RelayedCallback).where(RelayedCallback.taken_at < week))


def _until_none(step: object) -> None:
    """Repeat a bounded step, a transaction each, until it finds nothing more to do."""
    while True:
        with unit_of_work.begin() as session:
            if not step(session):  # type: ignore[operator]
                return
