"""A server for MLLP: few connections, bounded patience, each message answered in turn."""

import socket
import socketserver
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from app.integrations.hl7.framing import CR_PATIENCE_SECONDS, Frame, FrameReader, enframe

log = structlog.get_logger()

_CHUNK = 65_536


class Gateway(Protocol):
    """Who decides about connections and messages."""

    def knows(self, peer: str) -> bool:
        """Return whether a machine of this address may connect."""

    def receive(self, frame: Frame, peer: str) -> tuple[bytes, Callable[[], None] | None]:
        """Keep a message for good and return its answer, and what to do once that is sent."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How much a sender may ask of us.

    `seconds` is counted from the last complete message, so that a sender who drips bytes is cut
    off like one who says nothing.
    """

    max_connections: int = 50
    seconds: float = 30
    max_bytes: int = 256 * 1024


class Listener(socketserver.ThreadingTCPServer):
    """Listens until `shutdown`; one thread for each connection."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], gateway: Gateway, patience: Patience) -> None:
        self.gateway = gateway
        self.patience = patience
        self._places = threading.BoundedSemaphore(patience.max_connections)
        super().__init__(address, _Conversation)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Turn away strangers, and everyone while the house is full."""
        if not self.gateway.knows(client_address[0]):
            log.warning("hl7_peer_refused", reason="not-listed")
            return False
        if not self._places.acquire(blocking=False):
            log.warning("hl7_peer_refused", reason="too-many-connections")
            return False
        return True

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Hold one place for as long as the conversation lasts."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say that a conversation broke; what was in it is not for the log."""
        log.exception("hl7_conversation_failed")


class _Conversation(socketserver.BaseRequestHandler):
    server: Listener
    request: socket.socket

    def handle(self) -> None:
        reader = FrameReader(self.server.patience.max_bytes)
        deadline = time.monotonic() + self.server.patience.seconds
        while (remaining := deadline - time.monotonic()) > 0:
            frames = self._read(reader, remaining)
            if frames is None:
                return
            for frame in frames:
                self._answer(frame)
                deadline = time.monotonic() + self.server.patience.seconds
        log.warning("hl7_peer_timed_out", state="inside" if reader.is_inside else "idle")

    def _read(self, reader: FrameReader, remaining: float) -> list[Frame] | None:
        """Return the frames that came, none after a silence; None when the sender hung up."""
        self.request.settimeout(CR_PATIENCE_SECONDS if reader.is_awaiting_cr else remaining)
        try:
            data = self.request.recv(_CHUNK)
        except TimeoutError:
            return reader.flush()
        except ConnectionError:
            return None
        return reader.feed(data) if data else reader.flush() or None

    def _answer(self, frame: Frame) -> None:
        answer, then = self.server.gateway.receive(frame, self.client_address[0])
        self.request.settimeout(self.server.patience.seconds)
        try:
            self.request.sendall(enframe(answer))
        except OSError:
            # It is stored: the sender will ask again and be told so.
            log.warning("hl7_answer_not_delivered")
        if then is not None:
            then()
