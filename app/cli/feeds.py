"""Verbs for what feeds us: `sources` and `replay`."""

import json
import sys
from datetime import datetime, timedelta
from typing import Any, Final

import click
from sqlalchemy import Engine, select

from app import clock
from app.cli.frame import OPERATOR, Failed, with_database
from app.database import unit_of_work
from app.domain.intake.feed_health import Watch
from app.domain.intake.replays import REPLAYABLE, ReplayState
from app.integrations.feeds import configured_feeds
from app.models import InboundMessage, ReplayRun
from app.models.trust.audit import record
from app.services.intake import replay_runs
from app.services.intake.replay_runs import Which
from app.services.staff import feed_status
from app.services.staff.feed_status import SourceStatus
from app.settings import Settings

_HEAD: Final = (
    f"{'source':24} {'last message':17} {'backlog':>8} {'lag':>7} {'today':>8} "
    f"{'rejected':>9} {'held':>7} {'ack ms':>11} {'clock':>7}  alarms"
)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array on the last line.")
@with_database
def sources(loaded: Settings, engine: Engine, *, as_json: bool) -> None:
    """Show what each source sent last, what waits and what was refused. Exit 1: an alarm lasts."""
    now = clock.now()
    watched = {f"hl7:{one.name}": Watch() for one in loaded.hl7.sources}
    with unit_of_work.begin() as session:
        found = feed_status.read_sources(
            session, watched, now, clock.start_of_day(clock.today()), clock.HOSPITAL
        )
    if as_json:
        print(json.dumps([_facts(one, now) for one in found], ensure_ascii=False))
    else:
        print(_HEAD)
        for one in found:
            print(_line(one, now))
    if any(one.alarms for one in found):
        raise Failed("an alarm lasts")


@click.command()
@click.option("--source", required=True, help="Of which source, as `sources` names it: hl7:his.")
@click.option("--status", type=click.Choice(REPLAYABLE), default="rejected", show_default=True)
@click.option("--reason", help="Only messages refused or held for this reason (its code).")
@click.option("--id", "message_id", help="One message alone, by the id the console shows.")
@click.option("--all", "everything", is_flag=True, help="All of that source and status.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@with_database
def replay(
    loaded: Settings,
    engine: Engine,
    *,
    source: str,
    status: str,
    reason: str | None,
    message_id: str | None,
    everything: bool,
    dry_run: bool,
) -> None:
    """Read kept messages again, in their order.

    Broken off, it goes on where it was: by the clock process, or by the same call. Exit 1 when
    messages could not be taken this time either.
    """
    if sum((reason is not None, message_id is not None, everything)) != 1:
        raise click.UsageError("say one of --reason, --id, --all")
    which = Which(source, status, reason, _row_id(source, message_id) if message_id else None)
    with unit_of_work.begin() as session:
        total = replay_runs.count(session, which)
        if dry_run or not total:
            print(f"{total} messages")
            return
        run = replay_runs.start(session, which, None, clock.now())
        detail = {"run": run.id, "source": source, "status": status, "messages": run.total}
        record(session, OPERATOR, "replay", "inbound-message", clock.now(), detail=detail)
    if not _is_same(run, which):
        print("another replay of this source is under way: going on with that", file=sys.stderr)
    _work_off(loaded, run)


def _work_off(loaded: Settings, run: ReplayRun) -> None:
    read = configured_feeds(loaded)
    while replay_runs.replay_batch(unit_of_work, read, clock.now, run.id):
        _progress(_now(run))
    done = _now(run)
    if done.state.is_open:
        raise Failed("the clock process has this replay in hand: see the console")
    print(f"{done.done} messages read again, {done.processed} taken")
    if done.state is ReplayState.STOPPED:
        raise Failed("stopped")
    if done.processed < done.done:
        raise Failed(f"{done.done - done.processed} could not be taken this time either")


def _now(run: ReplayRun) -> ReplayRun:
    with unit_of_work.begin() as session:
        return session.get_one(ReplayRun, run.id)


def _is_same(run: ReplayRun, which: Which) -> bool:
    return which == Which(run.source, run.status, run.reason, run.message_id)


def _row_id(source: str, public_id: str) -> int:
    with unit_of_work.begin() as session:
        found = session.scalar(
            select(InboundMessage.id).filter_by(source=source, public_id=public_id)
        )
    if found is None:
        raise click.BadParameter("no such message of this source", param_hint="--id")
    return found


def _facts(one: SourceStatus, now: datetime) -> dict[str, Any]:
    """Return one source as JSON: seconds and milliseconds, ISO instants."""
    signs = one.seen.signs
    return {
        "source": one.source,
        "last_at": _iso(signs.last_at),
        "silent_seconds": _seconds(one.silent),
        "backlog": one.backlog,
        "lag_seconds": _seconds(_lag(one, now)),
        "today": one.today,
        "rejected": one.rejected,
        "held": one.held,
        "answered_median_ms": one.seen.median_ms,
        "answered_p95_ms": one.seen.p95_ms,
        "clock_skew_seconds": _seconds(signs.skew),
        "alarms": [{"kind": a.kind, "since": a.since.isoformat()} for a in one.alarms],
    }


def _line(one: SourceStatus, now: datetime) -> str:
    signs, seen = one.seen.signs, one.seen
    local = signs.last_at.astimezone(clock.HOSPITAL) if signs.last_at else None
    last = f"{local:%Y-%m-%d %H:%M}" if local else "never"
    acknowledged = f"{_or_dash(seen.median_ms)}/{_or_dash(seen.p95_ms)}"
    alarms = ", ".join(alarm.kind for alarm in one.alarms)
    return (
        f"{one.source:24} {last:17} {one.backlog:>8} {_short(_lag(one, now)):>7} {one.today:>8} "
        f"{one.rejected:>9} {one.held:>7} {acknowledged:>11} {_short(signs.skew):>7}  {alarms}"
    ).rstrip()


def _lag(one: SourceStatus, now: datetime) -> timedelta | None:
    oldest = one.seen.signs.oldest_waiting_at
    return None if oldest is None else now - oldest


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _seconds(span: timedelta | None) -> int | None:
    return None if span is None else round(span.total_seconds())


def _short(span: timedelta | None) -> str:
    if span is None:
        return "-"
    seconds = round(span.total_seconds())
    return f"{seconds}s" if abs(seconds) < 600 else f"{seconds // 60}m"


def _or_dash(value: int | None) -> str:
    return "-" if value is None else str(value)


def _progress(run: ReplayRun) -> None:
    if sys.stderr.isatty() or run.done >= run.total:
        end = "\n" if run.done >= run.total else ""
        print(f"\r{run.done}/{run.total}", end=end, file=sys.stderr)
