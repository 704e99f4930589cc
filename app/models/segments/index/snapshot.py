"""The index kept in the database, so that a starting process need not build it.

A snapshot that is not surely of this database and this history is left alone: the index is then
built anew. It is one JSON line that says what follows, then the bitmaps and the dates of birth.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import numpy as np
from pyroaring import BitMap
from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from app.database import Base
from app.models.event import Event
from app.models.profile.patient import Patient
from app.models.profile.tag_tree import tag_tree
from app.models.segments.index.attributes import Attribute
from app.models.segments.index.births import PAGE, Births
from app.models.segments.index.bitmaps import Reading, SegmentIndex, Sets
from app.models.segments.index.events import MOST_AT_ONCE, read_events
from app.models.segments.segment_index import CHUNK_BYTES, IndexSnapshot, IndexSnapshotChunk

# Another way to write it, or another meaning of an attribute, is another number.
FORMAT: Final = 1
# Further behind than this, reading everything is quicker than following.
_MOST_BEHIND: Final = 200_000
_STORED: Final = np.dtype("<u4")


def save(session: Session, index: SegmentIndex, now: datetime) -> IndexSnapshot:
    """Keep the index as it is now in place of the snapshot before."""
    with index.lock:
        body, reading, patients = _write(index), index.reading, len(index.base)
    snapshot = IndexSnapshot(
        format=FORMAT,
        mark=_mark(session, reading.position),
        position=reading.position,
        gaps=[[id_, since] for id_, since in reading.missed.items()],
        patients=patients,
        size=len(body),
        digest=hashlib.sha256(body).digest(),
        saved_at=now,
    )
    session.add(snapshot)
    session.flush()
    chunks = insert(Base.metadata.tables[IndexSnapshotChunk.__tablename__])
    for number, start in enumerate(range(0, len(body), CHUNK_BYTES)):
        part = body[start : start + CHUNK_BYTES]
        session.execute(chunks, {"snapshot_id": snapshot.id, "number": number, "body": part})
    _drop_others(session, snapshot.id)
    return snapshot


def newest(session: Session) -> IndexSnapshot | None:
    return session.scalar(select(IndexSnapshot).order_by(IndexSnapshot.id.desc()).limit(1))


def is_current(session: Session) -> bool:
    """Tell whether the newest snapshot says all there is: nobody's attributes changed since."""
    kept = newest(session)
    if kept is None or not is_of_here(session, kept):
        return False
    _, patients, events = read_events(session, _reading(kept))
    return not patients and events < MOST_AT_ONCE


def load(session: Session) -> SegmentIndex | None:
    """Return the index of the newest snapshot, or None where there is none to go on from."""
    kept = newest(session)
    if kept is None or not is_of_here(session, kept):
        return None
    parts = session.scalars(
        select(IndexSnapshotChunk.body)
        .where(IndexSnapshotChunk.snapshot_id == kept.id)
        .order_by(IndexSnapshotChunk.number)
    ).all()
    body = b"".join(parts)
    # Another process may just have replaced it.
    if hashlib.sha256(body).digest() != kept.digest:
        return None
    base, sets, births = _read(body)
    return SegmentIndex(base, sets, births, tag_tree(session), _reading(kept))


def _reading(kept: IndexSnapshot) -> Reading:
    return Reading(kept.position, {int(id_): str(since) for id_, since in kept.gaps})


def is_of_here(session: Session, kept: IndexSnapshot) -> bool:
    """Tell whether a snapshot is of this database and its history, and near enough to follow."""
    last = session.scalar(select(func.max(Event.id))) or 0
    return (
        kept.format == FORMAT
        and kept.position <= last <= kept.position + _MOST_BEHIND
        and kept.mark == _mark(session, kept.position)
    )


def _mark(session: Session, position: int) -> bytes:
    """Return a digest of the history up to an event: another database has another one."""
    event = session.execute(
        select(Event.kind, Event.patient_id, Event.at).where(Event.id == position)
    ).one_or_none()
    first = select(Patient.public_id).order_by(Patient.id).limit(1)
    told = [position, session.scalar(first), *(str(part) for part in event or ())]
    return hashlib.sha256(json.dumps(told).encode()).digest()


def _drop_others(session: Session, kept_id: int) -> None:
    others = session.scalars(select(IndexSnapshot.id).where(IndexSnapshot.id != kept_id)).all()
    session.execute(delete(IndexSnapshotChunk).where(IndexSnapshotChunk.snapshot_id.in_(others)))
    session.execute(delete(IndexSnapshot).where(IndexSnapshot.id.in_(others)))


def _write(index: SegmentIndex) -> bytes:
    parts: list[bytes] = [index.base.serialize()]
    told: list[list[Any]] = [["base", len(parts[0])]]
    for attribute, bitmaps in index.sets.items():
        for value, bitmap in bitmaps.items():
            parts.append(bitmap.serialize())
            told.append([attribute.value, len(parts[-1]), *value])
    for number, page in index.births.pages.items():
        parts.append(page.astype(_STORED).tobytes())
        told.append([Attribute.BIRTH.value, len(parts[-1]), number])
    head = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    return b"".join([head, b"\n", *parts])


def _read(body: bytes) -> tuple[BitMap, Sets, Births]:
    base, births = BitMap(), Births()
    sets: Sets = {}
    for (what, _, *value), part in _parts(body):
        if what == "base":
            base = BitMap.deserialize(part)
        elif what == Attribute.BIRTH:
            page = np.frombuffer(part, dtype=_STORED, count=PAGE)
            births.pages[value[0]] = page.astype(np.uint32)  # a copy that may be written to
        else:
            sets.setdefault(Attribute(what), {})[tuple(value)] = BitMap.deserialize(part)
    return base, sets, births


def _parts(body: bytes) -> Iterator[tuple[list[Any], bytes]]:
    place = body.index(b"\n") + 1
    for told in json.loads(body[:place]):
        yield told, body[place : place + told[1]]
        place += told[1]
