"""A trained linear model over characters: a second opinion where rules are silent.

Numbers only. A model is read from JSON and asked without any library; training needs one
(`app.services.profile.text_training`).
"""

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.domain.definitions import InvalidDefinition
from app.domain.text.normalising import normalise

BUCKETS: Final = 1 << 15
_LENGTHS: Final = (1, 2, 3)
LONGEST_READ: Final = 500  # characters


def features(written: str) -> dict[int, float]:
    """Return bucket → weight of the 1- to 3-character pieces of a text; together of length 1."""
    text = f"^{normalise(written[: 2 * LONGEST_READ]).text[:LONGEST_READ]}$"
    pieces = {text[at : at + length] for length in _LENGTHS for at in range(len(text) - length + 1)}
    buckets = {zlib.crc32(piece.encode()) % BUCKETS for piece in pieces}
    weight = 1 / math.sqrt(len(buckets))
    return dict.fromkeys(buckets, weight)


@dataclass(frozen=True, slots=True)
class LinearModel:
    """Weights of one label; `slope` and `shift` turn its score into a calibrated probability."""

    label: str
    version: int
    weights: Mapping[int, float]
    bias: float
    slope: float
    shift: float

    def probability(self, found: Mapping[int, float]) -> float:
        score = self.bias + sum(self.weights.get(at, 0.0) * value for at, value in found.items())
        told = max(-30.0, min(30.0, self.slope * score + self.shift))
        return 1 / (1 + math.exp(-told))


def model_from(label: str, version: int, told: Mapping[str, Any]) -> LinearModel:
    """Return the model that was kept as JSON.

    :raises InvalidDefinition: it was made for other pieces, or is damaged
    """
    if told.get("buckets") != BUCKETS:
        raise InvalidDefinition(f"model {label}@{version}", "was trained for other features")
    try:
        return LinearModel(
            label, version,
            {int(at): float(weight) for at, weight in told["weights"].items()},
            float(told["bias"]), float(told["slope"]), float(told["shift"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InvalidDefinition(f"model {label}@{version}", "cannot be read") from None
