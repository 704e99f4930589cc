"""Mappings as YAML files; what is wrong in one is named by line and path."""

import re
from pathlib import Path
from typing import Final

import yaml

from app.domain.definitions import InvalidDefinition
from app.integrations.pack_files import PackLoader
from app.integrations.tables.mapping import SourceMapping, parse_mapping

_LARGEST: Final = 512 * 1024
_STEP: Final = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


class InvalidMapping(ValueError):
    """A mapping file is wrong; the text names file, line and path."""


def read_mapping(file: Path) -> SourceMapping:
    """Return the mapping that a file holds.

    :raises InvalidMapping: it cannot be read, or something in it is wrong
    """
    try:
        if file.stat().st_size > _LARGEST:
            raise InvalidMapping(f"{file.name}: is larger than {_LARGEST} bytes")
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidMapping(f"{file.name}: cannot be read ({type(error).__name__})") from None
    try:
        content = yaml.load(text, PackLoader)  # noqa: S506  a SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f"{mark.line + 1}" if mark else "?"
        what = getattr(error, "problem", None) or type(error).__name__
        raise InvalidMapping(f"{file.name}:{line}: is not the YAML we read: {what}") from None
    if not isinstance(content, dict):
        raise InvalidMapping(f"{file.name}:1: must be a mapping")
    try:
        return parse_mapping(content)
    except InvalidDefinition as wrong:
        line = str(_line(text, wrong.path))
        raise InvalidMapping(f"{file.name}:{line}: {wrong}") from None


def _line(text: str, path: str) -> int:
    """Return the line of the deepest part of `path` that the file has."""
    node = yaml.compose(text, PackLoader)
    line = 0
    for name, index in _STEP.findall(path):
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == name]
            if not found:
                break
            line, node = found[0][0].start_mark.line, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and index and int(index) < len(node.value):
            node = node.value[int(index)]
            line = node.start_mark.line
        else:
            break
    return int(line) + 1
