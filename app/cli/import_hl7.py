"""Import of HL7 v2 files: what a feed would have brought, brought by hand."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.integrations.hl7.charset import configured_codec
from app.integrations.hl7.envelope import glimpse_header, identify, split_messages
from app.integrations.hl7.interpret import Reader
from app.integrations.hl7.source import Source
from app.models import InboundMessage
from app.services.intake import Arrival, hold, interpret_message, receive

# One commit costs as much as twenty messages.
_BATCH = 100
_COLLISIONS = 5
_KEPT_OF_OVERSIZE = 4096


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

    def add(self, other: "ImportReport") -> None:
        """Count in what another batch did."""
        self.messages += other.messages
        self.stored += other.stored
        self.duplicates += other.duplicates
        self.processed += other.processed
        self.rejected += other.rejected
        self.held += other.held


def import_files(
    unit_of_work: sessionmaker[Session],
    paths: Iterable[Path],
    source: str,
    charset: str | None,
    now: Callable[[], datetime],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> ImportReport:
    """Import files of messages, batches or MLLP frames; what was imported before only counts.

    `charset` is for senders that declare none or a wrong one. `on_progress` gets the messages done
    and the messages found.

    :raises ValueError: there is no such charset
    """
    feed = Source(source, configured_codec(charset))
    report, bodies = ImportReport(), []
    for path in paths:
        try:
            bodies += split_messages(path.read_bytes())
        except OSError:
            report.unreadable_files.append(str(path))
    for start in range(0, len(bodies), _BATCH):
        batch = bodies[start : start + _BATCH]
        report.add(_import_batch(unit_of_work, batch, feed, now))
        on_progress(start + len(batch), len(bodies))
    return report


def _import_batch(
    unit_of_work: sessionmaker[Session],
    bodies: Sequence[bytes],
    source: Source,
    now: Callable[[], datetime],
) -> ImportReport:
    """Import some messages in one transaction; where that met a deadlock, in one for each.

    :raises OperationalError: the database is away, or a message met one deadlock after another
    """
    try:
        return _import_together(unit_of_work, bodies, source, now)
    except OperationalError:
        report = ImportReport()
        for body in bodies:
            report.add(_import_alone(unit_of_work, body, source, now))
        return report


def _import_together(
    unit_of_work: sessionmaker[Session],
    bodies: Sequence[bytes],
    source: Source,
    now: Callable[[], datetime],
) -> ImportReport:
    report = ImportReport()
    with unit_of_work.begin() as session:
        for body in bodies:
            _import_message(session, body, source, now(), report)
    return report


def _import_alone(
    unit_of_work: sessionmaker[Session],
    body: bytes,
    source: Source,
    now: Callable[[], datetime],
) -> ImportReport:
    for _ in range(_COLLISIONS - 1):
        try:
            return _import_together(unit_of_work, [body], source, now)
        except OperationalError:
            continue
    return _import_together(unit_of_work, [body], source, now)


def _import_message(
    session: Session, body: bytes, source: Source, now: datetime, report: ImportReport
) -> None:
    header, _ = glimpse_header(body, source.charset)
    arrival = Arrival(f"hl7:{source.name}", identify(body, header), header.kind, header.control_id)
    is_oversize = len(body) > source.limits.max_bytes
    message = receive(session, arrival, body[:_KEPT_OF_OVERSIZE] if is_oversize else body, now)
    if message.status in ("received", "rejected"):
        _interpret(session, message, body, source, now)
    report.messages += 1
    report.stored += message.repeats == 0
    report.duplicates += message.repeats > 0
    report.processed += message.status == "processed"
    if message.status == "rejected":
        report.rejected[message.reason or ""] += 1
    elif message.status == "held":
        report.held[message.reason or ""] += 1


def _interpret(
    session: Session, message: InboundMessage, body: bytes, source: Source, now: datetime
) -> None:
    told = Reader([source])(source.name, body)
    for is_last in (False, True):
        try:
            with session.begin_nested():
                interpret_message(session, message, told, now)
            return
        except OperationalError:
            raise
        except Exception as error:
            # A feed may have made the same new patient meanwhile: the second look finds it.
            if is_last or not isinstance(error, IntegrityError):
                hold(message, error, now)
                return
