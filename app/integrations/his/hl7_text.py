r"""Writing HL7 v2: separators escaped, line ends as \.br\, segments ended by CR.

Field numbers count from 1 as the standard does; trailing empty fields are left out.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from typing import Final

from app.domain.intake.hospital_records import Coded, Gender, Identifier

_ESCAPES: Final = {"|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_SEX: Final = {Gender.MALE: "M", Gender.FEMALE: "F", Gender.OTHER: "O", Gender.UNKNOWN: "U"}


def escaped(text: str) -> str:
    """Return `text` so that it can stand in a field."""
    text = text.replace("\\", "\\E\\")
    for separator, sequence in _ESCAPES.items():
        text = text.replace(separator, sequence)
    return _CONTROL.sub("", _LINE_END.sub(r"\\.br\\", text))


def segment(name: str, fields: Mapping[int, str]) -> str:
    """Return a segment; what stands in `fields` is escaped already."""
    last = max((number for number, text in fields.items() if text), default=0)
    return "|".join([name, *(fields.get(number, "") for number in range(1, last + 1))])


def coded(code: Coded | None) -> str:
    """Return a CE: code, name, system."""
    if code is None:
        return ""
    return _components(code.code, code.display, code.system)


def person(who: Coded | None) -> str:
    """Return an XCN: id and name of a clinician."""
    return "" if who is None else _components(who.code, who.display)


def extended_id(number: Identifier) -> str:
    """Return a CX: number, issuer, type."""
    return _components(number.value, "", "", number.issuer, number.type_code)


def entity(number: str, issuer: str = "") -> str:
    """Return an EI: number and who issued it."""
    return _components(number, issuer)


def instant(at: datetime | None, zone: tzinfo) -> str:
    return "" if at is None else at.astimezone(zone).strftime("%Y%m%d%H%M%S")


def day(on: date | None) -> str:
    return "" if on is None else on.strftime("%Y%m%d")


def sex(gender: Gender) -> str:
    """Return the code of HL7 table 0001."""
    return _SEX[gender]


def _components(*parts: str) -> str:
    return "^".join(escaped(part) for part in parts).rstrip("^")
