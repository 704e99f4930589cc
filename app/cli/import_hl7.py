"""Import of HL7 v2 files: what a feed would have brought, brought by hand."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.cli.import_workers import in_processes
from app.integrations.feeds import Feeds
from app.integrations.hl7.charset import configured_codec
from app.integrations.hl7.envelope import glimpse_header, identify, split_messages
from app.integrations.hl7.interpret import Reader
from app.integrations.hl7.source import Source
from app.models import InboundMessage
from app.services.intake import (
    ANSWERED_BY_INDEX,
    Arrival,
    Broken,
    Kept,
    Settled,
    Told,
    hold,
    interpret_batch,
    interpret_stored,
    reason_of,
    receive,
    receive_batch,
    replay,
    settle_batch,
)

# One commit, and one query of a kind, for so many messages.
_BATCH = 250
_CHUNK = 1 << 20
# Processes take a moment to start; from so many bytes on they are worth it.
_MUCH = 1 << 18
_MOST_PROCESSES = 4
# What has no beginning of a message for so long is no HL7: it is kept in pieces.
_LONGEST = 1 << 24
_KEPT_OF_OVERSIZE = 4096
_START = re.compile(rb"[\r\n\x0b]MSH")


@dataclass(slots=True)
class ImportReport:
    """What became of the messages; `rejected` and `held` count by reason."""

    messages: int = 0
    stored: int = 0
    duplicates: int = 0
    processed: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    unreadable_files: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left for a person to look at."""
        return not (self.rejected or self.held or self.unreadable_files)

    def count(self, status: str, reason: str | None, *, is_new: bool) -> None:
        self.messages += 1
        self.stored += is_new
        self.duplicates += not is_new
        self.processed += status == "processed"
        if status == "rejected":
            self.rejected[reason or ""] += 1
        elif status == "held":
            self.held[reason or ""] += 1


@dataclass(frozen=True, slots=True)
class _Message:
    arrival: Arrival
    body: bytes
    told: Told


def import_files(
    unit_of_work: sessionmaker[Session],
    paths: Iterable[Path],
    source: str,
    charset: str | None,
    now: Callable[[], datetime],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    processes: int | None = None,
) -> ImportReport:
    """Import files of messages, batches or MLLP frames; what was imported before only counts.

    Files are read piece by piece, whatever their size. `charset` is for senders that declare none
    or a wrong one. `on_progress` gets the bytes done and the bytes in all. `processes` share the
    work; without it there are several for much work and a database that takes several writers.

    :raises ValueError: there is no such charset
    """
    feed = Source(source, configured_codec(charset))
    files = list(paths)
    report, total = ImportReport(), sum(map(_size, files))
    reading = _Files(files, report.unreadable_files)
    work = _Work(feed)
    many = processes or _processes(unit_of_work, total)
    done = (
        in_processes(unit_of_work, reading, work, now, processes=many, batch=_BATCH)
        if many > 1
        else (work(unit_of_work, batch, now()) for batch in _batches(reading))
    )
    waiting: list[int] = []
    for results in done:
        for message_id, settled, is_new in results:
            if settled.reason in ANSWERED_BY_INDEX and is_new:
                waiting.append(message_id)
            else:
                report.count(settled.status, settled.reason, is_new=is_new)
        on_progress(min(reading.done, total), total)
    # A merge or a moved visit further on in the files may have been the answer.
    read = Feeds({"hl7": Reader([feed])})
    replay(
        unit_of_work, waiting, read, now(),
        lambda _, settled: report.count(settled.status, settled.reason, is_new=True),
    )  # fmt: skip
    return report


class _Files:
    """The messages of files, one after the other; `done` counts the bytes read."""

    def __init__(self, paths: Sequence[Path], unreadable: list[str]) -> None:
        self._paths = paths
        self._unreadable = unreadable
        self.done = 0

    def __iter__(self) -> Iterator[bytes]:
        before = 0
        for path in self._paths:
            try:
                with path.open("rb") as file:
                    for body in read_messages(file):
                        self.done = before + file.tell()
                        yield body
            except OSError:
                self._unreadable.append(str(path))
            before += _size(path)
        self.done = before


def _batches(bodies: Iterable[bytes]) -> Iterator[list[bytes]]:
    left = iter(bodies)
    while batch := list(islice(left, _BATCH)):
        yield batch


def _processes(unit_of_work: sessionmaker[Session], size: int) -> int:
    """Return how many processes are worth their start: SQLite lets only one write at a time."""
    if size < _MUCH or unit_of_work.kw["bind"].dialect.name == "sqlite":
        return 1
    return min(_MOST_PROCESSES, os.cpu_count() or 1)


def import_bodies(
    unit_of_work: sessionmaker[Session],
    bodies: Iterable[bytes],
    source: Source,
    now: Callable[[], datetime],
    report: ImportReport,
) -> Iterator[int]:
    """Import messages as they come, counting in `report`; yield how many each transaction took."""
    work = _Work(source)
    for batch in _batches(bodies):
        for _, settled, is_new in work(unit_of_work, batch, now()):
            report.count(settled.status, settled.reason, is_new=is_new)
        yield len(batch)


def read_messages(file: BinaryIO) -> Iterator[bytes]:
    """Yield the messages of a file; only some of it is in memory at any time."""
    rest = b""
    while chunk := file.read(_CHUNK):
        rest += chunk
        cut = max((found.start() + 1 for found in _START.finditer(rest)), default=0)
        if not cut and len(rest) > _LONGEST:
            cut = len(rest)
        yield from split_messages(rest[:cut])
        rest = rest[cut:]
    yield from split_messages(rest)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


@dataclass(frozen=True, slots=True)
class _Work:
    """Reads and imports a batch of messages of a feed; what became of each, by its id."""

    feed: Source

    def __call__(
        self, unit_of_work: sessionmaker[Session], bodies: Sequence[bytes], now: datetime
    ) -> list[tuple[int, Settled, bool]]:
        return _import_batch(unit_of_work, [_message(body, self.feed) for body in bodies], now)


def _message(body: bytes, source: Source) -> _Message:
    header, _ = glimpse_header(body, source.charset)
    arrival = Arrival(f"hl7:{source.name}", identify(body, header), header.kind, header.control_id)
    is_oversize = len(body) > source.limits.max_bytes
    told = Reader([source])(source.name, body)
    return _Message(arrival, body[:_KEPT_OF_OVERSIZE] if is_oversize else body, told)


def _import_batch(
    unit_of_work: sessionmaker[Session], messages: Sequence[_Message], now: datetime
) -> list[tuple[int, Settled, bool]]:
    """Import some messages in one transaction; where that met a live feed, in one for each.

    :raises OperationalError: the database is away, or a message met one deadlock after another
    """
    try:
        return _import_together(unit_of_work, messages, now)
    except _Spoilt as spoilt:
        rest = [*messages[: spoilt.place], *messages[spoilt.place + 1 :]]
        done = _import_batch(unit_of_work, rest, now)
        return [*done, _import_alone(unit_of_work, messages[spoilt.place], now)]
    except (IntegrityError, OperationalError):
        return [_import_alone(unit_of_work, message, now) for message in messages]


class _Spoilt(Exception):
    """A batch that one of its messages broke, the one at `place`."""

    def __init__(self, place: int) -> None:
        super().__init__(place)
        self.place = place


def _import_together(
    unit_of_work: sessionmaker[Session], messages: Sequence[_Message], now: datetime
) -> list[tuple[int, Settled, bool]]:
    with unit_of_work.begin() as session:
        received = receive_batch(session, [(one.arrival, one.body) for one in messages], now)
        waiting = {
            one.id: Kept(one.id, message.arrival.source, one.received_at, message.told)
            for one, message in zip(received, messages, strict=True)
            if one.status in ("received", "rejected")
        }
        try:
            results = interpret_batch(session, list(waiting.values()), now)
        except Broken as broken:
            place = [one.id for one in received].index(broken.message_id)
            raise _Spoilt(place) from broken
        settled = dict(zip(waiting, results, strict=True))
        settle_batch(session, settled, now)
    return [
        (one.id, settled.get(one.id, Settled(one.status, one.reason)), one.is_new)
        for one in received
    ]


def _import_alone(
    unit_of_work: sessionmaker[Session], message: _Message, now: datetime
) -> tuple[int, Settled, bool]:
    with unit_of_work.begin() as session:
        kept = receive(session, message.arrival, message.body, now)
        session.flush()
        message_id, is_new = kept.id, not kept.repeats
    try:
        settled = interpret_stored(unit_of_work, message_id, lambda *_: message.told, now)
    except OperationalError:
        raise
    except Exception as error:
        with unit_of_work.begin() as session:
            hold(session.get_one(InboundMessage, message_id, with_for_update=True), error, now)
        settled = Settled("held", reason_of(error))
    return message_id, settled, is_new
