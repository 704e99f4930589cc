"""Leaves about what was measured, as sets of patients."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Numeric,
    Select,
    Subquery,
    and_,
    case,
    false,
    func,
    literal,
    or_,
    select,
)

from app.domain.criteria.comparing import COMPARE, Comparator
from app.domain.criteria.population import Measured
from app.domain.criteria.tree import Change, Count, Latest
from app.domain.criteria.trends import Mean, OfLast, Rise
from app.domain.criteria.windows import OFF_SCALE_HOLDS
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.profile.vital_signs import CLOCK_SKEW
from app.models.profile.observation import Observation
from app.models.profile.what_counts import is_judged_version
from app.models.segments.criteria_sql.comparing import compares, is_exactly

_EXACT = Numeric(18, 6)
_SUM = Numeric(30, 6)
_IS_CONVERTED = Observation.standard_value.is_not(None)
# A laboratory's number counts in the unit it was converted to on arrival, where it was. SQLite
# keeps binary fractions; rounded to the column's six digits they are the numbers that were meant.
_NUMBER = func.round(func.coalesce(Observation.standard_value, Observation.value), 6, type_=_EXACT)


def latest(leaf: Latest, now: datetime) -> Select[int]:
    values = _judged(leaf.code, leaf.within, now, _in_context(leaf), _newest_first())
    holds = _met(values.c.number, values.c.off_scale, leaf)
    return select(values.c.patient_id).where(values.c.place == 1, holds)


def count(leaf: Count, now: datetime) -> Select[int]:
    values = _judged(leaf.code, leaf.within, now, _in_context(leaf))
    return (
        select(values.c.patient_id)
        .where(_met(values.c.number, values.c.off_scale, leaf))
        .group_by(values.c.patient_id)
        .having(func.count() >= leaf.at_least)
    )


def change(leaf: Change, now: datetime) -> Select[int]:
    values = _judged(
        leaf.code, leaf.over, now, [Observation.off_scale.is_(None)],
        _newest_first(), _oldest_first(),
    )  # fmt: skip
    newest = func.max(case((values.c.place == 1, values.c.number)), type_=_EXACT)
    oldest = func.max(case((values.c.place_from_oldest == 1, values.c.number)), type_=_EXACT)
    moved = func.round(newest - oldest, 6, type_=_EXACT)
    op = Comparator.AT_LEAST if leaf.by > 0 else Comparator.AT_MOST
    return (
        select(values.c.patient_id)
        .group_by(values.c.patient_id)
        .having(and_(func.count() >= 2, compares(moved, op, leaf.by)))
    )


def of_last(leaf: OfLast, now: datetime) -> Select[int]:
    values = _judged(leaf.code, leaf.within, now, _in_context(leaf), _newest_first())
    return (
        select(values.c.patient_id)
        .where(values.c.place <= leaf.of, _met(values.c.number, values.c.off_scale, leaf))
        .group_by(values.c.patient_id)
        .having(func.count() >= leaf.at_least)
    )


def mean(leaf: Mean, now: datetime) -> Select[int]:
    more = [*_in_context(leaf), Observation.off_scale.is_(None)]
    values = _judged(leaf.code, leaf.within, now, more)
    # Compared as sums: a quotient would be rounded, and moved over a threshold.
    total = func.round(func.sum(values.c.number), 6, type_=_SUM)
    compare: Callable[[Any, Any], Any] = COMPARE[leaf.op]
    wanted = func.round(func.count() * literal(leaf.value, _EXACT), 6, type_=_SUM)
    return (
        select(values.c.patient_id)
        .group_by(values.c.patient_id)
        .having(and_(func.count() >= leaf.at_least, compare(total, wanted)))
    )


def rise(leaf: Rise, now: datetime) -> Select[int]:
    values = _judged(leaf.code, leaf.over, now, [Observation.off_scale.is_(None)], _newest_first())
    newest = func.max(case((values.c.place == 1, values.c.number)), type_=_EXACT)
    turn = (func.min if leaf.by > 0 else func.max)(values.c.number, type_=_EXACT)
    moved = func.round(newest - turn, 6, type_=_EXACT)
    op = Comparator.AT_LEAST if leaf.by > 0 else Comparator.AT_MOST
    return (
        select(values.c.patient_id)
        .group_by(values.c.patient_id)
        .having(compares(moved, op, leaf.by))
    )


def measured(leaf: Measured, now: datetime) -> Select[int]:
    return select(_judged(leaf.code, leaf.within, now, []).c.patient_id).distinct()


def _judged(
    code: str,
    within: timedelta,
    now: datetime,
    more: list[ColumnElement[bool]],
    *ranks: ColumnElement[int],
) -> Subquery:
    """Return the values of a code that may be judged: patient_id, number, off_scale and ranks."""
    kind = OBSERVATION_KINDS[code]
    # "<4" is no number; a number in another unit, or an impossible one, proves nothing.
    is_number = and_(
        Observation.comparator.is_(None),
        or_(
            and_(_IS_CONVERTED, is_exactly(Observation.standard_unit, kind.unit)),
            and_(Observation.standard_value.is_(None), is_exactly(Observation.unit, kind.unit)),
        ),
        _NUMBER.between(kind.least, kind.most),
    )
    return (
        select(
            Observation.patient_id,
            _NUMBER.label("number"),
            Observation.off_scale,
            *ranks,
        )
        .where(
            Observation.code == code,
            Observation.effective_at.between(now - within, now + CLOCK_SKEW),
            is_judged_version(),
            or_(Observation.off_scale.is_not(None), is_number),
            *more,
        )
        .subquery()
    )


def _in_context(leaf: Latest | Count | OfLast | Mean) -> list[ColumnElement[bool]]:
    return [] if leaf.context is None else [Observation.context == leaf.context.value]


def _newest_first() -> ColumnElement[int]:
    newest = (Observation.effective_at.desc(), Observation.id.desc())
    return (
        func.row_number().over(partition_by=Observation.patient_id, order_by=newest).label("place")
    )


def _oldest_first() -> ColumnElement[int]:
    oldest = (Observation.effective_at, Observation.id)
    ranked = func.row_number().over(partition_by=Observation.patient_id, order_by=oldest)
    return ranked.label("place_from_oldest")


def _met(number: Any, off_scale: Any, leaf: Latest | Count | OfLast) -> ColumnElement[bool]:
    """Return the test of one value; LO is less than any number and HI is more."""
    beyond = [scale.value for scale, holding in OFF_SCALE_HOLDS.items() if leaf.op in holding]
    return or_(
        and_(off_scale.is_(None), compares(number, leaf.op, leaf.value)),
        and_(off_scale.is_not(None), off_scale.in_(beyond)) if beyond else false(),
    )
