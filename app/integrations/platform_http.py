"""HTTP to the platforms: bounded in time and size, and exact about what left this machine.

Nothing of an error's text goes on: libraries put the whole address into it, and with that the
access token or the secret. `http.client` below, because `requests` costs five times the CPU a call
(docs/decisions/0024).
"""

import http.client
import io
import json
import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from app.domain.errors import DeliveryFailed
from app.domain.outreach.messaging import ErrorClass, Failure

CONNECT_SECONDS: Final = 3.05  # just past the first repeat of a lost SYN
READ_SECONDS: Final = 10.0
TOTAL_SECONDS: Final = 15.0
MAX_ANSWER: Final = 1 << 20
_MAX_HEAD: Final = 64 * 1024
# A gateway may close a connection that rests; one that rested longer is not tried again.
_REST_SECONDS: Final = 30.0


# Always a stand-in: no platform lives on this machine.
_HERE: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_reachable: frozenset[str] = _HERE


def permit(hosts: Iterable[str]) -> None:
    """Let this process call `hosts`, and from now on no other but those of this machine.

    Until it is said nothing beyond this machine is reachable: a test system that was given a
    copy of the hospital's settings writes to nobody.
    """
    global _reachable  # one wall around the process, whoever makes a client
    _reachable = _HERE | {host.lower() for host in hosts}


class CallFailed(DeliveryFailed):
    """A call did not succeed; says why in our own words and keeps no other exception."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.error_class} {failure.errcode or ''}".strip())
        self.failure = failure


class CodeRefused(Exception):
    """A login code is unknown, used, too old, or of a user at risk: sign in anew."""


@dataclass(frozen=True, slots=True)
class PlatformAnswer:
    """An answer of status 200, read to its end; the names are those wechatpy reads."""

    content: bytes
    status_code: int = 200
    request: None = None

    def raise_for_status(self) -> None:
        """Do nothing: every other status was a `CallFailed` already."""

    def json(self) -> Any:
        """:raises ValueError: not JSON"""
        return json.loads(self.content)


class _AnswerTooLong(OSError):
    pass


@dataclass(slots=True)
class _Call:
    """What one call did: whether a byte left, and until when it may last."""

    until: float = 0.0
    has_sent: bool = False
    room: int = 0


class _Bounded(io.RawIOBase):
    """The bytes of one answer: each read has only the time that is left for the whole call.

    A time-out of the library counts from byte to byte, so a slow drip would never end.
    """

    def __init__(self, wire: socket.socket, raw: io.RawIOBase, call: _Call) -> None:
        self._wire = wire
        self._raw = raw
        self._call = call

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._call.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._wire.settimeout(min(READ_SECONDS, left))
        count: int | None = self._raw.readinto(buffer)
        self._call.room -= count or 0
        if self._call.room < 0:
            raise _AnswerTooLong
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Noting:
    """Notes the moment before the first byte of a request leaves: after it, nobody knows."""

    sock: socket.socket | None
    call: _Call
    rests_since: float = 0.0

    def response_class(self, sock: Any, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:
        response = http.client.HTTPResponse(sock, *args, **kwargs)
        response.fp = io.BufferedReader(_Bounded(sock, response.fp.detach(), self.call))
        return response

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        assert self.sock is not None
        self.sock.settimeout(READ_SECONDS)
        self.call.has_sent = True
        super().send(data)  # type: ignore[misc]

    def is_usable(self) -> bool:
        """Tell whether the connection may carry another call: not closed, nothing unread on it."""
        if self.sock is None or time.monotonic() - self.rests_since > _REST_SECONDS:
            return False
        waiting = select.poll()
        waiting.register(self.sock, select.POLLIN | select.POLLERR | select.POLLHUP)
        return not waiting.poll(0)


class _Plain(_Noting, http.client.HTTPConnection):  # type: ignore[misc]
    pass


class _Tls(_Noting, http.client.HTTPSConnection):  # type: ignore[misc]
    pass


_Connection = _Plain | _Tls
_Address = tuple[str, str, int | None]


@dataclass(slots=True)
class _Kept:
    """The connections of one thread of one process, by where they lead."""

    process: int
    connections: dict[_Address, _Connection] = field(default_factory=dict)

    def __del__(self) -> None:
        # A thread that ends takes its connections along.
        for connection in self.connections.values():
            connection.close()


class PlatformHttp:
    """Calls from any thread and process: each has connections of its own, kept between calls.

    It stands where wechatpy keeps its `requests.Session`, and costs a fifth of it.
    """

    def __init__(self) -> None:
        self._kept = threading.local()
        self._tls: ssl.SSLContext | None = None

    def request(
        self,
        method: str,
        url: str,
        *,
        params: dict[str, Any] | None = None,
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
        total: float | None = None,
        timeout: Any = None,
    ) -> PlatformAnswer:
        """Return an answer of status 200, read to its end; `total` is in seconds.

        Redirects are answers like others, and no proxy of the environment is used. The bounds
        are ours: `timeout` is wechatpy's word and means nothing here.

        :raises CallFailed: OURS when the host is none we may call, NOT_SENT when nothing left
            this machine, AMBIGUOUS when no readable answer came afterwards, BUSY or OTHER with
            the HTTP status when the gate refused
        """
        parts = urlsplit(url)
        if (parts.hostname or "") not in _reachable:
            raise CallFailed(Failure(ErrorClass.OURS))
        target = parts.path or "/"
        if query := "&".join(filter(None, (parts.query, urlencode(_said(params))))):
            target += "?" + query
        # Unpacking could turn a small answer into a huge one.
        sent = {"Accept-Encoding": "identity", "Accept": "*/*", **(headers or {})}
        address = (parts.scheme, parts.hostname or "", parts.port)
        call = _Call(
            time.monotonic() + (TOTAL_SECONDS if total is None else total),
            room=MAX_ANSWER + _MAX_HEAD,
        )
        connection = response = None
        try:
            connection = self._connection(address)
            connection.call = call
            connection.request(method.upper(), target, data, sent)
            response = connection.getresponse()
            body = response.read(MAX_ANSWER + 1)
            failure = _judge(response.status, len(body))
            is_over = response.will_close or not response.isclosed()
        except (OSError, http.client.HTTPException, UnicodeError):
            failure = Failure(ErrorClass.AMBIGUOUS if call.has_sent else ErrorClass.NOT_SENT)
            is_over = True
        if connection is not None:
            connection.rests_since = time.monotonic()
            if is_over:
                # What was not read may be an answer to the next call.
                if response is not None:
                    response.close()
                connection.close()
        if failure is not None:
            # Raised out here, so that it does not carry the library's exception along.
            raise CallFailed(failure)
        return PlatformAnswer(body)

    def close(self) -> None:
        """Close the connections of this thread."""
        self._kept.__dict__.pop("all", None)

    def _connection(self, address: _Address) -> _Connection:
        kept: _Kept | None = self._kept.__dict__.get("all")
        if kept is None or kept.process != os.getpid():
            kept = self._kept.all = _Kept(os.getpid())
        connection = kept.connections.get(address)
        if connection is None:
            connection = kept.connections[address] = self._make(address)
        elif not connection.is_usable():
            connection.close()
        return connection

    def _make(self, address: _Address) -> _Connection:
        scheme, host, port = address
        if scheme != "https":
            return _Plain(host, port, timeout=CONNECT_SECONDS)
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return _Tls(host, port, timeout=CONNECT_SECONDS, context=self._tls)


def _said(params: dict[str, Any] | None) -> dict[str, Any]:
    """Return the parameters that have a value, as `requests` would send them."""
    return {name: value for name, value in (params or {}).items() if value is not None}


def _judge(status: int, length: int) -> Failure | None:
    if status == 200:
        return None if length <= MAX_ANSWER else Failure(ErrorClass.AMBIGUOUS)
    if status == 429:
        return Failure(ErrorClass.BUSY, status)
    # A redirect or a 5xx may come from anything between us and the platform's effect.
    return Failure(ErrorClass.OTHER if 400 <= status < 500 else ErrorClass.AMBIGUOUS, status)
