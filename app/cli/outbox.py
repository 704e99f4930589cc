"""Verbs for sending: what waits, what goes by each route, what an operator does about it."""

from datetime import datetime

import click
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app import clock
from app.cli.frame import OPERATOR, Failed, with_database
from app.database import unit_of_work
from app.domain.outreach.messaging import Channel, CommunicationState, Route
from app.domain.outreach.sending_deeds import By, Group
from app.models import Communication
from app.models.outreach.resting import AT_REST
from app.models.outreach.route import key_of, route_of
from app.models.trust.audit import record
from app.services.outreach import dead_letters, outbox_view
from app.services.outreach import outbox as sending
from app.services.outreach.outbox_view import RouteStatus
from app.settings import Settings

_channel = click.argument("channel", type=click.Choice([one.value for one in Channel]))


@click.group()
def outbox() -> None:
    """Messages waiting, sent, refused; the routes they go by."""


@outbox.command("show")
@click.option("--state", help="Only messages in this state.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@with_database
def show(loaded: Settings, engine: Engine, *, state: str | None, limit: int) -> None:
    """List the newest messages: ids, states and reasons, never their text."""
    rows = select(Communication).order_by(Communication.id.desc()).limit(limit)
    if state:
        rows = rows.where(Communication.state == state)
    with unit_of_work.begin() as session:
        for row in session.scalars(rows):
            print(
                f"{row.public_id}  {_local(row.due_at)}  {row.channel:18} {row.state:10} "
                f"tries {row.tries}  {row.kind:18} {row.errcode or ''} {row.reason or ''}".rstrip()
            )


@outbox.command("lanes")
@with_database
def lanes(loaded: Settings, engine: Engine) -> None:
    """Show what waits in each lane, and for how long."""
    now = clock.now()
    with unit_of_work.begin() as session:
        found = outbox_view.read_lanes(session)
    print(f"{'lane':16} {'queued':>9} {'oldest':>10} {'calling':>8} {'unknown':>8} {'held':>8}")
    for one in found:
        queued = f"{one.queued}{'+' if one.queued >= outbox_view.MOST else ''}"
        oldest = "-" if one.oldest_due_at is None else _age(one.oldest_due_at, now)
        calling = one.claimed + one.calling
        print(f"{one.lane:16} {queued:>9} {oldest:>10} {calling:>8} {one.unknown:>8} {one.held:>8}")


@outbox.command("routes")
@with_database
def routes(loaded: Settings, engine: Engine) -> None:
    """Show each route: accepted/called, what is left of the day, whether it is closed.

    Exit 1: a route is closed.
    """
    now = clock.now()
    with unit_of_work.begin() as session:
        found = outbox_view.read_routes(session, now, clock.start_of_day(clock.today()))
    print(f"{'route':34} {'minute':>11} {'hour':>15} {'today':>17} {'left':>9}  closed")
    for one in found:
        print(_line(one))
    if any(one.gate for one in found):
        raise Failed("a route is closed")


@outbox.command("replay")
@click.option("--reason", help="All that rests for this reason, as the console and `show` say it.")
@click.option("--state", type=click.Choice([one.value for one in AT_REST]), default="dead",
              show_default=True)  # fmt: skip
@click.option("--id", "message_id", help="One message alone, by the id `show` and the page print.")
@click.option("--why", help="Needed for one message that may have arrived already; it is kept.")
@with_database
def replay(
    loaded: Settings,
    engine: Engine,
    *,
    reason: str | None,
    state: str,
    message_id: str | None,
    why: str | None,
) -> None:
    """Send messages again that wait for a person.

    By reason, what may have arrived and what is past its time is left alone.
    """
    if (reason is None) == (message_id is None):
        raise click.UsageError("say one of --reason, --id")
    if message_id is not None:
        now = clock.now()
        with unit_of_work.begin() as session:
            row = dead_letters.replay(session, message_id, By(why=why), now)
            route = Route(row.channel, row.app_key or "")
            _record(session, "replay", route, message=message_id)
        print("1 message queued again")
        return
    with unit_of_work.begin() as session:
        groups = [
            one.group
            for one in outbox_view.read_dead_letters(session)
            if one.group.reason == reason and one.group.state == CommunicationState(state)
        ]
    print(f"{sum(_replay_all(group, why) for group in groups)} messages queued again")


@outbox.command("pause")
@_channel
@click.argument("app")
@click.option("--why", required=True, help="What for; it is kept and shown on the page.")
@with_database
def pause(loaded: Settings, engine: Engine, *, channel: str, app: str, why: str) -> None:
    """Hold all that goes by a route until it is opened. APP: as `routes` prints it."""
    route = route_of(Channel(channel), app)
    with unit_of_work.begin() as session:
        _must_be_known(session, route)
        sending.pause(session, route, By(why=why), clock.now())
        _record(session, "pause", route)
    print(f"{channel} {app} is paused")


@outbox.command("open")
@_channel
@click.argument("app")
@with_database
def open_(loaded: Settings, engine: Engine, *, channel: str, app: str) -> None:
    """Let the next message try a closed route at once. APP: as `routes` prints it."""
    route = route_of(Channel(channel), app)
    with unit_of_work.begin() as session:
        _must_be_known(session, route)
        was_closed = sending.open_by_hand(session, route, By(), clock.now())
        if was_closed:
            _record(session, "open", route)
    print("the next message tries it" if was_closed else "it is open")


def _replay_all(group: Group, why: str | None) -> int:
    total = 0
    while True:
        with unit_of_work.begin() as session:
            count = dead_letters.replay_group(session, group, By(why=why), clock.now())
            if not count:
                return total
            route = route_of(group.channel, group.app_key)
            _record(session, "replay", route, messages=count)
            total += count


def _must_be_known(session: Session, route: Route) -> None:
    today = clock.start_of_day(clock.today())
    if outbox_view.read_route(session, route, clock.now(), today) is None:
        raise Failed("nothing ever went by this route: see `outbox routes`")


def _record(session: Session, action: str, route: Route, **more: str | int) -> None:
    detail = {"channel": route.channel, "app": key_of(route), **more}
    record(session, OPERATOR, action, "sending", clock.now(), detail=detail)


def _line(one: RouteStatus) -> str:
    parts = [f"{part.accepted}/{part.called}" for part in (one.minute, one.hour, one.day)]
    left = "-" if one.left is None else str(one.left)
    closed = "" if one.gate is None else f"{one.gate.why} since {_local(one.gate.since)}"
    if one.gate is not None and one.gate.until is not None:
        closed += f" until {_local(one.gate.until)}"
    return (
        f"{one.channel + ' ' + one.app_key:34} {parts[0]:>11} {parts[1]:>15} {parts[2]:>17} "
        f"{left:>9}  {closed}"
    ).rstrip()


def _local(at: datetime | None) -> str:
    return "-" if at is None else f"{at.astimezone(clock.HOSPITAL):%m-%d %H:%M:%S}"


def _age(since: datetime, now: datetime) -> str:
    """Return how long ago, `-` for what is planned."""
    seconds = round((now - since).total_seconds())
    if seconds < 0:
        return "-"
    return f"{seconds}s" if seconds < 600 else f"{seconds // 60}m"
