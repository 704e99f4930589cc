"""Scripted faults: what goes wrong, where, and how often."""

import os
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

FaultKind = Literal[
    "delay", "hang", "status", "garbage", "half", "errcode", "reset", "refuse-before"
]
KINDS: tuple[str, ...] = get_args(FaultKind)
CUT_BY_OUTAGE = ("weixin", "qyapi", "open")
HANG_SECONDS = 60.0


@dataclass(slots=True)
class Fault:
    """One rule: `path` is a suffix of `/host/path`, and without `times` it lasts until lifted.

    `value` is seconds (delay, hang), an HTTP status, an errcode or a body (garbage).
    With `after` the call has its effect and only the answer is lost. `every` n hits each n-th
    matching call.
    """

    id: int
    path: str
    kind: FaultKind
    host: str | None = None
    value: Any = None
    times: int | None = None
    after: bool = False
    every: int = 1
    seen: int = 0
    hits: int = 0
    lifted: threading.Event = field(default_factory=threading.Event, repr=False)

    def shown(self) -> dict[str, Any]:
        names = ("id", "path", "kind", "host", "value", "times", "after", "every", "seen", "hits")
        return {name: getattr(self, name) for name in names}


OUTAGE = Fault(id=0, path="", kind="refuse-before")


class Faults:
    """The rules in force; the first that matches wins."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []
        self._last_id = 0
        self.is_outage = False

    def add(self, **fields: Any) -> Fault:
        with self._lock:
            self._last_id += 1
            fault = Fault(id=self._last_id, **fields)
            self._rules.append(fault)
            return fault

    def clear(self) -> None:
        """Lift every fault and the outage; hanging calls end now."""
        with self._lock:
            for fault in self._rules:
                fault.lifted.set()
            self._rules.clear()
            self.is_outage = False

    def shown(self) -> list[dict[str, Any]]:
        with self._lock:
            return [fault.shown() for fault in self._rules]

    def take(self, host: str, path: str) -> Fault | None:
        """Return the fault that this call suffers, and count it."""
        if self.is_outage and host in CUT_BY_OUTAGE:
            return OUTAGE
        if not self._rules:
            return None
        with self._lock:
            for fault in self._rules:
                if self._strikes(fault, host, f"/{host}{path}"):
                    return fault
        return None

    @staticmethod
    def _strikes(fault: Fault, host: str, path: str) -> bool:
        if fault.host not in (None, host) or not path.endswith(fault.path):
            return False
        if fault.times is not None and fault.hits >= fault.times:
            return False
        fault.seen += 1
        if fault.seen % fault.every:
            return False
        fault.hits += 1
        return True


def hang_up(connection: socket.socket) -> None:
    """End the connection without an answer (FIN)."""
    connection.shutdown(socket.SHUT_RDWR)


def reset(connection: socket.socket) -> None:
    """Break the connection off (RST)."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # The server still holds the file descriptor and will write to it: a dead pair takes its
    # place, which closes the real socket (and resets it) and answers the write with EPIPE.
    ours, theirs = socket.socketpair()
    os.dup2(ours.fileno(), connection.fileno())
    ours.close()
    theirs.close()


def half_answer(connection: socket.socket) -> None:
    """Promise a long answer, send its beginning, and hang up."""
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4096\r\n\r\n"
        b'{"errcode":0,"errm'
    )
    hang_up(connection)
