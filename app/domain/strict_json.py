"""JSON as we accept it: one meaning, bounded, and no characters that hide something.

Python's own parser takes duplicate keys, NaN, lone surrogates and NUL; a security review of
the fields alone would not see what a second parser reads.
"""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

_MAX_DIGITS: Final = 19  # of a 64-bit number
# The longest text of digits that becomes a Decimal; clinical values have under twenty.
_MAX_DECIMAL: Final = 64

# Control characters but tab and line ends; surrogates; marks that turn the writing direction.
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_BRACKET: Final = re.compile(r"[\[\]{}]")


class UnacceptableJSON(ValueError):
    """A body that is not the JSON we accept; the text says why, not what was sent."""


@dataclass(frozen=True, slots=True)
class JSONLimits:
    """How deep and long a body may be; `exact` keeps decimals as they are written."""

    depth: int = 32
    items: int = 1000
    text: int = 10_000
    exact: bool = False


def loads(body: str | bytes, limits: JSONLimits = JSONLimits()) -> Any:  # frozen
    """Parse `body` strictly.

    :raises UnacceptableJSON: invalid UTF-8 or JSON, duplicate keys, NaN, hidden characters, or
        deeper, longer or bigger than allowed
    """
    try:
        text = body.decode("utf-8") if isinstance(body, bytes) else body
        _limit_depth(text, limits.depth)
        parsed = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_int=_bounded_int,
            parse_float=_exact if limits.exact else _bounded_float,
        )
    except UnacceptableJSON:
        raise
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise UnacceptableJSON("not JSON in UTF-8") from None
    _check(parsed, limits)
    return parsed


def _limit_depth(text: str, limit: int) -> None:
    depth = 0
    for match in _BRACKET.finditer(_STRING.sub("", text)):
        if match[0] in "[{":
            depth += 1
            if depth > limit:
                raise UnacceptableJSON("nested too deep")
        else:
            depth -= 1


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnacceptableJSON("a key twice in one object")
    return found


def _no_constant(_: str) -> None:
    raise UnacceptableJSON("NaN and Infinity are no JSON numbers")


def _bounded_int(digits: str) -> int:
    if len(digits.lstrip("-")) > _MAX_DIGITS:
        raise UnacceptableJSON("a number too big")
    return int(digits)


def _bounded_float(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise UnacceptableJSON("a number too big")
    return number


def _exact(digits: str) -> Decimal:
    if len(digits) > _MAX_DECIMAL or abs(Decimal(digits).adjusted()) > _MAX_DECIMAL:
        raise UnacceptableJSON("a number too big")
    return Decimal(digits)


def _check(value: Any, limits: JSONLimits) -> None:
    if isinstance(value, str):
        if len(value) > limits.text:
            raise UnacceptableJSON("a text too long")
        if _HIDDEN.search(value):
            raise UnacceptableJSON("a hidden character")
    elif isinstance(value, list):
        if len(value) > limits.items:
            raise UnacceptableJSON("a list too long")
        for item in value:
            _check(item, limits)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check(key, limits)
            _check(item, limits)
