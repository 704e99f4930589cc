"""A local model as numbers: how rows become features, and features a calibrated probability.

Plain Python: a model is trained once and asked often, and asking needs no library. Features:

- a number becomes (x − mean) ÷ deviation of the training part; a missing one becomes the mean, and
  where the training part had missing ones a feature of its own says so (1 or 0). Counts and the
  like, never negative and with a long tail (skewness above `SKEWED`), become ln(1 + x) before: the
  step from no stay to one says more than that from nine to ten;
- a category becomes one feature (1 or 0) per value, without the most frequent one; values rarer
  than `RAREST` of the training part share the feature "other", and so do values never seen there.

The logistic sum is calibrated on a part of the data that it was not trained on: Platt (a line on
the log-odds) or isotonic (steps, joined by straight lines).
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

RAREST: Final = 0.01
SKEWED: Final = 1.0
OTHER: Final = "\u0000other"

Cell = float | str | None
Row = Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class NumberColumn:
    name: str
    mean: float
    deviation: float
    says_missing: bool
    is_log: bool = False

    @property
    def features(self) -> tuple[str, ...]:
        return (self.name, f"{self.name} 缺失") if self.says_missing else (self.name,)

    def encode(self, cell: Cell) -> list[float]:
        number = cell if isinstance(cell, float) and math.isfinite(cell) else None
        if number is not None and self.is_log:
            number = math.log1p(max(number, 0.0))
        scaled = 0.0 if number is None else (number - self.mean) / self.deviation
        return [scaled, float(number is None)] if self.says_missing else [scaled]


@dataclass(frozen=True, slots=True)
class CategoryColumn:
    """`values` have a feature each; `reference` is the most frequent one and has none."""

    name: str
    reference: str
    values: tuple[str, ...]

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(f"{self.name}={'其他' if value == OTHER else value}" for value in self.values)

    def encode(self, cell: Cell) -> list[float]:
        said = word_of(cell)
        if said != self.reference and said not in self.values:
            said = OTHER
        return [float(said == value) for value in self.values]


Column = NumberColumn | CategoryColumn


def word_of(cell: Cell) -> str:
    return "" if cell is None else f"{cell:g}" if isinstance(cell, float) else cell


@dataclass(frozen=True, slots=True)
class Featuriser:
    """How rows become features; learnt from the training part alone."""

    columns: tuple[Column, ...]

    @classmethod
    def learn(cls, rows: Sequence[Row], names: Iterable[str]) -> "Featuriser":
        """Return the featuriser of `rows`; a column without two values in it is left out."""
        found = (_learn(name, [row.get(name) for row in rows]) for name in names)
        return cls(tuple(column for column in found if column is not None))

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(name for column in self.columns for name in column.features)

    def encode(self, row: Row) -> list[float]:
        return [one for column in self.columns for one in column.encode(row.get(column.name))]


def _learn(name: str, cells: Sequence[Cell]) -> Column | None:
    if all(cell is None or isinstance(cell, float) for cell in cells):
        return _learn_number(name, cells)
    counts = Counter(word_of(cell) for cell in cells)
    if len(counts) < 2:
        return None
    ordered = [value for value, _ in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]
    kept = [value for value in ordered if counts[value] >= RAREST * len(cells)]
    rare = len(kept) < len(ordered)
    reference = ordered[0]
    values = tuple(sorted(value for value in kept if value != reference))
    return CategoryColumn(name, reference, (*values, OTHER) if rare else values)


def _learn_number(name: str, cells: Sequence[Cell]) -> NumberColumn | None:
    numbers = [cell for cell in cells if isinstance(cell, float) and math.isfinite(cell)]
    if not numbers:
        return None
    mean, deviation = _moments(numbers)
    if deviation == 0:
        return None
    skewness = math.fsum(((one - mean) / deviation) ** 3 for one in numbers) / len(numbers)
    # Of two values no third can have a tail.
    is_log = min(numbers) >= 0 and skewness > SKEWED and len(set(numbers)) > 2
    if is_log:
        mean, deviation = _moments([math.log1p(one) for one in numbers])
    return NumberColumn(name, mean, deviation, len(numbers) < len(cells), is_log)


def _moments(numbers: Sequence[float]) -> tuple[float, float]:
    """Return mean and (population) deviation."""
    mean = math.fsum(numbers) / len(numbers)
    return mean, math.sqrt(math.fsum((one - mean) ** 2 for one in numbers) / len(numbers))


@dataclass(frozen=True, slots=True)
class Platt:
    slope: float
    intercept: float

    def apply(self, log_odds: float) -> float:
        return logistic(self.slope * log_odds + self.intercept)


@dataclass(frozen=True, slots=True)
class Isotonic:
    """Straight lines between points; `x` are log-odds rising, `y` probabilities not falling."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    def apply(self, log_odds: float) -> float:
        after = bisect_right(self.x, log_odds)
        if after == 0:
            return self.y[0]
        if after == len(self.x):
            return self.y[-1]
        left, right = self.x[after - 1], self.x[after]
        share = (log_odds - left) / (right - left)
        return self.y[after - 1] + share * (self.y[after] - self.y[after - 1])


@dataclass(frozen=True, slots=True)
class Prediction:
    """A trained model; `coefficients` stand in the order of the featuriser's features."""

    featuriser: Featuriser
    intercept: float
    coefficients: tuple[float, ...]
    calibration: Platt | Isotonic

    def log_odds(self, row: Row) -> float:
        """Return the logistic sum before calibration."""
        features = self.featuriser.encode(row)
        return self.intercept + math.fsum(
            weight * feature for weight, feature in zip(self.coefficients, features, strict=True)
        )

    def probability(self, row: Row) -> float:
        return self.calibration.apply(self.log_odds(row))

    def shares(self, row: Row) -> dict[str, float]:
        """Return each column's part of the log-odds, for people who ask why."""
        found: dict[str, float] = {}
        weights = iter(self.coefficients)
        for column in self.featuriser.columns:
            encoded = column.encode(row.get(column.name))
            found[column.name] = math.fsum(one * next(weights) for one in encoded)
        return found

    def as_json(self) -> dict[str, Any]:
        """Return the model as numbers and words."""
        return {
            "columns": [_column_as_json(column) for column in self.featuriser.columns],
            "intercept": self.intercept,
            "coefficients": list(self.coefficients),
            "calibration": _calibration_as_json(self.calibration),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Prediction":
        """Return the model that `as_json` wrote."""
        columns = tuple(_column_from_json(one) for one in kept["columns"])
        return cls(
            Featuriser(columns),
            kept["intercept"],
            tuple(kept["coefficients"]),
            _calibration_from_json(kept["calibration"]),
        )


def logistic(log_odds: float) -> float:
    """Return 1 ÷ (1 + e^−x) without overflow."""
    if log_odds >= 0:
        return 1 / (1 + math.exp(-log_odds))
    grown = math.exp(log_odds)
    return grown / (1 + grown)


def _column_as_json(column: Column) -> dict[str, Any]:
    if isinstance(column, NumberColumn):
        return {
            "number": column.name, "mean": column.mean, "deviation": column.deviation,
            "says_missing": column.says_missing, "is_log": column.is_log,
        }  # fmt: skip
    return {"category": column.name, "reference": column.reference, "values": list(column.values)}


def _column_from_json(kept: Mapping[str, Any]) -> Column:
    if "number" in kept:
        return NumberColumn(
            kept["number"], kept["mean"], kept["deviation"], kept["says_missing"], kept["is_log"]
        )
    return CategoryColumn(kept["category"], kept["reference"], tuple(kept["values"]))


def _calibration_as_json(one: Platt | Isotonic) -> dict[str, Any]:
    if isinstance(one, Platt):
        return {"platt": {"slope": one.slope, "intercept": one.intercept}}
    return {"isotonic": {"x": list(one.x), "y": list(one.y)}}


def _calibration_from_json(kept: Mapping[str, Any]) -> Platt | Isotonic:
    if "platt" in kept:
        return Platt(**kept["platt"])
    return Isotonic(tuple(kept["isotonic"]["x"]), tuple(kept["isotonic"]["y"]))
