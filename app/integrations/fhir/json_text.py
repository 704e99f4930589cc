"""FHIR JSON in and out: decimals keep the text they came with (4.10 is not 4.1)."""

import json
from decimal import Decimal
from typing import Any, Final

from app.domain.strict_json import JSONLimits, loads

# A string of FHIR R4 is at most 1 MB; a list of a REST body at most 1,000 (bundles: see the face).
REST: Final = JSONLimits(depth=32, items=1_000, text=1_048_576, exact=True)
# What an operator brings by hand: a patient's whole life in one bundle.
BY_HAND: Final = JSONLimits(depth=64, items=1_000_000, text=1_048_576 * 16, exact=True)


def parse(body: bytes, limits: JSONLimits = BY_HAND) -> Any:
    """Return what the JSON says, numbers with a point as Decimal.

    :raises app.domain.strict_json.UnacceptableJSON: it is none that we accept
    """
    return loads(body.removeprefix(b"\xef\xbb\xbf"), limits)


def dump(resource: Any) -> str:
    """Return compact JSON; a Decimal is written digit by digit, never through a float."""
    return "".join(_encode(resource))


def _encode(value: Any) -> list[str]:
    """Python's own encoder takes floats only, and a float forgets what a Decimal knows."""
    if isinstance(value, Decimal):
        return [_plain(value)]
    if isinstance(value, dict):
        out = ["{"]
        for name, item in value.items():
            out += [_text(name), ":", *_encode(item), ","]
        return _closed(out, "}")
    if isinstance(value, list | tuple):
        out = ["["]
        for item in value:
            out += [*_encode(item), ","]
        return _closed(out, "]")
    return [_text(value)]


def _closed(out: list[str], bracket: str) -> list[str]:
    if out[-1] == ",":
        out.pop()
    out.append(bracket)
    return out


def _plain(value: Decimal) -> str:
    return format(value, "f")


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
