"""The little XML that the platforms speak, read strictly: elements and text, nothing else."""

from typing import Any, Final
from xml.parsers import expat

_DEEPEST: Final = 12

# An element is its text, a dict of its children, or a list where a name repeats.
Fields = dict[str, Any]


class NotReadable(Exception):
    """Not the platforms' XML: broken, hostile, or with parts that they never send."""


def read_xml(data: bytes) -> Fields:
    """Return the children of the root element `xml`.

    :raises NotReadable: not UTF-8, not well-formed, a DOCTYPE (and with it every entity), an
        attribute, a processing instruction, or too deep
    """
    parser = expat.ParserCreate()
    tree = _Tree()
    parser.StartDoctypeDeclHandler = _refuse
    parser.ProcessingInstructionHandler = _refuse
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.text
    try:
        # As text: of bytes, expat believes a byte order mark more than the encoding given.
        parser.Parse(data.decode(), True)
    except (expat.ExpatError, UnicodeDecodeError):
        raise NotReadable from None
    name, value = tree.root
    if name != "xml" or not isinstance(value, dict):
        raise NotReadable
    return value


def _refuse(*_: object) -> None:
    raise NotReadable


class _Tree:
    """Collects what expat reports; each level has its name, its children and its text."""

    def __init__(self) -> None:
        self.root: tuple[str, Any] = ("", None)
        self._levels: list[tuple[str, Fields, list[str]]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if attributes or len(self._levels) == _DEEPEST:
            raise NotReadable
        self._levels.append((name, {}, []))

    def text(self, text: str) -> None:
        if self._levels:
            self._levels[-1][2].append(text)

    def end(self, name: str) -> None:
        _, children, texts = self._levels.pop()
        text = "".join(texts)
        if children and text.strip():
            raise NotReadable  # the platforms never mix text and elements
        value: Any = children or text
        if not self._levels:
            self.root = (name, value)
            return
        siblings = self._levels[-1][1]
        if name not in siblings:
            siblings[name] = value
        elif isinstance(siblings[name], list):
            siblings[name].append(value)
        else:
            siblings[name] = [siblings[name], value]
