"""Our second opinion on a result: which interval speaks of this patient, and what it says.

The laboratory's own flag and the interval printed on the report always win for display. Ours is
for results without either, and for children, whose reports often print the adults' interval; where
the two differ, both are shown to staff.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from app.domain.intake.hospital_records import Gender, ResultFlag
from app.domain.profile.laboratory import LABORATORY_TESTS, judged_code
from app.domain.profile.laboratory_entry import ReferenceInterval
from app.domain.profile.paediatric_intervals import PAEDIATRIC_INTERVALS
from app.domain.profile.unit_spellings import read_unit
from app.domain.profile.units import UnitNotConvertible, standardise


def opinion(
    code: str, value: object, unit: str | None, gender: Gender | None, born_on: date, on: date
) -> tuple[ResultFlag, str] | None:
    """Return N, H or L by our interval, and the interval's id; None where we have no opinion.

    `value` must be a Decimal that stands for itself: of `<0.5`, titres and words there is no
    opinion, nor of a number without a known unit, of an implausible one, or of a person for whom
    no interval is listed (under 28 days; from 80 years where the standard ends; sex unknown where
    it matters). `on` is the day of the specimen. Ends are usual values unless a guideline's "<"
    leaves them open.
    """
    if not isinstance(value, Decimal):
        return None
    test = LABORATORY_TESTS.get(judged_code(code))
    try:
        standard, standard_unit = standardise(code, value, unit)
    except UnitNotConvertible:
        return None
    if test is None or not test.least <= standard <= test.most:
        return None
    # A guideline may state its limit in two units, each round: the printed one counts.
    stated = {standard_unit: standard, read_unit(unit) or standard_unit: value}
    mine = [one for one in intervals_for(test.code, gender, born_on, on) if one.unit in stated]
    chosen = next((one for one in mine if one.unit == read_unit(unit)), mine[0] if mine else None)
    if chosen is None:
        return None
    return _read(stated[chosen.unit], chosen), chosen.id


def intervals_for(
    code: str, gender: Gender | None, born_on: date, on: date
) -> Iterator[ReferenceInterval]:
    """Return the intervals of a judged code that speak of such a person on that day."""
    test = LABORATORY_TESTS.get(code)
    listed = (*(test.intervals if test else ()), *PAEDIATRIC_INTERVALS.get(code, ()))
    return (interval for interval in listed if interval.is_for(gender, born_on, on))


def interval_named(code: str, interval_id: str) -> ReferenceInterval | None:
    """Return the interval on which a recorded opinion stands, if the catalogue still has it."""
    test = LABORATORY_TESTS.get(code)
    listed = (*(test.intervals if test else ()), *PAEDIATRIC_INTERVALS.get(code, ()))
    return next((interval for interval in listed if interval.id == interval_id), None)


def is_conflict(reported: ResultFlag, ours: ResultFlag) -> bool:
    """Tell whether a laboratory's flag and our opinion point different ways.

    How far out (`H` or `HH`) is no conflict, and `A` says out without saying where.
    """
    if ResultFlag.ABNORMAL in (reported, ours) or ResultFlag.CRITICALLY_ABNORMAL in (
        reported,
        ours,
    ):
        return ResultFlag.NORMAL in (reported, ours)
    return reported.value[0] != ours.value[0]


def _read(value: Decimal, interval: ReferenceInterval) -> ResultFlag:
    if interval.low is not None and value < interval.low:
        return ResultFlag.LOW
    if interval.high is not None and (
        value > interval.high or (interval.is_high_open and value == interval.high)
    ):
        return ResultFlag.HIGH
    return ResultFlag.NORMAL
