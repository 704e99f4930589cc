"""Reading fields of a parsed message, whatever is missing in it."""

import re
from collections.abc import Iterator
from typing import TypeAlias

import hl7

from app.domain.intake.hospital_records import (
    UNCHANGED,
    Stated,
    Unchanged,
)
from app.integrations.hl7.envelope import Envelope

# HL7 v2 writes an explicit deletion so.
NULL = '""'

Node: TypeAlias = "str | list[Node]"

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_MAX_BLANK_LINES = 20


class Segment:
    """One segment; positions count from 1 as the standard does, what is absent reads as empty."""

    def __init__(self, parsed: "list[Node]", unescape: "Unescape", name: str) -> None:
        self._parsed = parsed
        self._unescape = unescape
        self.name = name

    def text(self, field: int, component: int = 1, subcomponent: int = 1) -> str:
        """Return a part of the field's first repetition, unescaped; a null reads as empty."""
        return Repetition(_child(self._field(field), 0), self._unescape).text(
            component, subcomponent
        )

    def first(self, field: int) -> "Repetition":
        """Return the field's first repetition."""
        return Repetition(_child(self._field(field), 0), self._unescape)

    def repetitions(self, field: int) -> "list[Repetition]":
        """Return the field's repetitions that say something."""
        node = self._field(field)
        children = node if isinstance(node, list) else [node]
        found = [Repetition(child, self._unescape) for child in children]
        return [repetition for repetition in found if not repetition.is_empty]

    def is_null(self, field: int) -> bool:
        """Return whether the sender deletes the field."""
        return self.raw(field) == NULL

    def stated(self, field: int, component: int = 1) -> Stated[str]:
        """Return the text, None where it is deleted, `UNCHANGED` where it is not mentioned."""
        if self.is_null(field):
            return None
        return self.text(field, component) or UNCHANGED

    def raw(self, field: int) -> str:
        """Return the whole field as it was sent."""
        return str(self._field(field))

    def whole(self, field: int) -> str:
        """Return the whole field as text, for senders who forget to escape separators."""
        raw = self.raw(field)
        return "" if raw == NULL else self._unescape(raw)

    def _field(self, number: int) -> Node:
        return self._parsed[number] if number < len(self._parsed) else ""


class Repetition:
    """One value of a field that may hold several."""

    def __init__(self, node: Node, unescape: "Unescape") -> None:
        self._node = node
        self._unescape = unescape

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said, separators apart."""
        return not any(self.components())

    def text(self, component: int = 1, subcomponent: int = 1) -> str:
        """Return one part, unescaped; a null reads as empty."""
        leaf = _child(_child(self._node, component - 1), subcomponent - 1)
        return "" if leaf == NULL else self._unescape(str(leaf)).strip()

    def components(self) -> list[str]:
        """Return the first part of each component."""
        count = len(self._node) if isinstance(self._node, list) else 1
        return [self.text(n + 1) for n in range(count)]

    def whole(self) -> str:
        """Return the repetition as text, separators included."""
        raw = str(self._node)
        return "" if raw == NULL else self._unescape(raw).strip()


class Unescape:
    r"""Undoes HL7 escapes, once.

    The library's own function is not used: it writes what it cannot read into the log, names and
    values included; it reads \X..\ byte by byte, which breaks every Chinese character; and
    \.sp999999999\ makes it build that many lines.
    """

    def __init__(self, separators: str, escape: str, charset: str) -> None:
        field, repetition, component, subcomponent = tuple(separators)[1:5]
        self._escape = escape
        self._charset = charset
        self._sequence = re.compile(
            f"{re.escape(escape)}([^{re.escape(escape)}]*){re.escape(escape)}"
        )
        self._fixed = {
            "F": field,
            "S": component,
            "T": subcomponent,
            "R": repetition,
            "E": escape,
            "H": "",
            "N": "",
            ".br": "\n",
            ".ce": "\n",
            ".fi": "",
            ".nf": "",
        }

    def __call__(self, text: str) -> str:
        if self._escape in text:
            text = self._sequence.sub(self._replacement, text)
        return _CONTROL.sub("", text)

    def _replacement(self, match: re.Match[str]) -> str:
        sequence = match[1]
        if sequence in self._fixed:
            return self._fixed[sequence]
        if sequence.startswith("X"):
            return self._hexadecimal(sequence[1:], match[0])
        if re.fullmatch(r"\.(in|ti)[+-]?[0-9]*", sequence):
            return ""
        if skip := re.fullmatch(r"\.(sp|sk)\+?([0-9]{0,3})", sequence):
            count = min(int(skip[2] or 1), _MAX_BLANK_LINES)
            return ("\n" if skip[1] == "sp" else " ") * count
        # What is no escape, such as a path, stays as it was written.
        return match[0]

    def _hexadecimal(self, digits: str, verbatim: str) -> str:
        try:
            return (
                bytes.fromhex(digits)
                .decode(self._charset)
                .replace("\r\n", "\n")
                .replace("\r", "\n")
            )
        except ValueError:
            return verbatim


class Message:
    """The segments of one message in their order."""

    def __init__(self, envelope: Envelope) -> None:
        parsed = hl7.parse(envelope.text)
        unescape = Unescape(parsed.separators, parsed.esc, envelope.charset)
        self.segments = [Segment(s, unescape, str(s[0])) for s in parsed]

    def named(self, name: str) -> Iterator[Segment]:
        """Yield the segments of this name."""
        return (segment for segment in self.segments if segment.name == name)

    def first(self, name: str) -> Segment | None:
        """Return the first segment of this name, or None."""
        return next(self.named(name), None)


def stated_part(whole: Stated[str], part: str) -> Stated[str]:
    """Return `part` where the field was stated, else what its absence or deletion says."""
    if whole is None or isinstance(whole, Unchanged):
        return whole
    return part or UNCHANGED


def _child(node: Node, index: int) -> Node:
    """Return one part of a node; a leaf is its own first part, at whatever depth one asks."""
    if isinstance(node, list):
        return node[index] if index < len(node) else ""
    return node if index == 0 else ""
