"""How checks look back over the values of one code, and how many they may read."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from app.domain.criteria.comparing import Comparator
from app.domain.profile.patient_facts import Facts, ObservedValue
from app.domain.profile.vital_signs import OffScale

STEP_BUDGET = 10_000


class StepBudgetExceeded(ValueError):
    """A look back would read more values than one evaluation may."""


OFF_SCALE_HOLDS: dict[OffScale, frozenset[Comparator]] = {
    OffScale.LOW: frozenset({Comparator.LESS, Comparator.AT_MOST}),
    OffScale.HIGH: frozenset({Comparator.MORE, Comparator.AT_LEAST}),
}


def window(facts: Facts, code: str, since: datetime, share: int) -> Iterator[ObservedValue]:
    """Yield the values from `since` on, the newest first.

    :raises StepBudgetExceeded: there are more than `share` of them, and all were asked for
    """
    for read, observed in enumerate(facts.observations.get(code, ())):
        if observed.effective_at < since:
            return
        if read >= share:
            raise StepBudgetExceeded(f"more than {share} values of {code}")
        yield observed


def numbers(
    facts: Facts, code: str, over: timedelta, share: int
) -> list[tuple[Decimal, ObservedValue]]:
    """Return what was measured as a number within `over`, the newest first."""
    found = window(facts, code, facts.now - over, share)
    return [(one.value, one) for one in found if one.value is not None]


def off_scale_held(op: Comparator) -> frozenset[OffScale]:
    """Return which readings without a number compare so: LO is less and HI more than any."""
    return frozenset(scale for scale, holding in OFF_SCALE_HOLDS.items() if op in holding)


def shown(observed: ObservedValue) -> str:
    return str(observed.off_scale) if observed.value is None else f"{observed.value:f}"
