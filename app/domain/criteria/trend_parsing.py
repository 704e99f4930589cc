"""The leaves about how what is measured moves, read from plain data."""

from collections.abc import Callable, Mapping
from typing import Final

from app.domain.criteria.bounds import read_context, read_kind, read_span, read_threshold, read_unit
from app.domain.criteria.comparing import Comparator
from app.domain.criteria.trends import Dip, Growth, Mean, OfLast, Rise, Slope, TrendLeaf
from app.domain.definitions import Fields, InvalidDefinition

_MOST: Final = 1000


def _of_last(fields: Fields) -> OfLast:
    kind = read_kind(fields)
    of = fields.integer("of", 1, _MOST)
    return OfLast(
        code=kind.code,
        op=fields.choice("op", Comparator),
        value=read_threshold(fields, kind),
        within=read_span(fields, "within"),
        at_least=fields.integer("at_least", 1, of),
        of=of,
        context=read_context(fields),
    )


def _mean(fields: Fields) -> Mean:
    kind = read_kind(fields)
    return Mean(
        code=kind.code,
        op=fields.choice("op", Comparator),
        value=read_threshold(fields, kind),
        within=read_span(fields, "within"),
        at_least=fields.integer("at_least", 1, _MOST),
        context=read_context(fields),
    )


def _rise(fields: Fields) -> Rise:
    kind = read_kind(fields)
    read_unit(fields, kind)
    by = fields.decimal("by")
    if by == 0:
        raise InvalidDefinition(fields.at("by"), "must not be 0")
    return Rise(code=kind.code, over=read_span(fields, "over"), by=by)


def _slope(fields: Fields) -> Slope:
    kind = read_kind(fields)
    read_unit(fields, kind)
    return Slope(
        code=kind.code,
        op=fields.choice("op", Comparator),
        per_day=fields.decimal("per_day"),
        over=read_span(fields, "over"),
        at_least=fields.integer("at_least", 2, _MOST),
    )


def _growth(fields: Fields) -> Growth:
    percent = fields.decimal("percent")
    if percent == 0 or not -100 <= percent <= 1000:
        raise InvalidDefinition(fields.at("percent"), "must be -100 to 1000, and not 0")
    return Growth(code=read_kind(fields).code, over=read_span(fields, "over"), percent=percent)


def _dip(fields: Fields) -> Dip:
    percent = fields.decimal("percent")
    if not -100 <= percent <= 100:
        raise InvalidDefinition(fields.at("percent"), "must be -100 to 100")
    night_from, night_until = fields.local_time("night_from"), fields.local_time("night_until")
    if night_from == night_until:
        raise InvalidDefinition(fields.at("night_until"), "must not be when the night begins")
    return Dip(
        code=read_kind(fields).code,
        op=fields.choice("op", Comparator),
        percent=percent,
        over=read_span(fields, "over"),
        night_from=night_from,
        night_until=night_until,
        least_day=fields.integer("least_day", 1, _MOST),
        least_night=fields.integer("least_night", 1, _MOST),
    )


TREND_LEAVES: Mapping[str, Callable[[Fields], TrendLeaf]] = {
    "of_last": _of_last,
    "mean": _mean,
    "rise": _rise,
    "slope": _slope,
    "growth": _growth,
    "dip": _dip,
}
