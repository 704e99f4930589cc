"""Which characters the bytes of a message mean.

Decoding comes before splitting: in GB18030 the second byte of a character can be `|`, `^`, `~` or
a backslash. Detection alone is unsafe, because many pairs of Chinese characters in GB18030 are
valid UTF-8 for letters of other scripts (郑一 reads as Hebrew and Cyrillic). So what the source is
configured for comes first, then what the message declares, then UTF-8, then GB18030; and a name
that no person has speaks against a guess.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from app.domain.intake.rejections import Rejected, RejectionReason

_BOM = b"\xef\xbb\xbf"

# HL7 table 0211 and the spellings met in the field, in capitals without blanks, '-', '_' and '/'.
_DECLARED = {
    "UNICODEUTF8": "utf-8",
    "UTF8": "utf-8",
    "UNICODE": "utf-8",
    "GB180302000": "gb18030",
    "GB18030": "gb18030",
    "GBK": "gb18030",
    "GB2312": "gb18030",
    "GB231280": "gb18030",
    "CP936": "gb18030",
    "BIG5": "big5",
    "88591": "latin-1",
    "ISO88591": "latin-1",
    "885915": "iso8859-15",
    "ISO885915": "iso8859-15",
}
# Declarations that promise nothing beyond ASCII; senders leave them in the template.
_SILENT = frozenset({"", "ASCII", "ISOIR6", "88591ASCII"})

_PATIENT = re.compile(r"(?:\A|[\r\n])PID(.)[^\r\n]*")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A message as text; `issues` name every doubt about the charset."""

    text: str
    charset: str
    issues: tuple[str, ...] = ()


def decode(body: bytes, configured: str | None) -> Decoded:
    """Return the text of `body`; `configured` is the Python codec set for its source.

    :raises Rejected: no candidate fits the bytes
    """
    has_bom = body.startswith(_BOM)
    body = body.removeprefix(_BOM)
    if body.isascii():
        return Decoded(body.decode("ascii"), configured or "utf-8")
    declaration = declared_charset(body)
    declared = "utf-8" if has_bom else codec_of(declaration)
    issues = []
    if declared is None and _normalised(declaration) not in _SILENT:
        issues.append("charset-unknown")

    readings = list(_readings(body, configured, declared))
    if not readings:
        raise Rejected(RejectionReason.UNDECODABLE)
    if readings[0][0] == configured:
        charset, text = readings[0]
    else:
        charset, text = next((r for r in readings if _has_plausible_names(r[1])), readings[0])
    promised = {codec for codec in (configured, declared) if codec}
    if promised - {charset}:
        issues.append("charset-conflict")
    elif not promised:
        issues.append("charset-guessed")
    if not _has_plausible_names(text):
        issues.append("name-implausible")
    return Decoded(text, charset, tuple(issues))


def codec_of(name: str) -> str | None:
    """Return the Python codec for a charset as HL7 and vendors spell it; None if it is unknown."""
    return _DECLARED.get(_normalised(name))


def configured_codec(name: str | None) -> str | None:
    """Return the codec that an operator named, None where none was named.

    :raises ValueError: no such charset; to ignore a misspelt one would garble names
    """
    if not name:
        return None
    codec = codec_of(name)
    if codec is None:
        raise ValueError(f"unknown charset: {name}")
    return codec


def _readings(
    body: bytes, configured: str | None, declared: str | None
) -> Iterator[tuple[str, str]]:
    """Yield codec and text for each candidate that fits the bytes, best first."""
    for codec in dict.fromkeys((configured, declared, "utf-8", "gb18030")):
        if codec is None:
            continue
        try:
            yield codec, body.decode(codec)
        except UnicodeDecodeError:
            continue


def declared_charset(body: bytes) -> str:
    """Return the first repetition of MSH-18, read without knowing the charset."""
    header = re.split(rb"[\r\n]", body.lstrip(), maxsplit=1)[0].decode("latin-1")
    fields = header.split(header[3]) if header.startswith("MSH") and len(header) > 3 else []
    return fields[17].split("~")[0] if len(fields) > 17 else ""


def _normalised(declaration: str) -> str:
    return re.sub(r"[\s/_-]", "", declaration).upper()


def _has_plausible_names(text: str) -> bool:
    for line in _PATIENT.finditer(text):
        fields = line[0].split(line[1])
        if len(fields) > 5 and not _is_plausible_name(fields[5]):
            return False
    return True


def _is_plausible_name(name: str) -> bool:
    """Return whether a person may be called so: ASCII, hanzi, or words of one other script.

    Bytes of hanzi that are misread as UTF-8 give one or two letters, mostly of mixed scripts.
    """
    foreign = [c for c in name if c.isalpha() and not c.isascii() and not _is_hanzi(c)]
    odd = [c for c in name if not c.isascii() and unicodedata.category(c) in ("Mn", "Cn", "Co")]
    if not foreign:
        return not odd
    ascii_letters = sum(c.isascii() and c.isalpha() for c in name)
    scripts = {unicodedata.name(c, "?").split()[0] for c in foreign}
    if scripts == {"LATIN"}:
        return ascii_letters >= len(foreign)
    return len(scripts) == 1 and len(foreign) >= 3 and not odd


def _is_hanzi(character: str) -> bool:
    return unicodedata.name(character, "").startswith(("CJK", "IDEOGRAPHIC", "FULLWIDTH"))
