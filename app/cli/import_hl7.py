"""Import of HL7 v2 files: what a feed would have brought, brought by hand."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.integrations.hl7.envelope import glimpse_header, identify, split_messages
from app.integrations.hl7.interpret import Reader
from app.integrations.hl7.source import Source
from app.models import InboundMessage
from app.services.intake import Arrival, hold, interpret_message, receive

# One commit costs as much as twenty messages.
_BATCH = 100
_TRIES = 3
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

    `charset` is a Python codec, for senders that declare none or a wrong one. `on_progress` gets
    the messages done and the messages found.
    """
    report, bodies = ImportReport(), []
    for path in paths:
        try:
            bodies += split_messages(path.read_bytes())
        except OSError:
            report.unreadable_files.append(str(path))
    feed = Source(source, charset)
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
    """Import some messages in one transaction, again where it met another in a deadlock."""
    for attempt in range(1, _TRIES + 1):
        report = ImportReport()
        try:
            with unit_of_work.begin() as session:
                for body in bodies:
                    _import_message(session, body, source, now(), report)
            return report
        except OperationalError:
            if attempt == _TRIES:
                raise
    raise AssertionError("unreachable")


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
    try:
        with session.begin_nested():
            interpret_message(session, message, told, now)
    except OperationalError:
        raise
    except Exception as error:
        hold(message, error, now)
