"""JSON as we accept it: one meaning, bounded, and no characters that hide something.

Python's own parser takes duplicate keys, NaN, lone surrogates and NUL; a security review of
the fields alone would not see what a second parser reads.
"""

import json
import re
from typing import Any, Final

from flask.json.provider import DefaultJSONProvider

MAX_DEPTH: Final = 32
MAX_LIST: Final = 1000
MAX_TEXT: Final = 10_000
_MAX_DIGITS: Final = 19  # of a 64-bit number

# Control characters but tab and line ends; surrogates; marks that turn the writing direction.
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


class UnacceptableJSON(ValueError):
    """A body that is not the JSON we accept; the text says why, not what was sent."""


def loads(body: str | bytes) -> Any:
    """Parse `body` strictly.

    :raises UnacceptableJSON: invalid UTF-8 or JSON, duplicate keys, NaN, hidden characters, or
        deeper, longer or bigger than allowed
    """
    try:
        text = body.decode("utf-8") if isinstance(body, bytes) else body
        _limit_depth(text)
        parsed = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_int=_bounded_int,
            parse_float=_bounded_float,
        )
    except UnacceptableJSON:
        raise
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise UnacceptableJSON("not JSON in UTF-8") from None
    _check(parsed)
    return parsed


def _limit_depth(text: str) -> None:
    depth = deepest = 0
    for character in re.sub(r'"(?:[^"\\]|\\.)*"', "", text):
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    if deepest > MAX_DEPTH:
        raise UnacceptableJSON("nested too deep")


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


def _check(value: Any) -> None:
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise UnacceptableJSON("a text too long")
        if _HIDDEN.search(value):
            raise UnacceptableJSON("a hidden character")
    elif isinstance(value, list):
        if len(value) > MAX_LIST:
            raise UnacceptableJSON("a list too long")
        for item in value:
            _check(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check(key)
            _check(item)


class StrictProvider(DefaultJSONProvider):
    """Makes Flask read JSON strictly and write Chinese as it is."""

    ensure_ascii = False
    sort_keys = False

    def loads(self, s: str | bytes, **_: Any) -> Any:
        return loads(s)
