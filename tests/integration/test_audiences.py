"""Audiences as they are kept: in chunks, in order, and found again after merges."""

import hashlib

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Audience, AudienceChunk
from app.models.segments.audiences import is_whole, persist, read_chunks, read_ids, speaking_for
from tests import factories
from tests.conftest import NOON


def frozen(session: Session, ids: list[int]) -> Audience:
    audience = Audience(tree={"age": {"op": ">=", "years": 60}}, taken_at=NOON)
    persist(session, audience, np.array(ids, dtype=np.uint64))
    return audience


def test_an_audience_is_kept_in_chunks_of_500_and_read_back(session: Session) -> None:
    ids = [*range(1, 1201), 2**63 + 7]

    audience = frozen(session, ids)

    sizes = session.scalars(
        select(AudienceChunk.size).filter_by(audience_id=audience.id).order_by(AudienceChunk.number)
    )
    assert list(sizes) == [500, 500, 201]
    assert audience.size == 1201
    stored = b"".join(one.to_bytes(8, "little") for one in ids)
    assert audience.digest == hashlib.sha256(stored).digest()
    assert [len(chunk) for chunk in read_chunks(session, audience.id)] == [500, 500, 201]
    assert read_ids(session, audience.id).tolist() == ids
    assert is_whole(session, audience)


def test_a_chunk_that_was_changed_shows(session: Session) -> None:
    audience = frozen(session, [1, 2, 3])
    chunk = session.scalars(select(AudienceChunk).filter_by(audience_id=audience.id)).one()
    chunk.patient_ids = chunk.patient_ids[:-8] + (9).to_bytes(8, "little")
    session.flush()

    assert not is_whole(session, audience)


def test_nobody_is_an_audience_too(session: Session) -> None:
    audience = frozen(session, [])

    assert audience.size == 0
    assert read_ids(session, audience.id).tolist() == []
    assert is_whole(session, audience)


@pytest.mark.parametrize("ids", [[2, 1], [1, 1]])
def test_ids_out_of_order_are_refused(session: Session, ids: list[int]) -> None:
    with pytest.raises(ValueError, match="ascend"):
        frozen(session, ids)


def test_a_patient_merged_since_is_found_through_the_retired_id(session: Session) -> None:
    first, second, third, other = (factories.patient(session) for _ in range(4))
    audience = frozen(session, sorted([first.id, second.id, third.id, other.id]))

    # A merge of a merge: first → second → third.
    first.merged_into_id = second.id
    second.merged_into_id = third.id
    session.flush()

    ids = read_ids(session, audience.id)
    assert first.id in ids.tolist()
    assert speaking_for(session, ids).tolist() == [third.id, other.id]
