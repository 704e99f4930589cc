"""Import of FHIR R4 by hand: bundles, single resources and NDJSON, from files and folders."""

import gzip
import hashlib
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import click
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app import clock
from app.cli.frame import OPERATOR, Failed, with_database
from app.database import unit_of_work
from app.integrations.feeds import configured_feeds
from app.models import InboundMessage
from app.models.trust.audit import record
from app.services.intake import Arrival, Reader, hold, interpret_stored, receive
from app.settings import Settings

# A patient's whole life, with pictures; more is no record and would fill the memory.
_LARGEST: Final = 64 * 1024 * 1024
_SUFFIXES: Final = (".json", ".ndjson", ".json.gz", ".ndjson.gz")
_KIND: Final = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]{1,64})"')


@dataclass(slots=True)
class FhirReport:
    """What became of the bodies; `rejected` and `held` count by reason, `where` names each."""

    bodies: int = 0
    stored: int = 0
    processed: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)
    where: list[str] = field(default_factory=list)


@click.command("fhir")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--source", required=True, help="Whose resources these are: a short name.")
@with_database
def import_fhir(loaded: Settings, engine: Engine, *, paths: tuple[Path, ...], source: str) -> None:
    """Import FHIR R4 resources and bundles. What is known already only counts.

    Takes .json, .ndjson and both as .gz, and folders of them.
    """
    if not re.fullmatch(r"[a-z0-9-]{1,32}", source):
        raise click.BadParameter("a-z, 0-9 and -, at most 32", param_hint="--source")
    report = import_bodies(
        unit_of_work, paths, source, configured_feeds(loaded), clock.now, _progress
    )
    with unit_of_work.begin() as session:
        detail = {"source": source, "bodies": report.bodies, "new": report.stored}
        record(session, OPERATOR, "import", "fhir", clock.now(), detail=detail)
    known = report.bodies - report.stored
    print(
        f"{report.bodies} bodies: {report.stored} new, {known} known already, "
        f"{report.processed} processed"
    )
    problems = [
        *(f"rejected {count}: {reason}" for reason, count in report.rejected.items()),
        *(f"held {count}: {reason}" for reason, count in report.held.items()),
        *report.where,
        *(f"unreadable: {path}" for path in report.unreadable),
    ]
    if problems:
        raise Failed("\n".join(problems))


def import_bodies(
    unit_of_work: sessionmaker[Session],
    paths: Iterable[Path],
    source: str,
    read: Reader,
    now: Callable[[], datetime],
    on_progress: Callable[[int], None] = lambda done: None,
) -> FhirReport:
    """Import files; each body is kept as it came before anyone reads it.

    Interrupted, it may be run again: a body that was kept is not kept twice.
    """
    report = FhirReport()
    for path in _files(paths):
        try:
            for line, body in _bodies(path):
                _import(unit_of_work, body, f"{path}:{line}", source, read, now, report)
                on_progress(report.bodies)
        except (OSError, EOFError, zlib.error):
            report.unreadable.append(str(path))
    return report


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            inside = (one for one in path.rglob("*") if one.is_file())
            yield from sorted((one for one in inside if one.name.endswith(_SUFFIXES)), key=_order)
        else:
            yield path


def _order(path: Path) -> tuple[bool, Path]:
    """Reports last: they find the results that they list."""
    return path.name.startswith("DiagnosticReport"), path


def _bodies(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the line and bytes of each body; of NDJSON one after the other, never the file.

    :raises OSError: it cannot be read, or is larger than we take
    """
    is_packed = path.name.endswith(".gz")
    name = path.name.removesuffix(".gz")
    with gzip.open(path, "rb") if is_packed else path.open("rb") as file:
        if name.endswith(".ndjson"):
            number = 0
            while line := file.readline(_LARGEST + 1):
                number += 1
                _limit(line)
                if line.strip():
                    yield number, line.strip()
        else:
            body = file.read(_LARGEST + 1)
            _limit(body)
            yield 1, body


def _limit(body: bytes) -> None:
    if len(body) > _LARGEST:
        raise OSError("larger than we take")


def _import(
    unit_of_work: sessionmaker[Session],
    body: bytes,
    where: str,
    source: str,
    read: Reader,
    now: Callable[[], datetime],
    report: FhirReport,
) -> None:
    kind = _KIND.search(body)
    digest = hashlib.sha256(body).digest()
    name = kind[1].decode() if kind else "?"
    arrival = Arrival(f"fhir:{source}", digest, name, digest.hex()[:16])
    with unit_of_work.begin() as session:
        inbound = receive(session, arrival, body, now())
        message_id, is_new, status = inbound.id, inbound.repeats == 0, inbound.status
    reason = inbound.reason
    if status in ("received", "rejected"):
        status, reason = _interpret(unit_of_work, message_id, read, now)
    report.bodies += 1
    report.stored += is_new
    report.processed += status == "processed"
    if status == "rejected":
        report.rejected[reason or ""] += 1
    elif status == "held":
        report.held[reason or ""] += 1
    if status in ("rejected", "held"):
        report.where.append(f"{status}: {where}")


def _interpret(
    unit_of_work: sessionmaker[Session],
    message_id: int,
    read: Reader,
    now: Callable[[], datetime],
) -> tuple[str, str | None]:
    try:
        settled = interpret_stored(unit_of_work, message_id, read, now())
    except (IntegrityError, OperationalError):
        raise
    except Exception as error:
        with unit_of_work.begin() as session:
            inbound = session.get_one(InboundMessage, message_id, with_for_update=True)
            hold(inbound, error, now())
            return inbound.status, inbound.reason
    return settled.status, settled.reason


def _progress(done: int) -> None:
    if done % 100 == 0:
        click.echo(f"\r{done}", nl=False, err=True)
