"""From a file or a frame to one message with a checked header."""

import hashlib
import re
from dataclasses import dataclass

from app.domain.intake.rejections import Rejected, RejectionReason
from app.integrations.hl7.charset import codec_of, declared_charset, decode

# Bytes are safe to cut at line starts: CR and LF are never part of a character in UTF-8 or GB18030.
_LINE = re.compile(rb"[^\r\n]*[\r\n]*")
_WRAPPING = b"\x0b\x1c\r\n \t\x00"
_BOM = b"\xef\xbb\xbf"
_BATCH_SEGMENTS = (b"FHS", b"BHS", b"BTS", b"FTS")
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}\Z")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one message may weigh."""

    max_bytes: int = 256 * 1024
    max_segments: int = 2000


# What is kept is read again whatever door it came through; the doors themselves are narrower. A
# byte may take two when it is sealed, and a column of MariaDB holds 16 MB.
WIDEST = Limits(7_000_000, 200_000)


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of MSH that answer, order and route a message, verbatim.

    `encoding_characters` is MSH-2: component, repetition, escape, subcomponent.
    """

    field_separator: str = "|"
    encoding_characters: str = "^~\\&"
    sending_application: str = ""
    sending_facility: str = ""
    receiving_application: str = ""
    receiving_facility: str = ""
    sent: str = ""
    message_type: str = ""
    control_id: str = ""
    processing_id: str = ""
    version: str = ""
    accept_acknowledgement: str = ""
    application_acknowledgement: str = ""
    charset: str = ""

    @property
    def type_code(self) -> str:
        """MSH-9.1, such as ADT."""
        return self.message_type.split(self.encoding_characters[0])[0]

    @property
    def trigger(self) -> str:
        """MSH-9.2, such as A01."""
        parts = self.message_type.split(self.encoding_characters[0])
        return parts[1] if len(parts) > 1 else ""

    @property
    def kind(self) -> str:
        """Type and trigger as one says them: ADT^A01."""
        return "^".join(part for part in (self.type_code, self.trigger) if part)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A decoded message: `text` has CR at each segment's end and no empty segments."""

    header: Header
    text: str
    charset: str
    issues: tuple[str, ...]


def split_messages(data: bytes) -> list[bytes]:
    """Return the messages of a file, each without its wrapping; what is no message stays whole.

    Batch and file headers and trailers are left out. Messages may be parted by blank lines, MLLP
    bytes or nothing but the next MSH.
    """
    messages: list[bytearray] = []
    is_open = False
    for line in _LINE.findall(data.removeprefix(_BOM)):
        start = line.lstrip(_WRAPPING).removeprefix(_BOM)
        if start[:3] in _BATCH_SEGMENTS:
            is_open = False
        elif start[:3] == b"MSH" or (start and not is_open):
            messages.append(bytearray(start))
            is_open = True
        elif is_open:
            messages[-1] += line
    return [bytes(message).rstrip(_WRAPPING) for message in messages]


def is_batch(body: bytes) -> bool:
    """Return whether a frame begins with the header of a batch or a file."""
    return _unwrapped(body)[:3] in (b"FHS", b"BHS")


def identify(body: bytes, header: Header) -> bytes:
    """Return 32 bytes that are the same for a repeat, however it is wrapped, and only for one.

    Sender and control id alone would lose results: some analysers send one id in every message.
    """
    parts = (header.sending_application, header.sending_facility, header.control_id)
    names = "\x1f".join(parts).encode()
    return hashlib.sha256(names + hashlib.sha256(_unwrapped(body)).digest()).digest()


def glimpse_header(body: bytes, charset: str | None) -> tuple[Header, str]:
    """Return what can be read of the header and the codec to answer in, whatever is wrong."""
    first = re.split(rb"[\r\n]", _unwrapped(body), maxsplit=1)[0][:4096]
    for codec in (charset, codec_of(declared_charset(first)), "utf-8", "gb18030"):
        if codec is None:
            continue
        try:
            return read_header(first.decode(codec)), codec
        except (UnicodeDecodeError, Rejected):
            continue
    return Header(), charset or "utf-8"


def open_envelope(body: bytes, charset: str | None, limits: Limits) -> Envelope:
    """Return the decoded message; `charset` is the codec configured for its source.

    :raises Rejected: too large, undecodable, or no HL7 message
    """
    body = _unwrapped(body)
    if len(body) > limits.max_bytes:
        raise Rejected(RejectionReason.TOO_LARGE, f"{limits.max_bytes} bytes")
    if not body.startswith(b"MSH"):
        raise Rejected(RejectionReason.NOT_HL7)
    decoded = decode(body, charset)
    lines = [line.strip(" \t\x00") for line in re.split(r"[\r\n]+", decoded.text)]
    segments = [line for line in lines if line]
    if len(segments) > limits.max_segments:
        raise Rejected(RejectionReason.TOO_MANY_SEGMENTS, f"{limits.max_segments} segments")
    header = read_header(segments[0])
    for number, segment in enumerate(segments[1:], start=2):
        name = segment.split(header.field_separator, 1)[0]
        if not _SEGMENT.match(name) or name == "MSH":
            raise Rejected(RejectionReason.BAD_SEGMENT, f"line {number}")
    return Envelope(header, "\r".join(segments), decoded.charset, decoded.issues)


def read_header(segment: str) -> Header:
    """Return the fields of an MSH segment.

    :raises Rejected: it is none, or its separators cannot separate
    """
    if not segment.startswith("MSH") or len(segment) < 6:
        raise Rejected(RejectionReason.NOT_HL7)
    separator = segment[3]
    fields = segment.split(separator)
    encoding = fields[1]
    # The fifth character is the truncation mark of version 2.7; nothing is ever truncated for us.
    _check_separators(separator, encoding)
    fields += [""] * (18 - len(fields))
    return Header(
        field_separator=separator,
        encoding_characters=encoding,
        sending_application=fields[2],
        sending_facility=fields[3],
        receiving_application=fields[4],
        receiving_facility=fields[5],
        sent=fields[6],
        message_type=fields[8],
        control_id=fields[9],
        processing_id=fields[10],
        version=fields[11],
        accept_acknowledgement=fields[14],
        application_acknowledgement=fields[15],
        charset=fields[17],
    )


def _check_separators(separator: str, encoding: str) -> None:
    characters = separator + encoding
    is_usable = (
        4 <= len(encoding) <= 5
        and len(set(characters)) == len(characters)
        and all("!" <= c <= "~" and not c.isalnum() for c in characters)
    )
    if not is_usable:
        raise Rejected(RejectionReason.BAD_SEPARATORS)


def _unwrapped(body: bytes) -> bytes:
    return body.strip(_WRAPPING).removeprefix(_BOM).strip(_WRAPPING)
