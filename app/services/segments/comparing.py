"""Two segments beside each other: who is only in one, and how the two differ."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.intake.hospital_records import Gender
from app.models import Patient, Tag, TagAssignment
from app.models.segments.choices import tags_seen_by

TAGS: Final = 10
# Of a larger group so many are looked at, evenly spread: shares are good to about a point.
LOOKED_AT: Final = 20_000
_BATCH: Final = 500
_BANDS: Final = (0, 18, 45, 60, 75)
NO_AGE: Final = "出生日期未登记"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is more frequent in one group: shares from 0 to 1 of those looked at."""

    name: str
    first: float
    second: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ids of three groups that do not overlap, and how the two segments as a whole differ.

    `is_estimated` where a segment was too large to look at everybody.
    """

    only_first: NDArray[np.uint64]
    both: NDArray[np.uint64]
    only_second: NDArray[np.uint64]
    ages: tuple[Difference, ...]
    genders: tuple[tuple[Gender, Difference], ...]
    tags: tuple[Difference, ...]
    is_estimated: bool


def compare(
    session: Session,
    first: NDArray[np.uint64],
    second: NDArray[np.uint64],
    practitioner_id: int | None,
    today: date,
) -> Comparison:
    """Return how two groups of ascending ids overlap and differ; tags the asker may see only."""
    one, other = _look_at(session, first, today), _look_at(session, second, today)
    names = tags_seen_by(session, practitioner_id)
    return Comparison(
        only_first=np.setdiff1d(first, second, assume_unique=True),
        both=np.intersect1d(first, second, assume_unique=True),
        only_second=np.setdiff1d(second, first, assume_unique=True),
        ages=tuple(
            _difference(band, band, one, other, one.ages, other.ages)
            for band in (*map(_band_name, range(len(_BANDS))), NO_AGE)
        ),
        genders=tuple(
            (gender, _difference(gender, gender, one, other, one.genders, other.genders))
            for gender in Gender
            if one.genders[gender] or other.genders[gender]
        ),
        tags=_most_different(
            [
                _difference(key, name, one, other, one.tags, other.tags)
                for key, name in names.items()
                if one.tags[key] or other.tags[key]
            ]
        ),
        is_estimated=max(first.size, second.size) > LOOKED_AT,
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """What was counted of those looked at."""

    size: int
    ages: Counter[str]
    genders: Counter[str]
    tags: Counter[str]


def _look_at(session: Session, ids: NDArray[np.uint64], today: date) -> _Look:
    if ids.size > LOOKED_AT:
        places = np.linspace(0, ids.size - 1, LOOKED_AT).round().astype(np.int64)
        ids = ids[places]
    found = _Look(int(ids.size), Counter(), Counter(), Counter())
    for start in range(0, ids.size, _BATCH):
        batch = [int(one) for one in ids[start : start + _BATCH]]
        people = session.execute(
            select(Patient.gender, Patient.birth_date).where(Patient.id.in_(batch))
        )
        for gender, born in people:
            found.genders[gender] += 1
            found.ages[_band(born, today)] += 1
        found.tags.update(_tags(session, batch))
    return found


def _tags(session: Session, batch: Sequence[int]) -> Mapping[str, int]:
    rows = session.execute(
        select(Tag.key, func.count().label("number"))
        .join(TagAssignment, TagAssignment.tag_id == Tag.id)
        .where(TagAssignment.patient_id.in_(batch), TagAssignment.is_live.is_(True))
        .group_by(Tag.key)
    )
    return {row.key: row.number for row in rows}


def _band(born: date | None, today: date) -> str:
    if born is None:
        return NO_AGE
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return _band_name(sum(age >= least for least in _BANDS[1:]))


def _band_name(number: int) -> str:
    least = _BANDS[number]
    if number + 1 == len(_BANDS):
        return f"{least}岁及以上"
    return f"{least}–{_BANDS[number + 1] - 1}岁"


def _difference(
    key: str, name: str, one: _Look, other: _Look, first: Counter[str], second: Counter[str]
) -> Difference:
    return Difference(name, first[key] / max(one.size, 1), second[key] / max(other.size, 1))


def _most_different(found: list[Difference]) -> tuple[Difference, ...]:
    found.sort(key=lambda one: (-abs(one.first - one.second), one.name))
    return tuple(one for one in found[:TAGS] if one.first != one.second)
