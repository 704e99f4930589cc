"""One way of writing: widths, traditional characters, punctuation, spaces; positions are kept."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from app.domain.text.characters import INVISIBLE, PUNCTUATION, SIMPLIFIED

_WIDTH: Final = 0xFEE0  # from a full-width form (FF01–FF5E) to ASCII
_STOPS: Final = frozenset("，。、；：？！ ")


@dataclass(frozen=True, slots=True)
class Normalised:
    """`text` as it is read; `origin[i]` is where its character i stood in what was written."""

    text: str
    origin: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where [start, end) of `text` stood in what was written."""
        if start >= end:
            at = self.origin[start] if start < len(self.origin) else 0
            return at, at
        return self.origin[start], self.origin[end - 1] + 1


def normalise(written: str) -> Normalised:
    """Return the text to read; a second time changes nothing.

    A space between two Chinese characters divides like a comma (people leave commas out on the
    phone); beside a number or a Latin word it is only a space and goes.
    """
    kept: list[str] = []
    origin: list[int] = []
    for at, raw in enumerate(written):
        if raw in INVISIBLE:
            continue
        character = _one(raw)
        if character == " ":
            if not _divides(kept, written, at):
                continue
            character = "，"
        if character in _STOPS and kept and kept[-1] in _STOPS:
            # Of several marks in a row the strongest stays.
            kept[-1] = max(kept[-1], character, key=_strength)
            continue
        kept.append(character)
        origin.append(at)
    return Normalised("".join(kept), tuple(origin))


@lru_cache(maxsize=8192)
def _one(raw: str) -> str:
    code = ord(raw)
    if 0xFF01 <= code <= 0xFF5E:
        raw = chr(code - _WIDTH)
    elif raw.isspace() and raw not in "\n\r\u2028\u2029":
        return " "
    if "A" <= raw <= "Z":
        return raw.lower()
    raw = SIMPLIFIED.get(raw, raw)
    return PUNCTUATION.get(raw, raw)


def _strength(mark: str) -> int:
    return "、：，；！？。".find(mark) if mark != "？" else 9  # a question stays a question


def _divides(kept: list[str], written: str, at: int) -> bool:
    following = next((one for one in written[at + 1 :] if not one.isspace()), "")
    return (
        bool(kept) and _is_chinese(kept[-1]) and _is_chinese(SIMPLIFIED.get(following, following))
    )


def _is_chinese(character: str) -> bool:
    return "\u4e00" <= character <= "\u9fff"
