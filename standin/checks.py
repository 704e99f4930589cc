"""Strict checks of request bodies, the rules being data."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Flaw(Enum):
    """What can be wrong; the host maps it to its errcode."""

    MISSING = "missing"
    UNKNOWN = "unknown field"
    TYPE = "wrong type"
    RULE = "out of rule"


@dataclass(frozen=True, slots=True)
class Problem:
    flaw: Flaw
    at: str

    def __str__(self) -> str:
        return f"{self.flaw.value}: {self.at}"


@dataclass(frozen=True, slots=True)
class Text:
    """`max_chars` counts characters, `max_bytes` UTF-8 bytes; `least` is in characters."""

    max_chars: int | None = None
    max_bytes: int | None = None
    least: int = 0
    choices: tuple[str, ...] = ()
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON integer; with `decimals`, any JSON number."""

    least: float | None = None
    most: float | None = None
    decimals: bool = False


@dataclass(frozen=True, slots=True)
class Truth:
    """A JSON boolean."""


@dataclass(frozen=True, slots=True)
class Items:
    """A JSON array."""

    of: "Shape"
    most: int | None = None
    least: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """A JSON object with names of the caller's choosing."""

    of: "Shape"


@dataclass(frozen=True, slots=True)
class Record:
    """A JSON object with exactly these names."""

    required: Mapping[str, "Shape"] = field(default_factory=dict)
    optional: Mapping[str, "Shape"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Anything:
    """Whatever JSON has; the endpoint itself looks closer."""


Shape = Text | Number | Truth | Items | Table | Record | Anything


def problem(shape: Shape, value: Any, at: str = "body") -> Problem | None:
    """Return the first thing wrong with `value`, or None."""
    match shape:
        case Text():
            return _text_problem(shape, value, at)
        case Number():
            return _number_problem(shape, value, at)
        case Truth():
            return None if isinstance(value, bool) else Problem(Flaw.TYPE, at)
        case Items():
            return _items_problem(shape, value, at)
        case Table():
            if not isinstance(value, dict):
                return Problem(Flaw.TYPE, at)
            return _first((shape.of, one, f"{at}.{name}") for name, one in value.items())
        case Anything():
            return None
        case Record():
            return _record_problem(shape, value, at)


def _text_problem(shape: Text, value: Any, at: str) -> Problem | None:
    if not isinstance(value, str):
        return Problem(Flaw.TYPE, at)
    if shape.least and not value.strip():
        return Problem(Flaw.MISSING, at)
    is_good = (
        len(value) >= shape.least
        and (shape.max_chars is None or len(value) <= shape.max_chars)
        and (shape.max_bytes is None or len(value.encode()) <= shape.max_bytes)
        and (not shape.choices or value in shape.choices)
        and (not shape.pattern or re.fullmatch(shape.pattern, value) is not None)
    )
    return None if is_good else Problem(Flaw.RULE, at)


def _number_problem(shape: Number, value: Any, at: str) -> Problem | None:
    wanted = (int, float) if shape.decimals else (int,)
    if isinstance(value, bool) or not isinstance(value, wanted):
        return Problem(Flaw.TYPE, at)
    is_good = (shape.least is None or value >= shape.least) and (
        shape.most is None or value <= shape.most
    )
    return None if is_good else Problem(Flaw.RULE, at)


def _items_problem(shape: Items, value: Any, at: str) -> Problem | None:
    if not isinstance(value, list):
        return Problem(Flaw.TYPE, at)
    if len(value) < shape.least or (shape.most is not None and len(value) > shape.most):
        return Problem(Flaw.RULE, at)
    return _first((shape.of, one, f"{at}[{index}]") for index, one in enumerate(value))


def _record_problem(shape: Record, value: Any, at: str) -> Problem | None:
    if not isinstance(value, dict):
        return Problem(Flaw.TYPE, at)
    for name in shape.required:
        if name not in value:
            return Problem(Flaw.MISSING, f"{at}.{name}")
    for name in value:
        if name not in shape.required and name not in shape.optional:
            return Problem(Flaw.UNKNOWN, f"{at}.{name}")
    known = {**shape.required, **shape.optional}
    return _first((known[name], one, f"{at}.{name}") for name, one in value.items())


def _first(parts: Any) -> Problem | None:
    for shape, value, at in parts:
        if found := problem(shape, value, at):
            return found
    return None
