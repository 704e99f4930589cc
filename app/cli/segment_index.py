"""Verbs for the index of segments: `segments index build`, `check`, `save`, `status`."""

import json
import sys
import time

import click
from sqlalchemy import Engine, func, select

from app import clock
from app.cli.frame import Failed, with_database
from app.database import unit_of_work
from app.models import Event, IndexSnapshot
from app.models.segments.index import snapshot
from app.models.segments.index.build import build
from app.models.segments.index.checking import differences
from app.models.segments.index.live import open_index, reading
from app.models.segments.index.tail import refresh
from app.settings import Settings

_SHOWN = 10  # ids of a difference


@click.group()
def index() -> None:
    """The bitmaps in memory that answer segments."""


@index.command("build")
@with_database
def index_build(loaded: Settings, engine: Engine) -> None:
    """Read everything anew from the database and keep it; web processes start from there."""
    begun = time.monotonic()
    with reading(unit_of_work) as session:
        made = build(session, _progress)
        refresh(session, made)
    with unit_of_work.begin() as session:
        kept = snapshot.save(session, made, clock.now())
    _tell(kept, f"built in {time.monotonic() - begun:.1f} s")


@index.command("save")
@with_database
def index_save(loaded: Settings, engine: Engine) -> None:
    """Keep the index as it is now: the snapshot before with what happened since."""
    with reading(unit_of_work) as session:
        made = open_index(session)
    with unit_of_work.begin() as session:
        kept = snapshot.save(session, made, clock.now())
    _tell(kept, "saved")


@index.command("check")
@with_database
def index_check(loaded: Settings, engine: Engine) -> None:
    """Compare the index that a process would start with now with the database. Exit 1: differs."""
    with reading(unit_of_work) as session:
        made = open_index(session)
        found = differences(session, made, clock.today(), _progress)
    for one in found:
        print(f"{one.attribute} {one.value}".rstrip())
        for words, ids in (
            ("only in the index", one.only_in_index),
            ("only in the database", one.only_in_database),
        ):
            if ids:
                shown = ", ".join(str(id_) for id_ in ids[:_SHOWN])
                print(f"  {words}: {len(ids)} patients ({shown}{', …' if ids[_SHOWN:] else ''})")
    if found:
        raise Failed(f"{len(found)} values differ; `segments index build` makes the index anew")
    print(f"{len(made.base)} patients, no difference")


@index.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
@with_database
def index_status(loaded: Settings, engine: Engine, *, as_json: bool) -> None:
    """Show the snapshot that a starting web process finds, and how far it is behind."""
    with unit_of_work.begin() as session:
        kept = snapshot.newest(session)
        last = session.scalar(select(func.max(Event.id))) or 0
        is_usable = kept is not None and snapshot.is_of_here(session, kept)
    told = (
        {"snapshot": None}
        if kept is None
        else {
            "snapshot": kept.saved_at.isoformat(),
            "usable": is_usable,
            "patients": kept.patients,
            "bytes": kept.size,
            "events_behind": last - kept.position,
        }
    )
    if as_json:
        print(json.dumps(told))
    elif kept is None:
        print("no snapshot: the first process that needs it builds the index")
    else:
        local = kept.saved_at.astimezone(clock.HOSPITAL)
        print(
            f"saved {local:%Y-%m-%d %H:%M}, {kept.patients} patients, {kept.size} bytes, "
            f"{last - kept.position} events behind, {'usable' if is_usable else 'NOT usable'}"
        )


def _tell(kept: IndexSnapshot, words: str) -> None:
    print(f"{words}: {kept.patients} patients, {kept.size} bytes")


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty() or done == total:
        print(f"\r{100 * done // total} %", end="\n" if done == total else "", file=sys.stderr)
