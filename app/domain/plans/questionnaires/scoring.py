"""Scales: numbers made of answers, with the band in which they lie."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from app.domain.plans.questionnaires.branching import is_asked
from app.domain.plans.questionnaires.definition import (
    Answer,
    Band,
    Item,
    ItemType,
    Method,
    Questionnaire,
    Scale,
)

_TENTH: Final = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class ScaleScore:
    """What one scale came to; `value` is None where too few answers were given."""

    scale: Scale
    value: Decimal | None

    @property
    def band(self) -> Band | None:
        return self.scale.band(self.value)


def scores(questionnaire: Questionnaire, answers: Mapping[str, Answer]) -> tuple[ScaleScore, ...]:
    """Return what every scale comes to, in the order of the form."""
    return tuple(
        ScaleScore(scale, _value(questionnaire, scale, answers)) for scale in questionnaire.scales
    )


def score(questionnaire: Questionnaire, answers: Mapping[str, Answer]) -> int | None:
    """Return the first scale's value; None without one, or where it is no whole number."""
    found = next(iter(scores(questionnaire, answers)), None)
    if found is None or found.value is None or found.value != found.value.to_integral_value():
        return None
    return int(found.value)


def _value(
    questionnaire: Questionnaire, scale: Scale, answers: Mapping[str, Answer]
) -> Decimal | None:
    asked = [
        item
        for link_id in scale.items
        if (item := questionnaire.item(link_id)) is not None and is_asked(item, answers)
    ]
    counted = (_counted(one, answers, is_reversed=one.link_id in scale.reversed) for one in asked)
    given = [one for one in counted if one is not None]
    least = len(asked) if scale.least_answered is None else min(scale.least_answered, len(asked))
    if not given or len(given) < least:
        return None
    mean = sum(given, Decimal(0)) / len(given)
    if scale.method is Method.MEAN:
        return (mean * scale.times).quantize(_TENTH, ROUND_HALF_UP)
    whole = sum(given, Decimal(0)) if len(given) == len(asked) else mean * len(asked)
    if len(given) < len(asked):
        # Points are whole; what stands in for the missing ones is rounded.
        whole = whole.quantize(Decimal(1), ROUND_HALF_UP)
    return whole * scale.times


def _counted(item: Item, answers: Mapping[str, Answer], *, is_reversed: bool) -> Decimal | None:
    """Return the points of one answer; None where it is missing or its option bears none."""
    answer = answers.get(item.link_id)
    points = None if answer is None else _points(item, answer)
    if points is None or not is_reversed:
        return points
    least, most = ends_of(item)
    return least + most - points


def _points(item: Item, answer: Answer) -> Decimal | None:
    if item.type.has_options:
        codes = answer if isinstance(answer, tuple) else (answer,)
        chosen = [item.option(code) for code in codes]
        found = [one.score for one in chosen if one is not None and one.score is not None]
        return Decimal(sum(found)) if found else None
    if item.type is ItemType.BOOLEAN:
        return Decimal(1 if answer is True else 0)
    return Decimal(str(answer)) if isinstance(answer, int | Decimal) else None


def ends_of(item: Item) -> tuple[Decimal, Decimal]:
    """Return the least and the most points an answer can bear.

    :raises ValueError: the question has no ends
    """
    if item.type is ItemType.BOOLEAN:
        return Decimal(0), Decimal(1)
    if item.type is ItemType.CHOICE:
        found = [option.score for option in item.options if option.score is not None]
        if found:
            return Decimal(min(found)), Decimal(max(found))
    if item.minimum is not None and item.maximum is not None:
        return item.minimum, item.maximum
    raise ValueError("has no ends")
