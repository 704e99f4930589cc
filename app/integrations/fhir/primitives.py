"""How FHIR R4 writes its primitive types (the specification's page "Data Types")."""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, Final

_YEAR = r"[0-9]{3}[1-9]|[0-9]{2}[1-9][0-9]|[0-9][1-9][0-9]{2}|[1-9][0-9]{3}"
_DATE = rf"(?:{_YEAR})(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01]))?)?"
_DAY = rf"(?:{_YEAR})-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]{1,9})?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_PATTERNS: Final = {
    "date": re.compile(_DATE),
    # A time of day without a zone would mean another instant for every reader.
    "dateTime": re.compile(rf"(?:{_DATE})(?:(?<=-[0-9]{{2}}-[0-9]{{2}})T{_CLOCK}{_ZONE})?"),
    "instant": re.compile(rf"{_DAY}T{_CLOCK}{_ZONE}"),
    "time": re.compile(_CLOCK),
    "code": re.compile(r"[^\s]+(?:\s[^\s]+)*"),
    "id": re.compile(r"[A-Za-z0-9\-.]{1,64}"),
    "uri": re.compile(r"\S+"),
    "url": re.compile(r"\S+"),
    "canonical": re.compile(r"\S+"),
    "oid": re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+"),
    "uuid": re.compile(r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "base64Binary": re.compile(r"[A-Za-z0-9+/=\s]+"),
    "string": re.compile(r"\s*\S[\s\S]*"),
    "markdown": re.compile(r"\s*\S[\s\S]*"),
    "xhtml": re.compile(r"\s*<div[\s\S]*"),
}
_CALENDAR: Final = ("date", "dateTime", "instant")
_LEAST: Final = {"integer": -(2**31), "unsignedInt": 0, "positiveInt": 1}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _is_integer(least: int) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**31

    return fits


def _is_text(name: str) -> Callable[[Any], bool]:
    pattern = _PATTERNS[name]

    def fits(value: Any) -> bool:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            return False
        return name not in _CALENDAR or _is_in_calendar(value[:10])

    return fits


def _is_in_calendar(day: str) -> bool:
    if len(day) < 10:
        return True
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True


PRIMITIVES: Final[dict[str, Callable[[Any], bool]]] = {
    "boolean": lambda value: isinstance(value, bool),
    "decimal": _is_number,
    **{name: _is_integer(least) for name, least in _LEAST.items()},
    **{name: _is_text(name) for name in _PATTERNS},
}
