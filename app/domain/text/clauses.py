"""A text in clauses: as far as one "not" can reach, and the sentence each stands in."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_CLAUSE: Final = re.compile(r"[^，。；：？！（）]+")
_SENTENCE_ENDS: Final = frozenset("。；？！")


@dataclass(frozen=True, slots=True)
class Clause:
    """[start, end) of the normalised text; `stop` is the mark behind it, "" at the end."""

    start: int
    end: int
    text: str
    stop: str
    sentence: int

    @property
    def asks(self) -> bool:
        return self.stop == "？"


def clauses(text: str) -> list[Clause]:
    return list(_clauses(text))


def _clauses(text: str) -> Iterator[Clause]:
    sentence = 0
    for found in _CLAUSE.finditer(text):
        stop = text[found.end() : found.end() + 1]
        yield Clause(found.start(), found.end(), found.group(), stop, sentence)
        if stop in _SENTENCE_ENDS and stop:
            sentence += 1
