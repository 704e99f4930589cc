"""A kept message as text: its structure for everyone who watches the feed, its values for few.

What may be shown is a list; everything else becomes ▢, one for each value whatever its length.
Masking looks at shape alone, so it also holds for messages that we could not read.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

MASK: Final = "▢"
_SHOWN: Final = 200_000  # characters; a longer message is cut for the screen

# HL7 v2 fields that describe the message or the kind of thing, not the person.
_HL7_OPEN: Final[Mapping[str, frozenset[int]]] = {
    "MSH": frozenset(range(1, 13)),
    "BHS": frozenset(range(1, 8)),
    "FHS": frozenset(range(1, 8)),
    "EVN": frozenset({1, 2}),
    "PV1": frozenset({1, 2}),
    "ORC": frozenset({1, 5}),
    "OBR": frozenset({1, 4, 25}),
    "OBX": frozenset({1, 2, 3, 6, 11}),
}
_SEGMENT: Final = re.compile(r"[A-Z][A-Z0-9]{2}")
# An open field still shows no Chinese (names are), nothing long, and of long numbers only times.
_HARMLESS: Final = re.compile(
    r"(?!.*(?<!\d)(?!20\d{10,12}(?!\d))\d{9,})[A-Za-z0-9 ._:/+%~^&\\{}\[\]#-]{0,60}"
)
_JSON_OPEN: Final = frozenset(
    {"resourceType", "system", "code", "status", "unit", "use", "mode", "intent"}
)
_JSON_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,40}")
_XML_OPEN: Final = frozenset({"MsgType", "Event", "CreateTime", "AgentID"})
_XML_LEAF: Final = re.compile(r"<([A-Za-z_]\w{0,40})>(?:<!\[CDATA\[(.*?)\]\]>|([^<]*))</\1>", re.S)
_XML_TAG: Final = re.compile(r"(</?[A-Za-z_]\w{0,40}>)")
_WORD: Final = re.compile(r"[^\s,;|\t]+")


def decoded(body: bytes) -> str:
    """Return the bytes as text, in the charset that fits: only for the eye."""
    for codec in ("utf-8", "gb18030"):
        try:
            return body.decode(codec)
        except UnicodeDecodeError:
            continue
    return body.decode("gb18030", errors="replace")


def masked(text: str) -> str:
    """Return the message with its structure visible and the values of a person replaced."""
    shown = text[:_SHOWN].strip("\x0b\x1c\r\n\ufeff ")
    if shown[:3] in ("MSH", "BHS", "FHS"):
        return "\n".join(_hl7_line(line) for line in re.split(r"[\r\n]+", shown) if line)
    if shown[:1] in ("{", "["):
        try:
            return json.dumps(_json(json.loads(text), ""), ensure_ascii=False, indent=1)
        except (ValueError, RecursionError):
            pass
    if shown.startswith("<"):
        return _xml(shown)
    return _words(shown)


def _hl7_line(line: str) -> str:
    name, separator = line[:3], line[3:4]
    if not _SEGMENT.fullmatch(name) or not _is_mark(separator):
        return _words(line)
    fields = line.split(separator)
    # MSH-1 is the separator itself: its fields count one further.
    first = 2 if name in ("MSH", "BHS", "FHS") else 1
    open_fields = _HL7_OPEN.get(name, frozenset())
    told = [
        field if number in open_fields and _HARMLESS.fullmatch(field) else _hl7_field(field)
        for number, field in enumerate(fields[1:], first)
    ]
    return separator.join([name, *told])


def _is_mark(separator: str) -> bool:
    return "!" <= separator <= "~" and not separator.isalnum()


def _hl7_field(field: str) -> str:
    """Mask each component; the marks between them show how the sender fills the field."""
    return re.sub(r"[^~^&]+", MASK, field)


def _json(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {
            name if _JSON_KEY.fullmatch(name) else MASK: _json(one, name)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [_json(one, key) for one in value]
    if value is None or isinstance(value, bool):
        return value
    if key in _JSON_OPEN and isinstance(value, str) and _HARMLESS.fullmatch(value):
        return value
    return MASK


def _xml(text: str) -> str:
    def leaf(match: re.Match[str]) -> str:
        name, value = match[1], match[2] if match[2] is not None else match[3]
        is_open = name in _XML_OPEN and _HARMLESS.fullmatch(value)
        return f"<{name}>{value if is_open or not value else MASK}</{name}>\n"

    pieces, end = [], 0
    for match in _XML_LEAF.finditer(text):
        pieces += [_between(text[end : match.start()]), leaf(match)]
        end = match.end()
    return "".join([*pieces, _between(text[end:])])


def _between(text: str) -> str:
    """Keep plain tags; whatever else stands between the leaves may be a value."""
    parts = _XML_TAG.split(text)
    return "".join(part if at % 2 else _words(part) for at, part in enumerate(parts))


def _words(text: str) -> str:
    return _WORD.sub(MASK, text)
