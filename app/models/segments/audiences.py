"""Audiences kept and read: who was meant when a segment was frozen, in chunks of some hundreds."""

import hashlib
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.database import Base
from app.models.profile.patient import Patient
from app.models.segments.segment import Audience, AudienceChunk

CHUNK: Final = 500
# As the chunks keep ids, whatever machine writes them.
_STORED: Final = np.dtype("<u8")
_INSERT: Final = insert(Base.metadata.tables["audience_chunk"])


def persist(session: Session, audience: Audience, ids: NDArray[np.uint64]) -> None:
    """Keep an audience with its patients; `ids` ascend and are there once.

    Sets the audience's size and digest: SHA-256 over all ids as they are stored.

    :raises ValueError: the ids do not ascend
    """
    stored = np.ascontiguousarray(ids, dtype=_STORED)
    if stored.size > 1 and not bool(np.all(stored[1:] > stored[:-1])):
        raise ValueError("ids must ascend")
    whole = stored.tobytes()
    audience.size = int(stored.size)
    audience.digest = hashlib.sha256(whole).digest()
    session.add(audience)
    session.flush()
    width = CHUNK * _STORED.itemsize
    rows = [
        {
            "audience_id": audience.id,
            "number": number,
            "size": min(CHUNK, audience.size - number * CHUNK),
            "patient_ids": whole[number * width : (number + 1) * width],
        }
        for number in range(-(-audience.size // CHUNK))
    ]
    if rows:
        session.execute(_INSERT, rows)


def read_chunks(session: Session, audience_id: int) -> Iterator[NDArray[np.uint64]]:
    """Yield the ids as they were frozen, a chunk at a time."""
    chunks = session.scalars(
        select(AudienceChunk.patient_ids)
        .where(AudienceChunk.audience_id == audience_id)
        .order_by(AudienceChunk.number)
    )
    for chunk in chunks:
        yield np.frombuffer(chunk, dtype=_STORED)


def read_ids(session: Session, audience_id: int) -> NDArray[np.uint64]:
    """Return all ids as they were frozen, ascending."""
    chunks = list(read_chunks(session, audience_id))
    return np.concatenate(chunks) if chunks else np.empty(0, dtype=_STORED)


def is_whole(session: Session, audience: Audience) -> bool:
    """Tell whether the chunks still are what was frozen."""
    digest = hashlib.sha256()
    for chunk in read_chunks(session, audience.id):
        digest.update(chunk.tobytes())
    return digest.digest() == audience.digest


def speaking_for(session: Session, ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the records that speak for these patients now, each once, ascending.

    A patient merged since is found through the retired id; two who became one are one.
    """
    found = [int(one) for one in ids]
    for start in range(0, len(found), CHUNK):
        part = found[start : start + CHUNK]
        found[start : start + CHUNK] = _forwarded(session, part)
    return np.unique(np.asarray(found, dtype=_STORED))


def _forwarded(session: Session, ids: list[int]) -> list[int]:
    """Follow the merges of some ids to their ends."""
    heads = {one: one for one in ids}
    waiting = set(ids)
    while waiting:
        rows = session.execute(
            select(Patient.id, Patient.merged_into_id).where(
                Patient.id.in_(waiting), Patient.merged_into_id.is_not(None)
            )
        )
        onwards = {row.id: row.merged_into_id for row in rows}
        heads = {one: onwards.get(head, head) for one, head in heads.items()}
        waiting = set(onwards.values())
    return [heads[one] for one in ids]
