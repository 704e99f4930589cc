"""One kept message before a member of staff: masked to all who watch, in full for a reason."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import MessageSettled, NotFound
from app.domain.intake.raw_text import decoded, masked
from app.domain.intake.replays import IGNORABLE, DeedKind
from app.models import InboundDeed, InboundMessage, Practitioner


@dataclass(frozen=True, slots=True)
class Deed:
    kind: DeedKind
    who: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message with its masked text; `bytes` is the size as it came."""

    id: int
    public_id: str
    source: str
    kind: str
    control_id: str | None
    peer: str | None
    status: str
    reason: str | None
    received_at: datetime
    sent_at: datetime | None
    bytes: int
    tries: int
    repeats: int
    patient_id: int | None
    text: str
    deeds: tuple[Deed, ...]


def read_masked(session: Session, public_id: str) -> MessageView:
    """Return a message with its structure visible and its values masked.

    :raises NotFound: no such message
    """
    message = _find(session, public_id)
    body = _body(message)
    return MessageView(
        message.id, message.public_id, message.source, message.kind, message.control_id,
        message.peer, message.status, message.reason, message.received_at, message.sent_at,
        len(body), message.tries, message.repeats, message.patient_id, masked(decoded(body)),
        _deeds(session, message.id),
    )  # fmt: skip


def read_full(
    session: Session, public_id: str, practitioner_id: int, why: str, now: datetime
) -> tuple[MessageView, str]:
    """Return a message and its full text; that somebody read it, and why, is kept.

    :raises NotFound: no such message
    """
    message = _find(session, public_id)
    _note(session, message, DeedKind.READ, practitioner_id, why, now)
    return read_masked(session, public_id), decoded(_body(message)).replace("\r", "\n")


def set_aside(
    session: Session, public_id: str, practitioner_id: int, why: str, now: datetime
) -> InboundMessage:
    """Ignore a refused or held message: it is kept, and counts no more.

    :raises NotFound: no such message
    :raises MessageSettled: it is neither refused nor held any more
    """
    message = _find(session, public_id)
    if message.status not in IGNORABLE:
        raise MessageSettled
    message.status = "ignored"
    message.processed_at = now
    _note(session, message, DeedKind.IGNORE, practitioner_id, why, now)
    return message


def _find(session: Session, public_id: str) -> InboundMessage:
    message = session.scalar(
        select(InboundMessage).filter_by(public_id=public_id).with_for_update()
    )
    if message is None:
        raise NotFound
    return message


def _note(
    session: Session,
    message: InboundMessage,
    kind: DeedKind,
    practitioner_id: int,
    why: str,
    now: datetime,
) -> None:
    session.add(
        InboundDeed(
            inbound_id=message.id, kind=kind, practitioner_id=practitioner_id, why=why, at=now
        )
    )
    session.flush()


def _deeds(session: Session, message_id: int) -> tuple[Deed, ...]:
    rows = session.execute(
        select(InboundDeed, Practitioner)
        .join(Practitioner, Practitioner.id == InboundDeed.practitioner_id)
        .where(InboundDeed.inbound_id == message_id)
        .order_by(InboundDeed.id.desc())
        .limit(20)
    )
    return tuple(Deed(deed.kind, who.name or "", deed.why or "", deed.at) for deed, who in rows)


def _body(message: InboundMessage) -> bytes:
    return (message.body or "").encode("latin-1")
