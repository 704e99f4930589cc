"""Who is meant, by way of example: a few patients whom the asker looks after."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.profile.masking import list_name
from app.domain.trust.access import Actor
from app.models import Department, Gender, Patient
from app.models.segments.criteria_sql import base_population
from app.models.staff.staff_access import cares_for
from app.models.trust.audit import record

MOST: Final = 20


@dataclass(frozen=True, slots=True)
class SampleLine:
    """A patient as a sample shows them; `age` in completed years."""

    public_id: str
    masked_name: str
    gender: Gender
    age: int | None
    department: str | None


@dataclass(frozen=True, slots=True)
class Sample:
    """`size` are meant, `cared_for` of them are the asker's own; `lines` show some of these."""

    size: int
    cared_for: int
    lines: tuple[SampleLine, ...]

    @property
    def others(self) -> int:
        return self.size - self.cared_for


def read_sample(
    session: Session, ids: NDArray[np.uint64], actor: Actor, now: datetime, today: date
) -> Sample:
    """Return some of the patients whom the actor cares for among `ids`, and note the reading.

    The same `ids` give the same sample: evenly spread, so that old and new records are in it.
    """
    own = _cared_for(session, actor, now)
    meant = np.intersect1d(ids, own, assume_unique=True)
    chosen = spread(meant, MOST)
    lines = _lines(session, chosen, today)
    record(
        session, actor, "list", "segment-sample", now,
        detail={"patients": chosen, "size": int(ids.size)},
    )  # fmt: skip
    return Sample(size=int(ids.size), cared_for=int(meant.size), lines=lines)


def spread(ids: NDArray[np.uint64], most: int) -> list[int]:
    """Return at most so many of `ids`, at even distances."""
    if ids.size <= most:
        return [int(one) for one in ids]
    places = np.linspace(0, ids.size - 1, most).round().astype(np.int64)
    return [int(one) for one in ids[places]]


def _cared_for(session: Session, actor: Actor, now: datetime) -> NDArray[np.uint64]:
    if actor.id is None:
        return np.empty(0, dtype=np.uint64)
    found = session.scalars(
        select(Patient.id).where(base_population(), cares_for(actor.id, now))
    ).all()
    return np.unique(np.asarray(found, dtype=np.uint64))


def _lines(session: Session, ids: Sequence[int], today: date) -> tuple[SampleLine, ...]:
    rows = session.execute(
        select(Patient, Department.name)
        .outerjoin(Department, Department.code == Patient.department_code)
        .where(Patient.id.in_(ids))
        .order_by(Patient.id)
    )
    return tuple(
        SampleLine(
            public_id=patient.public_id,
            masked_name=list_name(patient.name),
            gender=patient.gender,
            age=_age(patient.birth_date, today),
            department=department or patient.department_code,
        )
        for patient, department in rows
    )


def _age(born: date | None, today: date) -> int | None:
    if born is None:
        return None
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
