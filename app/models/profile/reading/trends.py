"""The values of the last days, one series for each code and unit."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from app.domain.intake.hospital_records import ObservationStatus
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.profile.trend_words import TrendNumbers, TrendPoint, sentence, summarise
from app.domain.profile.vital_signs import Interpretation
from app.models.profile.observation import Observation, Origin

# A meter that writes every few minutes must not make a page wait.
MOST_VALUES: Final = 2_000
_NO_VALUE: Final = (ObservationStatus.CANCELLED, ObservationStatus.ENTERED_IN_ERROR)


@dataclass(frozen=True, slots=True)
class Point:
    value: Decimal
    at: datetime
    context: str | None


@dataclass(frozen=True, slots=True)
class Trend:
    """The values of one code, oldest first, in one unit, and what they come to."""

    code: str
    display: str | None
    unit: str | None
    points: tuple[Point, ...]
    numbers: TrendNumbers
    sentence: str

    @property
    def name(self) -> str:
        """The Chinese name of its code, or what its sender calls it."""
        kind = OBSERVATION_KINDS.get(self.code)
        return kind.name if kind else self.display or self.code


def trends_of(
    session: Session,
    patient_id: int,
    now: datetime,
    zone: ZoneInfo,
    days: int,
    most: int,
    *,
    is_home: bool | None = None,
) -> tuple[Trend, ...]:
    """Return the codes measured most often lately: home monitoring before single results.

    `is_home` narrows to what was measured at home, or to what was not.
    """
    query = (
        select(
            Observation.code,
            Observation.display,
            Observation.unit,
            Observation.value,
            Observation.effective_at,
            Observation.context,
            Observation.interpretation,
            Observation.computed_interpretation,
        )
        .where(
            Observation.patient_id == patient_id,
            Observation.is_current == true(),
            Observation.value.is_not(None),
            Observation.comparator.is_(None),
            Observation.status.not_in(_NO_VALUE),
            Observation.doubt.is_(None),
            Observation.effective_at > now - timedelta(days=days),
            Observation.effective_at <= now,
        )
        .order_by(Observation.effective_at.desc(), Observation.id.desc())
        .limit(MOST_VALUES)
    )
    if is_home is not None:
        query = query.where(Observation.origin == (Origin.HOME if is_home else Origin.HOSPITAL))
    rows = session.execute(query).all()
    # A value in another unit is another series: numbers of two units never share a line.
    series: dict[tuple[str, str | None], list[Any]] = defaultdict(list)
    for row in reversed(rows):
        series[row.code, row.unit].append(row)
    longest = sorted(series.values(), key=lambda found: (-len(found), found[0].code))
    return tuple(_trend(found, days, zone) for found in longest[:most])


def _trend(rows: Sequence[Any], days: int, zone: ZoneInfo) -> Trend:
    numbers = summarise([TrendPoint(row.value, row.effective_at, _is_outside(row)) for row in rows])
    return Trend(
        code=rows[-1].code,
        display=rows[-1].display,
        unit=rows[-1].unit,
        points=tuple(Point(row.value, row.effective_at, row.context) for row in rows),
        numbers=numbers,
        sentence=sentence(numbers, rows[-1].unit, days, zone),
    )


def _is_outside(row: Any) -> bool | None:
    """Tell whether the sender's flag or ours calls a value abnormal; None where none was set."""
    flags = {row.interpretation, row.computed_interpretation} - {None, ""}
    return any(flag != Interpretation.NORMAL for flag in flags) if flags else None
