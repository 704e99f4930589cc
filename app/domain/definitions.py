"""Definitions are data that people write: read strictly, and answer with the place that is wrong.

Rules, plans, questionnaires and packs arrive as plain mappings (from YAML or JSON). Nothing in
them is guessed: a key nobody asks for, a missing key or a value of the wrong kind is refused.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from types import TracebackType
from typing import Any, Self, TypeVar

Kind = TypeVar("Kind", bound=StrEnum)
Thing = TypeVar("Thing")

KEY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
LOCAL_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
ISO_DURATION = re.compile(r"P(?=[\dT])(?:(\d{1,3})D)?(?:T(?=\d)(?:(\d{1,4})H)?(?:(\d{1,4})M)?)?")
LONGEST_KEY = 64
LONGEST_TEXT = 2000


class InvalidDefinition(ValueError):
    """A definition is wrong at `path` (such as `rules[2].condition.all[0].latest.unit`)."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path or 'definition'}: {problem}")
        self.path = path
        self.problem = problem


class Fields:
    """The keys of one mapping; leaving the `with` block refuses those nobody asked for."""

    def __init__(self, data: object, path: str = "") -> None:
        if not isinstance(data, Mapping) or not all(isinstance(key, str) for key in data):
            raise InvalidDefinition(path, "must be a mapping with text keys")
        self.path = path
        self._data: Mapping[str, Any] = data
        self._asked: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        unknown = sorted(set(self._data) - self._asked)
        if kind is None and unknown:
            raise InvalidDefinition(self.at(unknown[0]), "unknown key")

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def has(self, key: str) -> bool:
        """Tell whether an optional `key` is there; it counts as asked for."""
        self._asked.add(key)
        return self._data.get(key) is not None

    def take(self, key: str) -> Any:
        """Return the raw value of a required `key`."""
        self._asked.add(key)
        if self._data.get(key) is None:
            raise InvalidDefinition(self.at(key), "is missing")
        return self._data[key]

    def optional(self, key: str, read: Callable[[str], Thing]) -> Thing | None:
        """Return `read(key)`, or None where the key is absent."""
        return read(key) if self.has(key) else None

    def text(self, key: str, longest: int = LONGEST_TEXT) -> str:
        value = self.take(key)
        if not isinstance(value, str) or not value.strip():
            raise InvalidDefinition(self.at(key), "must be text")
        if len(value.strip()) > longest:
            raise InvalidDefinition(self.at(key), f"is longer than {longest} characters")
        return value.strip()

    def key(self, key: str) -> str:
        """Return a name such as `foot-wound`: lower case letters, digits, single hyphens."""
        value = self.text(key, LONGEST_KEY)
        if not KEY.fullmatch(value):
            raise InvalidDefinition(self.at(key), "must be lower-case-words-with-hyphens")
        return value

    def flag(self, key: str) -> bool:
        value = self.take(key)
        if not isinstance(value, bool):
            raise InvalidDefinition(self.at(key), "must be true or false")
        return value

    def integer(self, key: str, least: int, most: int) -> int:
        value = self.take(key)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise InvalidDefinition(self.at(key), f"must be a whole number {least} to {most}")
        return value

    def decimal(self, key: str) -> Decimal:
        return read_decimal(self.take(key), self.at(key))

    def choice(self, key: str, kind: type[Kind]) -> Kind:
        value = self.take(key)
        try:
            return kind(value)
        except ValueError:
            allowed = ", ".join(kind)
            raise InvalidDefinition(self.at(key), f"must be one of {allowed}") from None

    def day(self, key: str) -> date:
        try:
            return date.fromisoformat(self.text(key))
        except ValueError:
            raise InvalidDefinition(self.at(key), "must be a date like 2026-03-01") from None

    def local_time(self, key: str) -> time:
        value = self.take(key)
        if not isinstance(value, str) or not LOCAL_TIME.fullmatch(value):
            raise InvalidDefinition(self.at(key), "must be a time like 07:30")
        return time.fromisoformat(value)

    def duration(self, key: str) -> timedelta:
        return read_duration(self.take(key), self.at(key))

    def items(self, key: str) -> list[tuple[Any, str]]:
        """Return the members of a list, each with its path."""
        value = self.take(key)
        if not isinstance(value, list):
            raise InvalidDefinition(self.at(key), "must be a list")
        return [(item, f"{self.at(key)}[{index}]") for index, item in enumerate(value)]

    def texts(self, key: str) -> tuple[str, ...]:
        found = self.items(key)
        for item, path in found:
            if not isinstance(item, str) or not item.strip():
                raise InvalidDefinition(path, "must be text")
        return tuple(item.strip() for item, _ in found)

    def mapping(self, key: str) -> Iterator[tuple[str, Any, str]]:
        """Yield name, value and path of each entry of a mapping whose names are free."""
        inner = Fields(self.take(key), self.at(key))
        for name, value in inner._data.items():
            yield name, value, inner.at(name)

    def each(self, key: str, parse: Callable[[object, str], Thing]) -> tuple[Thing, ...]:
        """Parse every member of a list that may be absent."""
        if not self.has(key):
            return ()
        return tuple(parse(item, path) for item, path in self.items(key))


def only(data: object, path: str, allowed: Collection[str]) -> tuple[str, Any, str]:
    """Return name, value and path of a mapping's single entry (how a variant is written)."""
    if not isinstance(data, Mapping) or len(data) != 1:
        raise InvalidDefinition(path, "must be a mapping with exactly one key")
    name, value = next(iter(data.items()))
    if name not in allowed:
        raise InvalidDefinition(path, f"must be one of {', '.join(sorted(allowed))}")
    return name, value, f"{path}.{name}" if path else name


def read_decimal(value: object, path: str) -> Decimal:
    """Return an exact number; 3.9 in a file means 3.9, not its nearest binary fraction."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise InvalidDefinition(path, "must be a number")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise InvalidDefinition(path, "must be a number") from None
    if not number.is_finite():
        raise InvalidDefinition(path, "must be a number")
    return number


def read_duration(value: object, path: str) -> timedelta:
    """Return an elapsed time written as ISO 8601 days, hours and minutes (`P3D`, `PT30M`)."""
    found = ISO_DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidDefinition(path, "must be a duration like P3D, PT24H or PT30M")
    days, hours, minutes = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes)


def refuse_repeats(keys: Iterable[str], path: str) -> None:
    """:raises InvalidDefinition: two members of one list bear the same key."""
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            raise InvalidDefinition(path, f"{key} is there twice")
        seen.add(key)
