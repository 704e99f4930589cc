"""What the timetable's lines do: each opens its transactions and calls the services."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from threading import Event
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import delete

from app.database import unit_of_work
from app.domain.exchange.medicine_rules import MedicineRules
from app.domain.intake.feed_health import Watch
from app.domain.outreach.messaging import Outlets
from app.domain.text.tagging import TextPack
from app.integrations.tables.sources import TableSources
from app.models import (
    AccessSession,
    JobRun,
    MemberMinute,
    RelayedCallback,
    RouteMinute,
    SignInState,
    TagRebuild,
)
from app.models.intake.feed_signs import known_sources
from app.models.segments.index import snapshot
from app.models.segments.index.live import open_index, reading
from app.services.exchange import deliveries, medicines
from app.services.outreach import outbox, patient_notices, reach_counts
from app.services.plans import (
    draft_purging,
    enrolment,
    pack_drafts,
    plan_expansion,
    plan_library,
    plan_moving,
    rule_evaluation,
)
from app.services.profile import risk_assessing
from app.services.profile.tags import tag_rebuild, tag_sweeping, tagging
from app.services.staff import alert_handling, feed_alarms, proposal_notices, route_alarms
from app.services.trust import audit_trail

log = structlog.get_logger()

# Between two transactions of a long pass: SQLite has one writer, and phones write too.
_BREATH: Final = 0.1
_AT_ONCE: Final = 4  # patients in one transaction of such a pass
_LIBRARY_SECONDS: Final = 240.0  # of the five minutes between two runs


@dataclass(frozen=True, slots=True)
class Work:
    """What the chores are wired with."""

    zone: ZoneInfo
    outlets: Outlets
    tables: TableSources | None = None
    watches: Mapping[str, Watch] = field(default_factory=dict)
    region: str | None = None  # where the hospital stands: 浙江省宁波市
    text: TextPack | None = None  # None: what people write is not read
    medicines: MedicineRules = field(default_factory=MedicineRules)
    drafts_kept_for: timedelta = timedelta(days=180)
    stopping: Event = field(default_factory=Event)  # set when the process is to end


def expand_plans(work: Work, now: datetime) -> None:
    """Fill every plan's calendar, some plans a transaction."""
    with unit_of_work.begin() as session:
        cohorts = plan_expansion.due_cohorts(session, now)
    for batch in plan_expansion.batches(cohorts):
        _until_none(partial(plan_expansion.expand_cohorts, cohorts=batch, now=now, zone=work.zone))


def retime_plans(work: Work, now: datetime) -> None:
    """Bring calendars to what is asked of them since something was changed."""
    while not work.stopping.is_set():
        with unit_of_work.begin() as session:
            if not plan_expansion.retime_plans(session, now, work.zone):
                return
        work.stopping.wait(_BREATH)


def turn_holds(work: Work, now: datetime) -> None:
    """Begin and end the rests of plans whose day has come."""
    _until_none(lambda session: enrolment.turn_holds(session, now, work.zone))


def complete_plans(work: Work, now: datetime) -> None:
    """Complete the plans that are past their last day and have nothing open."""
    today = now.astimezone(work.zone).date()
    with unit_of_work.begin() as session:
        found = enrolment.over_by_calendar(session, today)
    for over in found:
        after = 0
        while not work.stopping.is_set():
            with unit_of_work.begin() as session:
                after = enrolment.complete_plans(session, over, after, now, work.zone)
            if not after:
                break
            work.stopping.wait(_BREATH)


def enrol_by_segments(work: Work, now: datetime) -> None:
    """Find whom a segment means since time passed: a birthday, a value grown old."""
    with unit_of_work.begin() as session:
        ways = enrolment.segment_ways(session)
    for way in ways:
        after = 0
        while not work.stopping.is_set():
            with unit_of_work.begin() as session:
                after = enrolment.enrol_by_segment(session, way, after, now, work.zone)
            if not after:
                break
            work.stopping.wait(_BREATH)


def bring_packs_into_force(work: Work, now: datetime) -> None:
    """Install what was signed for a day that has come."""
    today = now.astimezone(work.zone).date()
    with unit_of_work.begin() as session:
        for signed in pack_drafts.take_due(session, today):
            plan_library.install_pack(session, signed.pack, now, approved_by=signed.approver)
            pack_drafts.mark_installed(session, signed.draft_id, now)
    with unit_of_work.begin() as session:
        for pack, approver in plan_library.take_signed(session, today):
            plan_library.install_pack(session, pack, now, approved_by=approver)


def purge_drafts(work: Work, now: datetime) -> None:
    """Delete drafts of packs that nobody signed or went on with."""
    _until_none(lambda session: draft_purging.purge_drafts(session, now, work.drafts_kept_for))


def move_plans(work: Work, now: datetime) -> None:
    """Carry running plans on to the version that somebody moves them to, some at a time."""
    while not work.stopping.is_set():
        with unit_of_work.begin() as session:
            if not plan_moving.carry_on(session, now):
                return
        work.stopping.wait(_BREATH)


def open_due_tasks(work: Work, now: datetime) -> None:
    _until_none(lambda session: plan_expansion.open_due_tasks(session, now))


def judge_due_tasks(work: Work, now: datetime) -> None:
    """Look at the conditions of tasks that fall due or wait."""
    _until_none(lambda session: plan_expansion.judge_due_tasks(session, now, work.zone))


def send_plan_messages(work: Work, now: datetime) -> None:
    _until_none(
        lambda session: patient_notices.send_messages(session, now, work.zone, work.outlets)
    )


def miss_past_tasks(work: Work, now: datetime) -> None:
    _until_none(lambda session: plan_expansion.miss_past_tasks(session, now))


def remind_of_tasks(work: Work, now: datetime) -> None:
    _until_none(
        lambda session: patient_notices.remind_of_tasks(session, now, work.zone, work.outlets)
    )


def tell_of_proposals(work: Work, now: datetime) -> None:
    """Tell each team once a day what it is asked about joining plans."""
    with unit_of_work.begin() as session:
        proposal_notices.tell_of_proposals(session, now, work.zone, work.outlets)


def fall_back_late(work: Work, now: datetime) -> None:
    """Try the next channel where one has not delivered in time."""
    _until_none(
        lambda session: patient_notices.fall_back_late(session, now, work.zone, work.outlets)
    )


def climb_alerts(work: Work, now: datetime) -> None:
    _until_none(lambda session: alert_handling.climb(session, now, work.zone))


def expire_tags(work: Work, now: datetime) -> None:
    _until_none(lambda session: tagging.expire_tags(session, now))


def wake_tags(work: Work, now: datetime) -> None:
    """Ask the tag rules of those patients alone for whom time may have changed something."""
    _until_none(lambda session: tagging.wake_tags(session, now, work.zone))


def sweep_tags(work: Work, now: datetime) -> None:
    """Follow up the patients of tags that were retired or merged."""
    _until_none(lambda session: tag_sweeping.sweep_tags(session, now))


def follow_library(work: Work, now: datetime) -> None:
    """Ask all patients' rules anew after the rules changed, for some minutes a run.

    Where it stopped the next run goes on; a change meanwhile begins anew.
    """
    until = time.monotonic() + _LIBRARY_SECONDS
    with unit_of_work.begin() as session:
        if not tag_rebuild.is_due(session):
            return
        run_id = tag_rebuild.begin(session, now).id
    while time.monotonic() < until and not work.stopping.is_set():
        began = time.monotonic()
        with unit_of_work.begin() as session:
            run = session.get_one(TagRebuild, run_id, with_for_update=True)
            if not tag_rebuild.step(session, run, now, work.zone, limit=_AT_ONCE):
                log.info("tags_rebuilt", count=run.patients)
                return
        # As long as it worked: what people wait for goes first.
        work.stopping.wait(max(_BREATH, time.monotonic() - began))


def judge_absences(work: Work, now: datetime) -> None:
    """Ask the rules that time wakes; a reading that never came is found here alone."""
    after = 0
    while True:
        with unit_of_work.begin() as session:
            after = rule_evaluation.evaluate_absences(session, now, work.zone, after)
        if not after:
            return


def assess_plans(work: Work, now: datetime) -> None:
    """Bring the priority of following up to today: silence and waiting are no events."""
    _pass_over(risk_assessing.follow_on, work, now)


def refresh_risks(work: Work, now: datetime) -> None:
    """Ask again where an assessment is a month old: its inputs may be too old by now."""
    _pass_over(risk_assessing.refresh_old, work, now)


def _pass_over(step: Callable[..., risk_assessing.Step], work: Work, now: datetime) -> None:
    after = 0
    while not work.stopping.is_set():
        with unit_of_work.begin() as session:
            done = step(session, after, now, work.zone, work.region)
        if not done.patients:
            return
        after = done.last
        work.stopping.wait(_BREATH)


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


def watch_sending(work: Work, now: datetime) -> None:
    """Look at the routes and at what died; a route that closed is looked at by its event too."""
    with unit_of_work.begin() as session:
        route_alarms.watch_routes(session, now, work.zone, work.outlets)
    with unit_of_work.begin() as session:
        route_alarms.watch_dead_letters(session, now, work.outlets)


def sweep_exchange(work: Work, now: datetime) -> None:
    with unit_of_work.begin() as session:
        counts = deliveries.sweep(session, now)
        late = deliveries.overdue(session, now)
    if any(counts.values()):
        log.info("exchange_swept", count=sum(counts.values()), state=str(counts))
    for state, count in late.items():
        log.warning("deliveries_overdue", state=state, count=count)


def lapse_medicines(work: Work, now: datetime) -> None:
    """End services about medicines of which nothing was heard, and codes that ran out."""
    _until_none(lambda session: medicines.lapse(session, now))


def count_reach(work: Work, now: datetime) -> None:
    """Count what reached patients this month and the last."""
    with unit_of_work.begin() as session:
        reach_counts.count_months(session, now, work.zone)


def seal_audit(work: Work, now: datetime) -> None:
    with unit_of_work.begin() as session:
        audit_trail.seal(session, now)


def purge_sessions(work: Work, now: datetime) -> None:
    """Delete what only said who was signed in, which slots ran and how much went by when."""
    week = now - timedelta(days=7)
    with unit_of_work.begin() as session:
        session.execute(delete(AccessSession).where(AccessSession.expires_at < week))
        session.execute(delete(SignInState).where(SignInState.expires_at < now))
        session.execute(delete(JobRun).where(JobRun.slot_at < week))
        # Repeats come within minutes; the inbox has the push under its own name.
        session.execute(delete(RelayedCallback).where(RelayedCallback.taken_at < week))
        # A day's quota and a month's figures; WeCom counts its members' messages by the hour.
        session.execute(delete(RouteMinute).where(RouteMinute.minute < now - timedelta(days=35)))
        session.execute(delete(MemberMinute).where(MemberMinute.minute < now - timedelta(days=2)))


def save_segment_index(work: Work, now: datetime) -> None:
    """Keep the index of segments where a starting web process finds it, if anything changed."""
    with reading(unit_of_work) as session:
        if snapshot.is_current(session):
            return
        index = open_index(session)
    with unit_of_work.begin() as session:
        snapshot.save(session, index, now)


def _until_none(step: object) -> None:
    """Repeat a bounded step, a transaction each, until it finds nothing more to do."""
    while True:
        with unit_of_work.begin() as session:
            if not step(session):  # type: ignore[operator]
                return
