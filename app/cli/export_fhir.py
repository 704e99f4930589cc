"""Export of records as FHIR R4: one person as a bundle, many as NDJSON files."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Final, TextIO

import click
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from app import clock
from app.cli.frame import OPERATOR, Failed, with_database
from app.cli.segments import meant_by
from app.database import unit_of_work
from app.domain.errors import NotFound
from app.integrations.fhir.json_text import dump
from app.integrations.fhir.writer import bundle, resources
from app.models.trust.audit import record
from app.services.exchange.export import Choice, choose, find_person, records_of
from app.settings import Settings

_PART: Final = ".part"
# Only the account that exports may read what it wrote.
_PRIVATE: Final = 0o600


@click.group("export")
def export() -> None:
    """Give records out."""


@export.command("fhir")
@click.option("--patient", help="One person: a public id, or ISSUER:NUMBER.")
@click.option("--tag", help="Everybody who bears the tag.")
@click.option("--department", help="Everybody last seen in the department.")
@click.option("--segment", help="Whom a segment means now, by its name or id.")
@click.option("--all", "everybody", is_flag=True, help="Everybody.")
@click.option("--history", is_flag=True, help="Also versions of results that no longer stand.")
@click.option(
    "--to", "target", required=True, type=click.Path(path_type=Path),
    help="A new file for one person; a new folder for several (one NDJSON file per type).",
)  # fmt: skip
@with_database
def export_fhir(
    loaded: Settings,
    engine: Engine,
    *,
    patient: str | None,
    tag: str | None,
    department: str | None,
    segment: str | None,
    everybody: bool,
    history: bool,
    target: Path,
) -> None:
    """Export records as FHIR R4. Every record that leaves is in the audit trail."""
    chosen = [bool(patient), bool(tag or department), bool(segment), everybody]
    if sum(chosen) != 1:
        raise click.UsageError(
            "Say whom: --patient, --tag and/or --department, --segment, or --all."
        )
    if target.exists():
        raise click.BadParameter("exists already", param_hint="--to")
    if patient:
        base = f"{loaded.public_url.rstrip('/')}/fhir"
        export_person(unit_of_work, patient, base, target, clock.now(), with_history=history)
        print(f"1 record in {target}")
        return
    people = meant_by(segment) if segment else None
    count = export_people(
        unit_of_work, Choice(tag, department, people), target, clock.now, with_history=history
    )
    print(f"{count} records in {target}")
    if not count:
        raise Failed("nobody to export")


def export_person(
    unit_of_work: sessionmaker[Session],
    name: str,
    base: str,
    target: Path,
    now: datetime,
    *,
    with_history: bool = False,
) -> None:
    """Write one person's record as a bundle; the file is there whole or not at all.

    :raises Failed: nobody is known by that name
    """
    with unit_of_work.begin() as session:
        try:
            key = find_person(session, name)
        except NotFound:
            raise Failed("nobody is known by that id or number") from None
        (found,) = records_of(session, [key], with_history=with_history)
        _audit(session, key, now)
    part = target.with_name(target.name + _PART)
    with _open(part) as file:
        file.write(dump(bundle(found, base, clock.HOSPITAL, now)))
    _finish(part, target)


def export_people(
    unit_of_work: sessionmaker[Session],
    choice: Choice,
    folder: Path,
    now: Callable[[], datetime],
    *,
    with_history: bool = False,
) -> int:
    """Write many records as one NDJSON file per type; return how many.

    The folder has its name only when it is whole. Interrupted, the part is thrown away by the
    next run: a mixture of two moments would be no copy of either.

    :raises Failed: there is no such tag
    """
    part = folder.with_name(folder.name + _PART)
    _clear(part)
    part.mkdir(parents=True, mode=0o700)
    count = 0
    with ExitStack() as files:
        opened: dict[str, TextIO] = {}
        for keys in _batches(unit_of_work, choice):
            with unit_of_work.begin() as session:
                found = list(records_of(session, keys, with_history=with_history))
                for key in keys:
                    _audit(session, key, now())
            for one in found:
                for resource in resources(one, clock.HOSPITAL):
                    kind = str(resource["resourceType"])
                    if kind not in opened:
                        opened[kind] = files.enter_context(_open(part / f"{kind}.ndjson"))
                    opened[kind].write(dump(resource) + "\n")
            count += len(found)
    if count:
        _finish(part, folder)
    else:
        _clear(part)
    return count


def _batches(unit_of_work: sessionmaker[Session], choice: Choice) -> Iterator[list[int]]:
    after = 0
    while True:
        with unit_of_work() as session:
            try:
                keys = list(choose(session, choice, after))
            except NotFound:
                raise Failed("there is no such tag") from None
        if not keys:
            return
        yield keys
        after = keys[-1]


def _audit(session: Session, patient_id: int, now: datetime) -> None:
    record(session, OPERATOR, "export", "patient", now, patient_id=patient_id)


def _open(path: Path) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
    return os.fdopen(descriptor, "w", encoding="utf-8")


def _finish(part: Path, target: Path) -> None:
    part.rename(target)


def _clear(part: Path) -> None:
    """Remove what an interrupted run left behind: our own NDJSON files and nothing else."""
    if part.is_dir():
        for file in part.glob("*.ndjson"):
            file.unlink()
        part.rmdir()
