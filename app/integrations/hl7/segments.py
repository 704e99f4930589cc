"""Reading fields of a message, whatever is missing in it.

Nothing is split before somebody asks for it: most fields of a message are never read, and a
message of megabytes costs no more than its lines.
"""

import re
from collections.abc import Sequence

from app.domain.intake.hospital_records import (
    UNCHANGED,
    Stated,
    Unchanged,
)
from app.integrations.hl7.envelope import Envelope, Header

# HL7 v2 writes an explicit deletion so.
NULL = '""'

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_MAX_BLANK_LINES = 20


class Segment:
    """One segment; positions count from 1 as the standard does, what is absent reads as empty."""

    __slots__ = ("_fields", "_syntax", "name")

    def __init__(self, line: str, syntax: "Syntax") -> None:
        fields = line.split(syntax.field)
        self.name = fields[0]
        if self.name == "MSH":
            # MSH-1 is the separator itself.
            fields.insert(1, syntax.field)
        self._fields = fields
        self._syntax = syntax

    def text(self, field: int, component: int = 1, subcomponent: int = 1) -> str:
        """Return a part of the field's first repetition, unescaped; a null reads as empty."""
        return self.first(field).text(component, subcomponent) if self.raw(field) else ""

    def first(self, field: int) -> "Repetition":
        """Return the field's first repetition."""
        return Repetition(self.raw(field).split(self._syntax.repetition, 1)[0], self._syntax)

    def repetitions(self, field: int) -> "list[Repetition]":
        """Return the field's repetitions that say something."""
        raw = self.raw(field)
        if not raw:
            return []
        found = [Repetition(part, self._syntax) for part in raw.split(self._syntax.repetition)]
        return [repetition for repetition in found if not repetition.is_empty]

    def lines(self, field: int) -> list[str]:
        """Return the field's repetitions as text, separators included, where they say something."""
        raw = self.raw(field)
        if not raw or raw == NULL:
            return []
        syntax = self._syntax
        separators = f"{syntax.component}{syntax.subcomponent} "
        parts = (part for part in raw.split(syntax.repetition) if part.strip(separators))
        return [syntax.unescape(part).strip() for part in parts if part != NULL]

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
        return self._fields[field] if field < len(self._fields) else ""

    def whole(self, field: int) -> str:
        """Return the whole field as text, for senders who forget to escape separators."""
        raw = self.raw(field)
        return "" if raw == NULL else self._syntax.unescape(raw)


class Repetition:
    """One value of a field that may hold several."""

    __slots__ = ("_parts", "_raw", "_syntax")

    def __init__(self, raw: str, syntax: "Syntax") -> None:
        self._raw = raw
        self._syntax = syntax
        self._parts = raw.split(syntax.component)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said, separators apart."""
        return not self._raw or not any(self.components())

    def text(self, component: int = 1, subcomponent: int = 1) -> str:
        """Return one part, unescaped; a null reads as empty."""
        if component > len(self._parts):
            return ""
        return self._leaf(self._parts[component - 1], subcomponent)

    def components(self) -> list[str]:
        """Return the first part of each component."""
        return [self._leaf(part, 1) for part in self._parts]

    def whole(self) -> str:
        """Return the repetition as text, separators included."""
        return "" if self._raw == NULL else self._syntax.unescape(self._raw).strip()

    def _leaf(self, component: str, subcomponent: int) -> str:
        if not component or component == NULL:
            return ""
        leaf = component
        if subcomponent > 1 or self._syntax.subcomponent in component:
            parts = component.split(self._syntax.subcomponent, subcomponent)
            leaf = parts[subcomponent - 1] if subcomponent <= len(parts) else ""
        return "" if leaf == NULL else self._syntax.unescape(leaf).strip()


class Syntax:
    """How one message writes things down: its separators, and how it escapes them."""

    __slots__ = ("component", "field", "repetition", "subcomponent", "unescape")

    def __init__(self, header: Header, charset: str) -> None:
        self.field = header.field_separator
        component, repetition, escape, subcomponent = tuple(header.encoding_characters)[:4]
        self.component, self.repetition, self.subcomponent = component, repetition, subcomponent
        self.unescape = Unescape(self, escape, charset)


class Unescape:
    r"""Undoes HL7 escapes, once.

    \X..\ holds the bytes of the message's own charset, and \.sp999999999\ builds no such number
    of lines.
    """

    def __init__(self, syntax: Syntax, escape: str, charset: str) -> None:
        self._escape = escape
        self._charset = charset
        self._sequence = re.compile(
            f"{re.escape(escape)}([^{re.escape(escape)}]*){re.escape(escape)}"
        )
        self._fixed = {
            "F": syntax.field,
            "S": syntax.component,
            "T": syntax.subcomponent,
            "R": syntax.repetition,
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
        return text if text.isprintable() else _CONTROL.sub("", text)

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
        syntax = Syntax(envelope.header, envelope.charset)
        self.segments = [Segment(line, syntax) for line in envelope.text.split("\r")]
        self._by_name: dict[str, list[Segment]] = {}
        for segment in self.segments:
            self._by_name.setdefault(segment.name, []).append(segment)

    @property
    def names(self) -> Sequence[str]:
        """The names of the segments, each once, in the order in which they first stand."""
        return tuple(self._by_name)

    def named(self, name: str) -> Sequence[Segment]:
        """Return the segments of this name."""
        return self._by_name.get(name, ())

    def first(self, name: str) -> Segment | None:
        """Return the first segment of this name, or None."""
        return next(iter(self.named(name)), None)


def stated_part(whole: Stated[str], part: str) -> Stated[str]:
    """Return `part` where the field was stated, else what its absence or deletion says."""
    if whole is None or isinstance(whole, Unchanged):
        return whole
    return part or UNCHANGED
