"""Satisfaction in figures: of each question and overall, so that no single answer shows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

FORM: Final = "satisfaction"
OVERALL: Final = "overall"
# Three of five and more counts as satisfied (product F3).
SATISFIED_FROM: Final = 3
# Of fewer forms a team could tell whose they are.
FEWEST: Final = 5
_TENTH: Final = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Figure:
    """Of `answers` answers so many are satisfied; None where too few were given to show."""

    forms: int
    answers: int
    satisfied: int
    total: Decimal

    @property
    def is_shown(self) -> bool:
        return self.forms >= FEWEST

    @property
    def rate(self) -> Decimal | None:
        """The share of satisfied answers in percent."""
        if not self.is_shown or not self.answers:
            return None
        share = Decimal(self.satisfied) * 100 / self.answers
        return share.quantize(_TENTH, ROUND_HALF_UP)

    @property
    def mean(self) -> Decimal | None:
        if not self.is_shown or not self.answers:
            return None
        return (self.total / self.answers).quantize(Decimal("0.01"), ROUND_HALF_UP)


def figure(forms: Iterable[Mapping[str, Decimal]], keys: Iterable[str] | None = None) -> Figure:
    """Count the answers of some forms to some questions, or to all."""
    wanted = None if keys is None else frozenset(keys)
    number = answers = satisfied = 0
    total = Decimal(0)
    for form in forms:
        given = [value for key, value in form.items() if wanted is None or key in wanted]
        number += bool(given)
        answers += len(given)
        satisfied += sum(value >= SATISFIED_FROM for value in given)
        total += sum(given, Decimal(0))
    return Figure(number, answers, satisfied, total)
