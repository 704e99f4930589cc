"""A lean load generator, in a process of its own: many connections, one thread, raw sockets.

What it costs, it takes from the server on the same machine, and would make every ratio look
better than it is; so it speaks only as much HTTP as it must. A new connection for each request:
that is how a proxy speaks to synchronous workers.
"""

import json
import selectors
import socket
import sys
import time
from dataclasses import dataclass, field
from random import Random
from typing import Any


@dataclass(slots=True)
class _Call:
    request: bytes
    begun: float
    parts: list[bytes] = field(default_factory=list)


class Load:
    """Keeps `connections` requests in flight for some seconds, then waits for the last answers."""

    def __init__(self, port: int, requests: list[bytes], connections: int, seed: int) -> None:
        self._address = ("127.0.0.1", port)
        self._requests = requests
        self._connections = connections
        self._random = Random(seed)
        self._selector = selectors.DefaultSelector()
        self._in_flight = 0
        self.latencies: list[float] = []
        self.statuses: dict[str, int] = {}
        self.sizes: set[int] = set()

    def run(self, seconds: float) -> float:
        """Return how long it took until the last answer."""
        begun = time.perf_counter()
        until = begun + seconds
        for _ in range(self._connections):
            self._begin()
        while self._in_flight:
            for key, _ in self._selector.select(1):
                if self._is_done(key.fileobj, key.data) and time.perf_counter() < until:
                    self._begin()
        return time.perf_counter() - begun

    def _begin(self) -> None:
        call = _Call(self._random.choice(self._requests), time.perf_counter())
        connection = socket.create_connection(self._address, timeout=30)
        connection.sendall(call.request)
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, call)
        self._in_flight += 1

    def _is_done(self, connection: Any, call: _Call) -> bool:
        try:
            part = connection.recv(65536)
        except BlockingIOError:
            return False
        if part:
            call.parts.append(part)
            return False
        self._selector.unregister(connection)
        connection.close()
        self._in_flight -= 1
        self.latencies.append(time.perf_counter() - call.begun)
        head, _, body = b"".join(call.parts).partition(b"\r\n\r\n")
        status = head[9:12].decode() or "none"
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.sizes.add(len(body))
        return True


def main() -> None:
    given = json.load(sys.stdin)
    requests = [one.encode() for one in given["requests"]]
    load = Load(given["port"], requests, given["connections"], given["seed"])
    seconds = load.run(given["seconds"])
    ordered = sorted(load.latencies)
    print(
        json.dumps(
            {
                "count": len(ordered),
                "seconds": seconds,
                "statuses": load.statuses,
                "sizes": sorted(load.sizes),
                "p50_ms": 1000 * ordered[len(ordered) // 2],
                "p99_ms": 1000 * ordered[int(len(ordered) * 0.99)],
            }
        )
    )


if __name__ == "__main__":
    main()
