"""Real receivers on real sockets: an HTTP server and an MLLP server that keep a ledger.

The ledger is what the other system did; it honours our number, as the interfaces agree.
"""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, ThreadingTCPServer


@dataclass(frozen=True)
class Call:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """What to answer: a status and body; `cut` leaves after so many bytes, `pause` waits first."""

    status: int = 201
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    pause: float = 0


class HttpSystem(ThreadingHTTPServer):
    """Keeps every call; `answer` decides what is said. `effects` counts by If-None-Exist."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Http)
        self.calls: list[Call] = []
        self.effects: Counter[str] = Counter()
        self.known: set[str] = set()
        self.answer: Callable[[Call], Reply] = lambda call: Reply()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Http(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HttpSystem

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        call = Call(self.command, self.path, dict(self.headers), body)
        self.server.calls.append(call)
        name = self.headers.get("If-None-Exist") or self.headers.get("CareLoop-Delivery") or ""
        if name not in self.server.known:
            self.server.known.add(name)
            self.server.effects[name] += 1
        reply = self.server.answer(call)
        time.sleep(reply.pause)
        self.close_connection = True
        try:
            self.send_response(reply.status)
            for key, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(reply.body[: reply.cut])
        except OSError:
            pass

    do_GET = do_POST = do_PUT = _serve  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


def ack(message: bytes, code: str = "AA", *more: str) -> bytes:
    """Return an answer in a frame to `message`, with `more` segments."""
    fields = message.split(b"\r")[0].decode("latin-1").split("|")
    segments = [
        f"MSH|^~\\&|HIS|HOSPITAL|CARELOOP|CARELOOP|20260504120000||ACK|A1|P|2.4||||||{fields[17]}",
        f"MSA|{code}|{fields[9]}",
        *more,
    ]
    return b"\x0b" + "".join(f"{one}\r" for one in segments).encode("gb18030") + b"\x1c\r"


class MllpSystem(ThreadingTCPServer):
    """Keeps every message; `answer` returns the bytes to send back, None hangs."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Mllp)
        self.messages: list[bytes] = []
        self.effects: Counter[str] = Counter()
        self.answer: Callable[[bytes], bytes | None] = ack
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Mllp(BaseRequestHandler):
    server: MllpSystem

    def handle(self) -> None:
        wire: socket.socket = self.request
        received = b""
        while not received.endswith(b"\x1c\r"):
            data = wire.recv(65536)
            if not data:
                return
            received += data
        message = received[1:-2]
        self.server.messages.append(message)
        control_id = message.split(b"|")[9].decode()
        # One effect a control id, however often it comes.
        self.server.effects[control_id] = 1
        told = self.server.answer(message)
        if told is None:
            wire.recv(1)  # until the caller gives up
            return
        wire.sendall(told)


@contextmanager
def running(system: HttpSystem | MllpSystem) -> Iterator[None]:
    try:
        yield
    finally:
        system.shutdown()
        system.server_close()
