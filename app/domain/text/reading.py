"""One text read: what is there, what is not, how it is taken, felt and asked."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.domain.text.clauses import Clause, clauses
from app.domain.text.flags import read_flags
from app.domain.text.lexicon import Found, Lexicon
from app.domain.text.normalising import Normalised, normalise
from app.domain.text.phrases import Adherence, Flag, Phrases, Sentiment, Signal
from app.domain.text.polarity import Polarity, Writer, judge
from app.domain.text.sentiment import read_sentiment

LONGEST_TEXT: Final = 4000  # characters; what follows is not read


class Channel(StrEnum):
    FOLLOW_UP = "followup"  # the answer to a question of ours
    CHAT = "chat"
    RECORD = "emr"  # written by staff


@dataclass(frozen=True, slots=True)
class Mention:
    """A term somebody wrote; `span` is [start, end) of what was written."""

    term: str
    polarity: Polarity
    span: tuple[int, int]
    rule: str
    since_days: int | None = None  # how long it has been there, where it says so


@dataclass(frozen=True, slots=True)
class Spoken:
    """Why an adherence, a mood or a flag was read: the rule and what was written."""

    label: str
    rule: str
    span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Reading:
    mentions: tuple[Mention, ...]
    adherence: Adherence
    sentiment: Sentiment
    flags: frozenset[Flag]
    why: tuple[Spoken, ...]
    is_cut: bool = False  # the text was longer than we read

    def terms(self, polarity: Polarity) -> tuple[str, ...]:
        """Return the terms of one polarity, each once, in the order they were written."""
        return tuple(dict.fromkeys(m.term for m in self.mentions if m.polarity is polarity))


@dataclass(frozen=True, slots=True)
class Words:
    """Everything a hospital can say about how its people write."""

    lexicon: Lexicon
    phrases: Phrases

    @property
    def version(self) -> str:
        return f"{self.lexicon.version}.{self.phrases.version}"


def read_text(
    written: str, words: Words, channel: Channel, writer: Writer | None = None
) -> Reading:
    """Return what a text says. The same text gives the same reading, whatever its length.

    `writer` None: staff for the record, else not known (`Writer.UNKNOWN`).
    """
    if writer is None:
        writer = Writer.STAFF if channel is Channel.RECORD else Writer.UNKNOWN
    normalised = normalise(written[:LONGEST_TEXT])
    text = normalised.text
    parts = clauses(text)
    lexicon, phrases = words.lexicon, words.phrases
    is_record = channel is Channel.RECORD
    judged = _judged(text, lexicon.find(text), parts, writer, lexicon)
    adherence, signals = phrases.read_adherence(parts)
    flags, said = read_flags(text, parts, judged, lexicon, phrases, is_record=is_record)
    mood, felt = read_sentiment(text, parts, flags, phrases, is_record=is_record)
    return Reading(
        mentions=tuple(
            Mention(
                one.term, polarity, normalised.span(one.start, one.end), rule,
                _since(text, one, parts),
            )
            for one, polarity, rule in judged
        ),
        adherence=adherence,
        sentiment=mood,
        flags=flags,
        why=tuple(_spoken(normalised, (*signals, *said, *felt))),
        is_cut=len(written) > LONGEST_TEXT,
    )  # fmt: skip


def _judged(
    text: str, found: list[Found], parts: list[Clause], writer: Writer, lexicon: Lexicon
) -> list[tuple[Found, Polarity, str]]:
    judged = []
    for one in [*found, *_paired(text, found, lexicon)]:
        home = next((c for c in parts if c.start <= one.start < c.end), None)
        if home is None:
            continue
        verdict = judge(text, one, home, found, parts, writer)
        polarity = verdict.polarity
        # A disease is not a symptom: it counts where it tells of the family or the past.
        told = (Polarity.FAMILY, Polarity.PAST, Polarity.OTHER)
        if lexicon.is_condition(one.term) and polarity not in told:
            continue
        judged.append((one, polarity, verdict.rule))
    return sorted(judged, key=lambda item: item[0].start)


_NEITHER: Final = re.compile(r"不(.)(?:也|，也|，|又)?不(.)")


def _paired(text: str, found: list[Found], lexicon: Lexicon) -> list[Found]:
    """Return "红肿" for 不红不肿, where neither half is a term of its own."""
    pairs = []
    for pair in _NEITHER.finditer(text):
        whole = pair.group(1) + pair.group(2)
        name = lexicon.canonical(whole)
        if name in lexicon.terms and not any(o.start <= pair.start(1) < o.end for o in found):
            covering = [o for o in found if o.start < pair.end() and o.end > pair.start()]
            for one in covering:
                found.remove(one)
            pairs.append(Found(name, pair.start(1), pair.end(), "不"))
    return pairs


_LASTED: Final = re.compile(
    r"(?P<n>半|\d{1,3}|[一二两三四五六七八九十]{1,3}|几)(?P<half>个半|年半)?余?多?(?:个)?(?P<unit>天|日|周|星期|礼拜|月|年|小时)"
)
_DAYS: Final = {"天": 1, "日": 1, "周": 7, "星期": 7, "礼拜": 7, "月": 30, "年": 365, "小时": 0}
_DIGITS: Final = {one: n for n, one in enumerate("零一二三四五六七八九")} | {"两": 2, "几": 3}


def _since(text: str, one: Found, parts: list[Clause]) -> int | None:
    home = next((c for c in parts if c.start <= one.start < c.end), None)
    if home is None:
        return None
    after = _LASTED.search(text[one.end : home.end])
    if after is None:
        before = list(_LASTED.finditer(text[home.start : one.start]))
        after = before[-1] if before else None
    if after is None:
        return None
    return _days(after)


def _days(lasted: re.Match[str]) -> int:
    unit = _DAYS[lasted["unit"]]
    said = lasted["n"]
    if said == "半":
        return unit // 2
    if said.isdecimal():
        count = int(said)
    else:
        tens, ten, ones = said.rpartition("十")
        count = (_DIGITS.get(tens, 1) * 10 if ten else 0) + _DIGITS.get(ones, 0)
    return count * unit + (unit // 2 if lasted["half"] else 0)


def _spoken(normalised: Normalised, signals: Iterable[Signal]) -> Iterable[Spoken]:
    for one in signals:
        yield Spoken(one.label, one.rule, normalised.span(one.start, one.end))
