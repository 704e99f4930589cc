"""Texts with what a person says they say: to measure by, and to train on."""

from dataclasses import dataclass

from app.domain.definitions import InvalidDefinition
from app.domain.text.phrases import Adherence, Sentiment
from app.domain.text.reading import Channel


@dataclass(frozen=True, slots=True)
class Labelled:
    """`present` and `absent` are names of symptoms, as whoever labelled calls them.

    Adherence and sentiment are None in a file that labels symptoms alone.
    """

    text: str
    channel: Channel
    present: tuple[str, ...]
    absent: tuple[str, ...]
    adherence: Adherence | None
    sentiment: Sentiment | None
    flags: frozenset[str]


def parse_labelled(row: object, path: str) -> Labelled:
    """:raises InvalidDefinition: naming what is wrong"""
    if not isinstance(row, dict) or not isinstance(row.get("text"), str) or not row["text"]:
        raise InvalidDefinition(path, "needs a text")
    try:
        return Labelled(
            text=row["text"],
            channel=Channel(row.get("channel", "chat")),
            present=_words(row, "present", path),
            absent=_words(row, "absent", path),
            adherence=Adherence(row["adherence"]) if "adherence" in row else None,
            sentiment=Sentiment(row["sentiment"]) if "sentiment" in row else None,
            flags=frozenset(_words(row, "flags", path)),
        )
    except ValueError as wrong:
        raise InvalidDefinition(path, f"has a label we do not know: {wrong}") from None


def _words(row: dict[str, object], key: str, path: str) -> tuple[str, ...]:
    words = row.get(key, [])
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise InvalidDefinition(f"{path}.{key}", "must be a list of words")
    return tuple(words)
