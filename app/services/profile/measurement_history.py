"""What a patient has measured at home: a page of values, and the trend in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from sqlalchemy import ColumnElement, and_, bindparam, or_, select
from sqlalchemy.orm import Session

from app.database import Base
from app.domain.errors import NotFound
from app.domain.profile.vital_signs import Interpretation, VitalSign
from app.models import Observation, ObservationStatus, Origin

PAGE: Final = 50
MOST_POINTS: Final = 1000
OUTSIDE: Final = frozenset(Interpretation) - {Interpretation.NORMAL}

# How people write what UCUM codes.
_UNITS: Final = {
    "mm[Hg]": "mmHg", "/min": "次/分", "Cel": "℃", "kg": "公斤", "{score}": "分",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """One value; `off_scale` is LO or HI where the meter showed that instead.

    `doubt` says why it is kept and not believed; `is_by_device`: nobody typed it.
    """

    id: str
    code: str
    value: Decimal | None
    off_scale: str | None
    unit: str | None
    interpretation: str | None
    context: str | None
    effective_at: datetime
    doubt: str | None
    is_by_device: bool


@dataclass(frozen=True, slots=True)
class Trend:
    """The values of some days, oldest first, and what there is to say of them."""

    code: VitalSign
    unit: str
    days: int
    readings: Sequence[Reading]
    sentence: str


_OBSERVATIONS: Final = Base.metadata.tables["observation"]
# What phones ask most: built once, and past the mapper.
_NEWEST_FIRST: Final = (
    select(
        _OBSERVATIONS.c.public_id,
        _OBSERVATIONS.c.code,
        _OBSERVATIONS.c.value,
        _OBSERVATIONS.c.off_scale,
        _OBSERVATIONS.c.unit,
        _OBSERVATIONS.c.interpretation,
        _OBSERVATIONS.c.context,
        _OBSERVATIONS.c.effective_at,
        _OBSERVATIONS.c.doubt,
        _OBSERVATIONS.c.device_id.is_not(None),
    )
    .where(
        _OBSERVATIONS.c.patient_id == bindparam("patient_id"),
        _OBSERVATIONS.c.origin == Origin.HOME,
        _OBSERVATIONS.c.is_current.is_(True),
        _OBSERVATIONS.c.status != ObservationStatus.ENTERED_IN_ERROR,
    )
    .order_by(_OBSERVATIONS.c.effective_at.desc(), _OBSERVATIONS.c.id.desc())
)
_PAGE: Final = _NEWEST_FIRST.limit(PAGE + 1)
_PAGE_OF_CODE: Final = _PAGE.where(_OBSERVATIONS.c.code == bindparam("code"))


def readings_of(
    session: Session, patient_id: int, code: VitalSign | None, after: str | None
) -> tuple[Sequence[Reading], str | None]:
    """Return a page, newest first, that follows the reading named `after`, and its last id.

    :raises NotFound: `after` names no reading of this patient
    """
    query = _PAGE if code is None else _PAGE_OF_CODE
    if after is not None:
        query = query.where(_follows(session, patient_id, after))
    asked = {"patient_id": patient_id, "code": code}
    found = [Reading(*row) for row in session.connection().execute(query, asked)]
    page = found[:PAGE]
    return page, page[-1].id if len(found) > PAGE else None


def trend_of(session: Session, patient_id: int, code: VitalSign, days: int, now: datetime) -> Trend:
    """Return the values of the last `days` times 24 hours."""
    newest_first = _NEWEST_FIRST.where(
        _OBSERVATIONS.c.code == code,
        _OBSERVATIONS.c.effective_at > now - timedelta(days=days),
    ).limit(MOST_POINTS)
    asked = {"patient_id": patient_id}
    readings = [Reading(*row) for row in session.connection().execute(newest_first, asked)][::-1]
    unit = _UNITS.get(code.kind.unit, code.kind.unit)
    return Trend(code, unit, days, readings, _sentence(code, unit, days, readings))


def _follows(session: Session, patient_id: int, after: str) -> ColumnElement[bool]:
    last = session.execute(
        select(Observation.effective_at, Observation.id).filter_by(
            patient_id=patient_id, public_id=after
        )
    ).one_or_none()
    if last is None:
        raise NotFound
    return or_(
        Observation.effective_at < last.effective_at,
        and_(Observation.effective_at == last.effective_at, Observation.id < last.id),
    )


def _sentence(code: VitalSign, unit: str, days: int, readings: Sequence[Reading]) -> str:
    """Say it in words: a chart alone is closed to many."""
    if not readings:
        return f"最近{days}天还没有{code.kind.name}记录。"
    latest = readings[-1]
    numbers = [one.value for one in readings if _is_judged(one) and one.value is not None]
    parts = [
        f"最近{days}天记录了{len(readings)}次{code.kind.name}",
        f"最近一次{_words(latest, unit)}",
    ]
    if numbers:
        average = (sum(numbers, Decimal()) / len(numbers)).quantize(Decimal("0.1"), ROUND_HALF_UP)
        parts.append(f"平均{average}{unit}")
    outside = sum(one.interpretation in OUTSIDE for one in readings)
    parts.append(f"有{outside}次超出范围" if outside else "没有超出范围")
    return "，".join(parts) + "。"


def _is_judged(reading: Reading) -> bool:
    """Whether the number counts in an average: not LO, HI, an odd unit or a doubted value."""
    return (
        reading.off_scale is None
        and reading.doubt is None
        and VitalSign(reading.code).kind.unit == reading.unit
        and (reading.value is not None and VitalSign(reading.code).kind.is_plausible(reading.value))
    )


def _words(reading: Reading, unit: str) -> str:
    if reading.value is None:
        return f"仪器显示{reading.off_scale}"
    return f"{reading.value.normalize():f}{unit}"
