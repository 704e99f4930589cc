"""A server for MLLP: few connections, bounded patience, each message answered in turn."""

import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from app.integrations.hl7.framing import CR_PATIENCE_SECONDS, Frame, FrameReader, enframe
from app.integrations.hl7.pace import Pace
from app.integrations.hl7.places import Place, Places
from app.integrations.hl7.tls import names_of

log = structlog.get_logger()

_CHUNK = 65_536
# How long a newcomer waits at the door while everyone inside is being answered.
_DOOR_SECONDS = 5.0
_HANDSHAKE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a message comes from; `names` are those of its certificate, none without TLS."""

    peer: str
    names: frozenset[str] = frozenset()


class Gateway(Protocol):
    """Who decides about connections and messages."""

    def knows(self, peer: str) -> bool:
        """Return whether a machine of this address may connect."""

    def receive(self, frame: Frame, caller: Caller, ended_at: float) -> Iterator[bytes]:
        """Keep a message for good and yield its answers.

        The next step is taken once the answer is handed to the socket. `ended_at` is when the
        last byte came, in seconds of `time.monotonic`.
        """


@dataclass(frozen=True, slots=True)
class Patience:
    """How much a sender may ask of us.

    `seconds` is counted from the last complete message, so that a sender who drips bytes is cut
    off like one who says nothing. What one peer sends beyond `per_second` waits, after a `burst`.
    """

    max_connections: int = 50
    seconds: float = 30
    max_bytes: int = 256 * 1024
    per_second: float = 200
    burst: int = 400


class Listener(socketserver.TCPServer):
    """Listens until `shutdown`; one thread for each connection."""

    allow_reuse_address = True
    # Longer than any flood we have to outlast: what overflows it waits a second to knock again.
    request_queue_size = 1024

    def __init__(
        self,
        address: tuple[str, int],
        gateway: Gateway,
        patience: Patience,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._gateway = gateway
        self._patience = patience
        self._tls = tls
        self._places = Places(patience.max_connections)
        self._pace = Pace(patience.per_second, patience.burst)
        super().__init__(address, socketserver.BaseRequestHandler)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Turn away strangers."""
        if not self._gateway.knows(client_address[0]):
            log.warning("hl7_peer_refused", reason="not-listed")
            return False
        return True

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection a place and a thread of its own."""
        place = self._places.take(request, client_address[0], time.monotonic(), _DOOR_SECONDS)
        if place is None:
            log.warning("hl7_peer_refused", reason="everyone-busy")
            self.shutdown_request(request)
            return
        threading.Thread(target=self._converse, args=(place,), daemon=True).start()

    def _converse(self, place: Place) -> None:
        try:
            caller = self._greet(place)
            if caller is not None:
                _Conversation(place, caller, self._gateway, self._patience).hold(
                    self._places, self._pace
                )
        except Exception:
            # What was in it is not for the log.
            log.exception("hl7_conversation_failed")
        finally:
            self._places.leave(place)
            self.shutdown_request(place.connection)

    def _greet(self, place: Place) -> Caller | None:
        """Return who calls, after the TLS handshake where there is one; None if it failed."""
        if self._tls is None:
            return Caller(place.peer)
        connection = self._tls.wrap_socket(
            place.connection, server_side=True, do_handshake_on_connect=False
        )
        place.connection = connection
        if place.is_lost:
            return None
        connection.settimeout(_HANDSHAKE_SECONDS)
        try:
            connection.do_handshake()
        except OSError as error:
            log.warning("hl7_peer_refused", reason="tls", error_class=type(error).__name__)
            return None
        return Caller(place.peer, names_of(connection))


class _Conversation:
    def __init__(self, place: Place, caller: Caller, gateway: Gateway, patience: Patience) -> None:
        self._place = place
        self._connection = place.connection
        self._caller = caller
        self._gateway = gateway
        self._patience = patience

    def hold(self, places: Places, pace: Pace) -> None:
        """Answer messages until the sender hangs up, falls silent or loses its place."""
        reader = FrameReader(self._patience.max_bytes)
        deadline = time.monotonic() + self._patience.seconds
        while (remaining := deadline - time.monotonic()) > 0:
            frames = self._read(reader, remaining)
            ended_at = time.monotonic()
            if frames is None:
                break
            for frame in frames:
                if not places.begin(self._place):
                    break
                try:
                    time.sleep(pace.wait_of(self._caller.peer, time.monotonic()))
                    self._answer(frame, ended_at)
                finally:
                    places.end(self._place, time.monotonic())
                deadline = time.monotonic() + self._patience.seconds
        else:
            log.warning("hl7_peer_timed_out", state="inside" if reader.is_inside else "idle")
        if self._place.is_lost:
            log.warning("hl7_peer_gave_way", state="inside" if reader.is_inside else "idle")

    def _read(self, reader: FrameReader, remaining: float) -> list[Frame] | None:
        """Return the frames that came, none after a silence; None when the sender hung up."""
        self._connection.settimeout(CR_PATIENCE_SECONDS if reader.is_awaiting_cr else remaining)
        try:
            data = self._connection.recv(_CHUNK)
        except TimeoutError:
            return reader.flush()
        except OSError:
            return None
        return reader.feed(data) if data else reader.flush() or None

    def _answer(self, frame: Frame, ended_at: float) -> None:
        for answer in self._gateway.receive(frame, self._caller, ended_at):
            self._connection.settimeout(self._patience.seconds)
            try:
                self._connection.sendall(enframe(answer))
            except OSError:
                # It is stored: the sender will ask again and be told so.
                log.warning("hl7_answer_not_delivered")
