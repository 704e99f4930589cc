"""Province and city for records whose address came before anybody read it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from app.database import Base
from app.domain.profile.places import region_of
from app.models import Event, Patient

BATCH: Final = 500
_PATIENTS: Final = Base.metadata.tables[Patient.__tablename__]
_EVENTS: Final = Base.metadata.tables[Event.__tablename__]
_WAITING: Final = (
    select(_PATIENTS.c.id, _PATIENTS.c.public_id, _PATIENTS.c.address_sealed)
    .where(
        _PATIENTS.c.id > bindparam("after"),
        _PATIENTS.c.region.is_(None),
        _PATIENTS.c.address_sealed.is_not(None),
    )
    .order_by(_PATIENTS.c.id)
    .limit(BATCH)
    .with_for_update()
)


@dataclass(frozen=True, slots=True)
class Batch:
    """`last` is the highest id looked at, None where nobody was left."""

    last: int | None
    seen: int
    placed: int


def place_batch(session: Session, after: int, now: datetime) -> Batch:
    """Read the addresses of the next records without a region; where it shows, write it.

    Done again it changes nothing; broken off it goes on after the last batch that was committed.
    """
    rows = session.connection().execute(_WAITING, {"after": after}).all()
    if not rows:
        return Batch(None, 0, 0)
    placed = []
    for row in rows:
        address = Patient.address.open(_PATIENTS.name, row.public_id, row.address_sealed)
        region = region_of(address)
        if region is not None:
            placed.append({"of_id": row.id, "to_region": region})
    if placed:
        session.connection().execute(
            update(_PATIENTS)
            .where(_PATIENTS.c.id == bindparam("of_id"))
            .values(region=bindparam("to_region")),
            placed,
        )
        session.connection().execute(
            insert(_EVENTS),
            [
                {
                    "kind": "patient.updated", "patient_id": one["of_id"], "payload": {},
                    "depth": 0, "at": now,
                }
                for one in placed
            ],
        )  # fmt: skip
    return Batch(rows[-1].id, len(rows), len(placed))
