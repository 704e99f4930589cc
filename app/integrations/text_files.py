"""What the hospital says about how people write, and labelled sentences, as files."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from app.domain.definitions import InvalidDefinition
from app.domain.profile.tagging import TagDefinition
from app.domain.text.labelled import Labelled, parse_labelled
from app.domain.text.lexicon import parse_lexicon
from app.domain.text.phrases import parse_phrases
from app.domain.text.reading import Words
from app.domain.text.tagging import TextPack, parse_tags, parse_text_tags
from app.integrations.pack_files import LARGEST_FILE, PackLoader

LARGEST_CORPUS = 64 * 1024 * 1024


FOLDER = "text"  # within the packs


def text_pack(packs: Path) -> TextPack | None:
    """Return what `packs` says about texts, None where it says nothing.

    :raises InvalidDefinition: it says something wrong
    """
    return read_text_pack(packs / FOLDER) if (packs / FOLDER).is_dir() else None


def text_tags(packs: Path) -> tuple[TagDefinition, ...]:
    """Return the tags that texts may give; reading the words themselves takes a while.

    :raises InvalidDefinition: the file says something wrong
    """
    file = packs / FOLDER / "tags.yaml"
    return parse_tags(read_yaml(file)) if file.is_file() else ()


def read_text_pack(folder: Path) -> TextPack:
    """:raises InvalidDefinition: a file is missing or wrong"""
    words = Words(
        parse_lexicon(read_yaml(folder / "lexicon.yaml")),
        parse_phrases(read_yaml(folder / "phrases.yaml")),
    )
    return TextPack(words, parse_text_tags(read_yaml(folder / "tags.yaml"), words.lexicon))


def read_yaml(file: Path) -> Any:
    """:raises InvalidDefinition: it cannot be read"""
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise InvalidDefinition(file.name, "is too large")
        return yaml.load(file.read_text("utf-8"), PackLoader)  # noqa: S506  a SafeLoader
    except OSError:
        raise InvalidDefinition(file.name, "cannot be read") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InvalidDefinition(file.name, f"is not the YAML we read: {error}") from None


def read_labelled(file: Path) -> list[Labelled]:
    """Return the labelled texts of a JSONL file, one a line.

    :raises InvalidDefinition: naming the line that is wrong
    """
    return [parse_labelled(row, f"{file.name}:{number}") for number, row in _rows(file)]


def _rows(file: Path) -> Iterator[tuple[int, object]]:
    if file.stat().st_size > LARGEST_CORPUS:
        raise InvalidDefinition(file.name, "is too large")
    try:
        lines = file.read_text("utf-8").split("\n")
    except UnicodeDecodeError:
        raise InvalidDefinition(file.name, "is not UTF-8") from None
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError):
                raise InvalidDefinition(f"{file.name}:{number}", "is not JSON") from None
