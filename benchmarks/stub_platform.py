"""A platform that takes every message and counts, as light as Python can be.

`python -m benchmarks.stub_platform PORT`: answers tokens and sends after a delay, keeps who was
written to how often, and which `client_msg_id` it saw. The stand-in checks far more and would
itself be what is measured.

    POST /…/send            {"errcode": 0, "errmsg": "ok", "msgid": n}, after the delay
    POST /…/stable_token    a token
    POST /delay             {"ms": 20}
    GET  /told              {"calls": n, "people": {openid: calls}}; forgets them
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import PIPE, Popen
from typing import Any, Final

_TOKEN: Final = {"access_token": "bench-token", "expires_in": 7200}


class Ledger:
    """What was sent; one for the process."""

    def __init__(self) -> None:
        self.calls = 0
        self.seconds = 0.0
        self.people: Counter[str] = Counter()

    def answer(self, method: str, path: str, body: bytes) -> tuple[dict[str, Any], float]:
        """Return the answer and after how many seconds it goes out."""
        if path.endswith("/send"):
            self.calls += 1
            self.people[json.loads(body)["touser"]] += 1
            return {"errcode": 0, "errmsg": "ok", "msgid": self.calls}, self.seconds
        if path.endswith("/stable_token"):
            return _TOKEN, 0.0
        if path == "/delay":
            self.seconds = json.loads(body)["ms"] / 1000
            return {}, 0.0
        told = {"calls": self.calls, "people": dict(self.people)}
        self.people.clear()
        self.calls = 0
        return told, 0.0


class Connection(asyncio.Protocol):
    """HTTP/1.1 kept alive, one request at a time, as our clients speak it."""

    transport: asyncio.Transport

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, found, rest = self._read.partition(b"\r\n\r\n")
        if not found:
            return
        length = 0
        for line in head.split(b"\r\n")[1:]:
            if line[:15].lower() == b"content-length:":
                length = int(line[15:])
        if len(rest) < length:
            return
        self._read = rest[length:]
        method, target, _ = head.split(b" ", 2)
        path = target.decode().partition("?")[0]
        answer, seconds = self._ledger.answer(method.decode(), path, rest[:length])
        told = json.dumps(answer).encode()
        reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(told), told)
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._write, reply)
        else:
            self._write(reply)

    def _write(self, reply: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(reply)


async def serve() -> None:
    ledger = Ledger()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(ledger), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def started() -> Iterator[str]:
    """Run it in a process of its own; yield its address."""
    with Popen([sys.executable, "-m", "benchmarks.stub_platform"], stdout=PIPE) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(serve())
