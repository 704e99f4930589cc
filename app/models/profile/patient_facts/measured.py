"""Observations of one patient that may be judged."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import bindparam, select

from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.profile.patient_facts import ObservedValue
from app.domain.profile.vital_signs import CLOCK_SKEW, MeasurementContext, OffScale
from app.models.profile.observation import Observation
from app.models.profile.patient_facts.asked import Asked
from app.models.profile.what_counts import is_judged_version

# Of one code the newest so many are read: five a day for a year.
MOST_VALUES: Final = 2_000

# Every rule and tag asks this: built once.
_OBSERVED: Final = (
    select(
        Observation.code,
        Observation.value,
        Observation.comparator,
        Observation.unit,
        Observation.standard_value,
        Observation.standard_unit,
        Observation.effective_at,
        Observation.context,
        Observation.off_scale,
    )
    .where(
        Observation.patient_id == bindparam("patient_id"),
        Observation.code.in_(bindparam("codes", expanding=True)),
        Observation.effective_at >= bindparam("since"),
        Observation.effective_at <= bindparam("until"),
        is_judged_version(),
    )
    .order_by(Observation.effective_at.desc(), Observation.id.desc())
    .limit(MOST_VALUES)
)


def observations(
    asked: Asked, look_back: Mapping[str, timedelta]
) -> Mapping[str, list[ObservedValue]]:
    """Return the judged values of each code, the newest first.

    A code whose look back is shorter than another's comes with more than it needs.
    """
    found: dict[str, list[ObservedValue]] = defaultdict(list)
    if not look_back:
        return found
    first = asked.since - max(look_back.values())
    for row in _rows(asked, list(look_back), first):
        value = _observed(row)
        if value is not None:
            found[row.code].append(value)
    return found


def _rows(asked: Asked, codes: list[str], since: datetime) -> Sequence[Any]:
    wanted = {
        "patient_id": asked.patient_id,
        "codes": codes,
        "since": since,
        "until": asked.now + CLOCK_SKEW,
    }
    rows = asked.session.execute(_OBSERVED, wanted).all()
    if len(rows) < MOST_VALUES or len(codes) == 1:
        return rows
    # What a sensor measures all day must not crowd out what is measured once a quarter.
    each = ({**wanted, "codes": [code]} for code in codes)
    return [row for one in each for row in asked.session.execute(_OBSERVED, one)]


def _observed(row: Any) -> ObservedValue | None:
    """Return a value that may be judged; another unit or an implausible number may not."""
    kind = OBSERVATION_KINDS[row.code]
    context = MeasurementContext(row.context) if row.context else None
    if row.off_scale is not None:
        return ObservedValue(None, row.effective_at, context, OffScale(row.off_scale))
    # A laboratory's number counts in the unit it was converted to on arrival, where it was.
    value, unit = row.standard_value, row.standard_unit
    if value is None:
        value, unit = row.value, row.unit
    # "<4" is no number; a number in another unit, or an impossible one, proves nothing.
    if value is None or row.comparator is not None or unit != kind.unit:
        return None
    if not kind.is_plausible(value):
        return None
    return ObservedValue(_as_measured(value), row.effective_at, context)


def _as_measured(value: Decimal) -> Decimal:
    """Return 2.6 for the column's 2.600000: people read these numbers in explanations."""
    whole = value.to_integral_value()
    return whole if value == whole else value.normalize()
