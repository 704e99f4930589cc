"""Which tags follow from a reading: the hospital's table, applied."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from app.domain.definitions import InvalidDefinition
from app.domain.profile.tagging import TagDefinition, parse_tag_definition
from app.domain.text.lexicon import Lexicon
from app.domain.text.phrases import Adherence, Flag, Sentiment
from app.domain.text.polarity import Polarity
from app.domain.text.reading import Reading, Words

_ENDS: Final = frozenset("。；！？;!?\n")
LONGEST_EVIDENCE: Final = 200


@dataclass(frozen=True, slots=True)
class Gives:
    """One line of the table: what is read (its kind and name), the tag, how sure it makes."""

    kind: str
    name: str
    tag: str
    confidence: Decimal


@dataclass(frozen=True, slots=True)
class ReadTag:
    """A tag found in a text with the sentence that says so; `rule` names what read it."""

    tag: str
    confidence: Decimal
    rule: str
    evidence: str


@dataclass(frozen=True, slots=True)
class SecondOpinions:
    """From which probability a trained model speaks, and how sure it may be at most."""

    at_least: Decimal
    at_most: Decimal
    tags: Mapping[str, str]  # label of a model → tag


@dataclass(frozen=True, slots=True)
class TextTags:
    definitions: tuple[TagDefinition, ...]
    gives: tuple[Gives, ...]
    opinions: SecondOpinions
    definition: Mapping[str, Any]

    def tags_of(self, written: str, reading: Reading, lexicon: Lexicon) -> list[ReadTag]:
        """Return each tag once, the surest, with the sentence it stands on."""
        found: dict[str, ReadTag] = {}
        for line in self.gives:
            for rule, span in _said(line, reading, lexicon):
                kept = found.get(line.tag)
                if kept is None or line.confidence > kept.confidence:
                    evidence = sentence_at(written, span)
                    found[line.tag] = ReadTag(line.tag, line.confidence, rule, evidence)
                break
        return list(found.values())

    def taken_back_by(self, reading: Reading, lexicon: Lexicon) -> frozenset[str]:
        """Return the tags that a text speaks against, whoever's words gave them.

        Another way of taking medicine ends the one before; a symptom that is denied now ends
        its tag.
        """
        now = {line.tag for line in self.gives if _stands(line, reading, lexicon)}
        against: set[str] = set()
        for line in self.gives:
            if line.kind == "adherence" and reading.adherence is not Adherence.NONE:
                against.add(line.tag)
            if line.kind == "term" and line.name in reading.terms(Polarity.ABSENT):
                against.add(line.tag)
        return frozenset(against - now)


@dataclass(frozen=True, slots=True)
class TextPack:
    """How people write, and which tags follow from it."""

    words: Words
    tags: TextTags


def sentence_at(written: str, span: tuple[int, int]) -> str:
    """Return the sentence around [start, end), shortened around it where it is long."""
    start, end = span
    while start > 0 and written[start - 1] not in _ENDS and span[0] - start < LONGEST_EVIDENCE // 2:
        start -= 1
    while end < len(written) and written[end] not in _ENDS and end - start < LONGEST_EVIDENCE:
        end += 1
    return written[start:end].strip()[:LONGEST_EVIDENCE]


def _stands(line: Gives, reading: Reading, lexicon: Lexicon) -> bool:
    return next(_said(line, reading, lexicon), None) is not None


def _said(line: Gives, reading: Reading, lexicon: Lexicon) -> Iterator[tuple[str, tuple[int, int]]]:
    if line.kind == "term":
        for mention in reading.mentions:
            if mention.polarity is Polarity.PRESENT and line.name in lexicon.with_above(
                [mention.term]
            ):
                yield f"term:{mention.term}", mention.span
        return
    for spoken in reading.why:
        if spoken.label == line.name and spoken.rule.startswith(_RULES[line.kind]):
            yield spoken.rule, spoken.span


_RULES: Final = {"flag": "flag:", "adherence": "adherence:", "sentiment": "mood:"}
_KINDS: Final = {"flag": Flag, "adherence": Adherence, "sentiment": Sentiment}


def parse_tags(data: object) -> tuple[TagDefinition, ...]:
    """Return the tags alone, for who brings them into the library.

    :raises InvalidDefinition: with the place of what is wrong
    """
    told = _mapping(data).get("tags", [])
    return tuple(parse_tag_definition(one, f"tags[{at}]") for at, one in enumerate(told))


def parse_text_tags(data: object, lexicon: Lexicon) -> TextTags:
    """:raises InvalidDefinition: with the place of what is wrong"""
    definitions = parse_tags(data)
    assert isinstance(data, dict)
    known = {one.key for one in definitions}
    gives = tuple(
        _parse_gives(one, f"gives[{at}]", known, lexicon)
        for at, one in enumerate(data.get("gives", []))
    )
    models = data.get("models", {})
    of = models.get("of", {})
    for label, tag in of.items():
        if tag not in known:
            raise InvalidDefinition(f"models.of.{label}", f"{tag} is no tag of this file")
    opinions = SecondOpinions(
        _share(models.get("at_least", 1), "models.at_least"),
        _share(models.get("at_most", 1), "models.at_most"),
        dict(of),
    )
    return TextTags(definitions, gives, opinions, data)


def _mapping(data: object) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise InvalidDefinition("tags.yaml", "must be a mapping")
    return data


def _parse_gives(one: object, path: str, known: set[str], lexicon: Lexicon) -> Gives:
    if not isinstance(one, dict):
        raise InvalidDefinition(path, "must be a mapping")
    kind = next((kind for kind in ("term", *_KINDS) if kind in one), None)
    if kind is None or set(one) != {kind, "tag", "confidence"}:
        raise InvalidDefinition(path, "needs one thing that is read, tag and confidence")
    name = one[kind]
    allowed = lexicon.terms if kind == "term" else {str(member) for member in _KINDS[kind]}
    if name not in allowed:
        raise InvalidDefinition(f"{path}.{kind}", f"{name} is not one we know")
    if one["tag"] not in known:
        raise InvalidDefinition(f"{path}.tag", f"{one['tag']} is no tag of this file")
    return Gives(kind, name, one["tag"], _share(one["confidence"], f"{path}.confidence"))


def _share(value: object, path: str) -> Decimal:
    try:
        share = Decimal(str(value))
    except InvalidOperation:
        raise InvalidDefinition(path, "must be a number") from None
    if not 0 < share <= 1:
        raise InvalidDefinition(path, "must be above 0 and at most 1")
    return share
