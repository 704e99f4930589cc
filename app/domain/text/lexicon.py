"""The hospital's words for symptoms: canonical names, how people say them, and finding them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.domain.definitions import InvalidDefinition
from app.domain.text.normalising import normalise

# What may stand between a part of the body and what it feels, or where a pattern says `~`.
GAP: Final = (
    "(?:照样|照旧|依然|仍然|仍|有一点儿?|有点儿?|有些|一点儿?|一直|一阵阵的?|一阵|总是|总|老是|老|还是|还在|还|也|都|就|又"
    "|很|挺|特别|非常|好|太|比较|稍微|略微|略有|略|轻微|轻度|明显|偶尔|偶有|偶|经常|常常|常|时常|时不时"
    "|反复|间断|间歇性|阵发性|持续性|持续|左侧|右侧|左|右|双|两边|两侧|两|里面|里头|里|上面|上|下|后面|后"
    "|前面|前|周围|那块|那儿|那里|这儿|这里|这块|附近|部位|部|位置|会|在|开始|出现|发生|感觉|觉得|感到|感"
    "|突然|越来越|更|特|得很|得|的|地|那么|这么|怎么|什么|不太|不|没有|没|无|未|并|再|了|自|能|有时候?"
    "|有|是|过|了一|一|疼|痛|红|隐隐|阵阵|晚上|夜里|早上|白天|最近|说|跟|像|从|今天|昨天|这两天){0,5}?"
)
LONGEST_PATTERN: Final = 120


@dataclass(frozen=True, slots=True)
class Term:
    """A symptom or sign; `above` is the wider one, `is_urgent` cannot wait when it is there now."""

    name: str
    above: str | None = None
    is_urgent: bool = False
    is_condition: bool = False  # the name of a disease: read in histories alone


@dataclass(frozen=True, slots=True)
class Found:
    """A term in [start, end) of the normalised text; `gap` is what stands inside the saying."""

    term: str
    start: int
    end: int
    gap: str = ""
    is_gone: bool = False  # the saying itself says that it is over ("退烧了")


@dataclass(frozen=True, slots=True)
class _Saying:
    term: str | None  # None: words that look like a symptom and are none
    is_gone: bool = False


@dataclass(frozen=True)
class Lexicon:
    """Sayings by their first two characters, and patterns; built once, read by every text."""

    terms: Mapping[str, Term]
    version: str
    _sayings: Mapping[str, _Saying]
    _lengths: Mapping[str, tuple[int, ...]]  # first character → lengths, longest first
    _patterns: tuple[tuple[re.Pattern[str], str], ...]
    _parts: re.Pattern[str] | None
    _goes_on: re.Pattern[str] | None
    _part_of: Mapping[str, str]
    _feeling_of: Mapping[str, str]
    _joined: Mapping[tuple[str, str], str]
    _canonical: dict[str, str] = field(default_factory=dict, compare=False)

    def find(self, text: str) -> list[Found]:
        """Return the terms in a normalised text, none overlapping, longest first, in order."""
        candidates = [*self._said(text), *self._composed(text), *self._patterned(text)]
        candidates.sort(key=lambda one: (one[0] - one[1], one[0]))
        taken = bytearray(len(text))
        found: list[Found] = []
        for start, end, one in candidates:
            if not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                if one is not None:
                    found.append(one)
        return sorted(found, key=lambda one: one.start)

    def canonical(self, name: str) -> str:
        """Return our name for what somebody else calls a symptom; theirs where we have none."""
        if name not in self._canonical:
            text = normalise(name).text
            found = self.find(text)
            whole = [one for one in found if (one.start, one.end) == (0, len(text))]
            self._canonical[name] = whole[0].term if whole else text
        return self._canonical[name]

    def with_above(self, names: Iterable[str]) -> frozenset[str]:
        """Return the terms with every wider one."""
        found: set[str] = set()
        for name in names:
            above: str | None = name
            while above is not None and above not in found:
                found.add(above)
                term = self.terms.get(above)
                above = term.above if term else None
        return frozenset(found)

    def is_condition(self, name: str) -> bool:
        term = self.terms.get(name)
        return term is not None and term.is_condition

    def is_urgent(self, name: str) -> bool:
        term = self.terms.get(name)
        return term is not None and term.is_urgent

    def _said(self, text: str) -> Iterator[tuple[int, int, Found | None]]:
        for start, first in enumerate(text):
            for length in self._lengths.get(first, ()):
                end = start + length
                saying = self._sayings.get(text[start:end]) if end <= len(text) else None
                if saying is not None:
                    one = saying.term and Found(saying.term, start, end, "", saying.is_gone)
                    yield start, end, one or None
                    break

    def _composed(self, text: str) -> Iterator[tuple[int, int, Found | None]]:
        if self._parts is None:
            return
        at = 0
        while (found := self._parts.search(text, at)) is not None:
            at = found.start() + 1
            pair = self._part_of[found["part"]], self._feeling_of[found["feeling"]]
            name = self._joined.get(pair, "".join(pair))
            yield found.start(), found.end(), Found(name, *found.span(), found["gap"])
            # 膝盖又肿又痛: the part is said once for both.
            more = self._goes_on and self._goes_on.match(text, found.end())
            if more:
                pair = pair[0], self._feeling_of[more["feeling"]]
                name = self._joined.get(pair, "".join(pair))
                yield more.start(), more.end(), Found(name, *more.span(), more["gap"])

    def _patterned(self, text: str) -> Iterator[tuple[int, int, Found | None]]:
        for pattern, name in self._patterns:
            for found in pattern.finditer(text):
                gap = "".join(one for one in found.groups() if one)
                yield found.start(), found.end(), Found(name, *found.span(), gap)


def parse_lexicon(data: object) -> Lexicon:
    """Return the lexicon that a mapping (as from YAML) describes.

    :raises InvalidDefinition: with the place of what is wrong
    """
    if not isinstance(data, dict):
        raise InvalidDefinition("lexicon", "must be a mapping")
    terms: dict[str, Term] = {}
    sayings: dict[str, _Saying] = {}
    patterns: list[tuple[re.Pattern[str], str]] = []
    for at, one in enumerate(_list(data, "symptoms")):
        path = f"lexicon.symptoms[{at}]"
        name = _name(one, path)
        if name in terms:
            raise InvalidDefinition(path, f"{name} is there twice")
        terms[name] = Term(name, one.get("above"), bool(one.get("urgent")))
        for saying in (name, *_words(one, "also", path)):
            sayings.setdefault(normalise(saying).text, _Saying(name))
        for saying in _words(one, "gone", path):
            sayings[normalise(saying).text] = _Saying(name, is_gone=True)
        patterns += [(_pattern(like, path), name) for like in _words(one, "like", path)]
    for name in _words(data, "conditions", "lexicon"):
        terms.setdefault(name, Term(name, is_condition=True))
        sayings.setdefault(name, _Saying(name))
    for word in _words(data, "blockers", "lexicon"):
        sayings.setdefault(normalise(word).text, _Saying(None))
    _check_above(terms)
    parts, goes_on, part_of, feeling_of = _body(data, sayings)
    joined = _joined(data)
    for name in sorted({*joined.values(), *(saying.term or "" for saying in sayings.values())}):
        if name:
            terms.setdefault(name, Term(name))
    lengths: dict[str, set[int]] = {}
    for saying in sayings:
        lengths.setdefault(saying[0], set()).add(len(saying))
    return Lexicon(
        terms, str(data.get("version", "")), sayings,
        {first: tuple(sorted(some, reverse=True)) for first, some in lengths.items()},
        tuple(patterns), parts, goes_on, part_of, feeling_of, joined,
    )  # fmt: skip


def _body(
    data: dict[Any, Any], sayings: dict[str, _Saying]
) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None, dict[str, str], dict[str, str]]:
    part_of = {word: part for part, words in _mapping(data, "parts").items() for word in words}
    feeling_of: dict[str, str] = {}
    for feeling, said in _mapping(data, "feelings").items():
        words = _words(said, "also", f"lexicon.feelings.{feeling}")
        feeling_of |= dict.fromkeys(words, feeling)
        if said.get("bare"):
            for word in words:
                sayings.setdefault(word, _Saying(said["bare"]))
    if not part_of or not feeling_of:
        return None, None, part_of, feeling_of
    felt = f"(?P<gap>{GAP})(?P<feeling>{_any(feeling_of)})"
    parts = re.compile(f"(?P<part>{_any(part_of)}){felt}")
    return parts, re.compile(f"(?:又|也|还|且|和|、){felt}"), part_of, feeling_of


def _joined(data: dict[Any, Any]) -> dict[tuple[str, str], str]:
    joined: dict[tuple[str, str], str] = {}
    for pair, name in _mapping(data, "joined").items():
        part, _, feeling = pair.partition(" ")
        if not feeling or not isinstance(name, str):
            raise InvalidDefinition(f"lexicon.joined.{pair}", "must be 部位 感觉: 名称")
        joined[part, feeling] = name
    return joined


def _any(words: Iterable[str]) -> str:
    return "|".join(re.escape(one) for one in sorted(words, key=len, reverse=True))


def _pattern(like: str, path: str) -> re.Pattern[str]:
    if len(like) > LONGEST_PATTERN:
        raise InvalidDefinition(f"{path}.like", "is too long")
    try:
        return re.compile(like.replace("~", f"({GAP})"))
    except re.error:
        raise InvalidDefinition(f"{path}.like", f"{like} is no pattern") from None


def _check_above(terms: Mapping[str, Term]) -> None:
    for term in terms.values():
        seen = {term.name}
        above = term.above
        while above is not None:
            if above not in terms or above in seen:
                raise InvalidDefinition(f"lexicon.{term.name}", f"above it, {above} cannot stand")
            seen.add(above)
            above = terms[above].above


def _list(data: dict[Any, Any], key: str) -> list[Any]:
    value = data.get(key, [])
    if not isinstance(value, list):
        raise InvalidDefinition(f"lexicon.{key}", "must be a list")
    return value


def _mapping(data: dict[Any, Any], key: str) -> dict[str, Any]:
    value = data.get(key, {})
    if not isinstance(value, dict):
        raise InvalidDefinition(f"lexicon.{key}", "must be a mapping")
    return value


def _name(one: object, path: str) -> str:
    name = one.get("name") if isinstance(one, dict) else None
    if not isinstance(name, str) or not name:
        raise InvalidDefinition(path, "needs a name")
    return name


def _words(one: object, key: str, path: str) -> list[str]:
    if not isinstance(one, dict):
        raise InvalidDefinition(path, "must be a mapping")
    words = one.get(key, [])
    if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
        raise InvalidDefinition(f"{path}.{key}", "must be a list of words")
    return words
