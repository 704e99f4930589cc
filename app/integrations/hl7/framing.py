"""MLLP framing on bytes: VT, the message, FS, CR (HL7 v2.5.1 appendix C).

Real senders split frames anywhere, put several in a packet, send noise between them and forget
the CR. Bytes are cut here, not characters: VT and FS can be no part of a multi-byte character in
UTF-8 or GB18030.
"""

from dataclasses import dataclass

VT = 0x0B
FS = 0x1C
_AFTER_FS = (0x0D, 0x0A, VT)
# A sender that broke off and began anew leaves a torn message before the header of the whole one.
_RESTART = b"\x0bMSH"
# Enough of a message that is too large to read its header and name it in the refusal.
_KEPT_OF_OVERSIZE = 4096

# After this silence a frame whose FS was not followed by CR counts as complete.
CR_PATIENCE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Frame:
    """One message; of one that `is_oversize` only the beginning is kept."""

    body: bytes
    is_oversize: bool = False


class FrameReader:
    """Cuts a stream of bytes into frames; one reader for one connection."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._is_inside = False
        self._is_oversize = False
        self._searched = 0  # bytes of the buffer known to hold no end, so that none is read twice

    @property
    def is_awaiting_cr(self) -> bool:
        """Whether an FS came last: after a short silence `flush` may take it for the end."""
        return self._is_inside and self._buffer[-1:] == bytes([FS])

    @property
    def is_inside(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._is_inside

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that `data` completed, in their order."""
        self._buffer += data
        frames: list[Frame] = []
        while True:
            if not self._is_inside and not self._skip_to_start():
                return frames
            end = self._find_end()
            if end is None:
                self._drop_excess()
                return frames
            frames.append(self._cut(end))

    def flush(self) -> list[Frame]:
        """Return the frame that only waits for its CR, if there is one."""
        return [self._cut(len(self._buffer) - 1)] if self.is_awaiting_cr else []

    def _skip_to_start(self) -> bool:
        start = self._buffer.find(VT)
        if start < 0:
            self._buffer.clear()
            return False
        del self._buffer[: start + 1]
        self._is_inside = True
        self._searched = 0
        return True

    def _find_end(self) -> int | None:
        """Return where the FS stands that ends the frame: one followed by CR, LF or a new VT."""
        while True:
            at = self._buffer.find(FS, self._searched)
            if at < 0:
                self._searched = len(self._buffer)
                return None
            if at + 1 == len(self._buffer):
                self._searched = at
                return None
            if self._buffer[at + 1] in _AFTER_FS:
                return at
            self._searched = at + 1

    def _drop_excess(self) -> None:
        """Keep memory bounded however long a frame grows."""
        if len(self._buffer) <= self._max_bytes + 1:
            return
        self._is_oversize = True
        tail = self._buffer[-1:] if self._buffer[-1] == FS else b""
        self._buffer[:] = self._buffer[:_KEPT_OF_OVERSIZE] + tail
        self._searched = len(self._buffer) - len(tail)

    def _cut(self, end: int) -> Frame:
        body = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._is_inside = False
        is_oversize = self._is_oversize or len(body) > self._max_bytes
        self._is_oversize = False
        if is_oversize:
            return Frame(body[:_KEPT_OF_OVERSIZE], is_oversize=True)
        restart = body.rfind(_RESTART)
        return Frame(body[restart + 1 :] if restart >= 0 else body)


def enframe(body: bytes) -> bytes:
    """Return `body` as it goes over the wire."""
    return bytes([VT]) + body + bytes([FS, 0x0D])
