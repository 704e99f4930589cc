"""Verbs for tags: all patients' tags made anew, or compared with what the rules say."""

import sys
from collections.abc import Iterable

import click
from sqlalchemy import Engine

from app import clock
from app.cli.frame import OPERATOR, Failed, with_database
from app.database import unit_of_work
from app.models import TagRebuild
from app.models.trust.audit import record
from app.services.profile.tags import tag_rebuild
from app.services.profile.tags.tag_rebuild import Difference
from app.settings import Settings

_SHOWN = 20


@click.group()
def tags() -> None:
    """Tags of patients."""


@tags.command("rebuild")
@click.option("--check", is_flag=True, help="Only compare; list who differs and change nothing.")
@click.option("--anew", is_flag=True, help="Begin with the first patient, whatever was stopped.")
@with_database
def tags_rebuild(loaded: Settings, engine: Engine, *, check: bool, anew: bool) -> None:
    """Make all patients' tags what the rules say now.

    Ctrl-C stops after the batch under way; the next call goes on from there.
    """
    if check:
        _check()
    else:
        _rebuild(anew=anew)


def _rebuild(*, anew: bool) -> None:
    now = clock.now()
    with unit_of_work.begin() as session:
        run_id = tag_rebuild.begin(session, now, anew=anew).id
        total = tag_rebuild.count_patients(session)
    done = True
    try:
        while done:
            with unit_of_work.begin() as session:
                run = session.get_one(TagRebuild, run_id, with_for_update=True)
                done = bool(tag_rebuild.step(session, run, clock.now(), clock.HOSPITAL))
                patients, changed = run.patients, run.changed
            _progress(patients, total)
    except KeyboardInterrupt:
        raise Failed("Stopped. The same command goes on from here.") from None
    with unit_of_work.begin() as session:
        detail = {"patients": patients, "changed": changed}
        record(session, OPERATOR, "rebuild", "tag", clock.now(), detail=detail)
    print(f"{patients} patients, {changed} changed")


def _check() -> None:
    with unit_of_work.begin() as session:
        total = tag_rebuild.count_patients(session)
    found: list[Difference] = []
    after, looked_at, differing = 0, 0, 0
    while True:
        with unit_of_work.begin() as session:
            after, some = tag_rebuild.check(session, after, clock.now(), clock.HOSPITAL)
        if not after:
            break
        differing += len(some)
        found += some[: _SHOWN - len(found)]
        looked_at = min(looked_at + 50, total)
        _progress(looked_at, total)
    if differing:
        raise Failed("\n".join([f"{differing} of {total} patients differ", *_lines(found)]))
    print(f"{total} patients, none differs")


def _lines(found: Iterable[Difference]) -> list[str]:
    return [
        f"patient {one.patient_id}: to give {_words(one.to_give)}, to end {_words(one.to_end)}, "
        f"other {_words(one.other)}"
        for one in found
    ]


def _words(keys: Iterable[str]) -> str:
    return ",".join(keys) or "-"


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{100 * done // max(1, total)} %", end="", file=sys.stderr, flush=True)
