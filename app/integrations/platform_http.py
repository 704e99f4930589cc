"""HTTP to the platforms: bounded in time and size, and exact about what left this machine.

Nothing of an error's text goes on: `requests` and `wechatpy` put the whole address into it, and
with that the access token or the secret.
"""

import http.client
import io
import os
import socket
import threading
import time
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from app.domain.errors import DeliveryFailed
from app.domain.outreach.messaging import ErrorClass, Failure

CONNECT_SECONDS: Final = 3.05  # just past the first repeat of a lost SYN
READ_SECONDS: Final = 10.0
TOTAL_SECONDS: Final = 15.0
MAX_ANSWER: Final = 1 << 20
_MAX_HEAD: Final = 64 * 1024


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


class _Wire(threading.local):
    """What the call of this thread did: whether a byte left, and until when it may last."""

    has_sent: bool = False
    until: float = 0.0


_wire = _Wire()


class _AnswerTooLong(OSError):
    pass


class _Bounded(io.RawIOBase):
    """The bytes of one answer: each read has only the time that is left for the whole call.

    A time-out of the library counts from byte to byte, so a slow drip would never end.
    """

    def __init__(self, connection: socket.socket, raw: io.RawIOBase) -> None:
        self._connection = connection
        self._raw = raw
        self._until = _wire.until
        self._room = MAX_ANSWER + _MAX_HEAD

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(min(READ_SECONDS, left))
        count: int | None = self._raw.readinto(buffer)
        self._room -= count or 0
        if self._room < 0:
            raise _AnswerTooLong
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Bounded(sock, self.fp.detach()))


class _Noting:
    """Notes the moment before the first byte of a request leaves: after it, nobody knows."""

    sock: socket.socket | None
    response_class: Any = _Answer  # urllib3 wraps what http.client makes of it

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _wire.has_sent = True
        super().send(data)  # type: ignore[misc]


class _Plain(_Noting, HTTPConnection):
    pass


class _Tls(_Noting, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _Tls


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}


class PlatformHttp:
    """Calls from any thread and process: each has a session of its own, kept between calls.

    It stands where wechatpy keeps its `requests.Session`.
    """

    def __init__(self) -> None:
        self._kept = threading.local()

    def request(
        self, method: str, url: str, *, total: float = TOTAL_SECONDS, **kwargs: Any
    ) -> requests.Response:
        """Return an answer of status 200, read to its end; `total` is in seconds.

        :raises CallFailed: OURS when the host is none we may call, NOT_SENT when nothing left
            this machine, AMBIGUOUS when no readable answer came afterwards, BUSY or OTHER with
            the HTTP status when the gate refused
        """
        if (urlsplit(url).hostname or "") not in _reachable:
            raise CallFailed(Failure(ErrorClass.OURS))
        kwargs.update(
            timeout=(CONNECT_SECONDS, READ_SECONDS), allow_redirects=False, stream=True, verify=True
        )
        _wire.has_sent, _wire.until = False, time.monotonic() + total
        response = None
        try:
            response = self._session().request(method, url, **kwargs)
            body = response.raw.read(MAX_ANSWER + 1, decode_content=False)
            response._content = body
            failure = _judge(response.status_code, len(body))
        except (requests.RequestException, HTTPError, OSError, http.client.HTTPException):
            failure = Failure(ErrorClass.AMBIGUOUS if _wire.has_sent else ErrorClass.NOT_SENT)
        if failure is not None:
            if response is not None:
                # With its connection: what was not read may be an answer to the next call.
                response.raw.close()
            # Raised out here, so that it does not carry the library's exception along.
            raise CallFailed(failure)
        assert response is not None
        return response

    def close(self) -> None:
        """Close the session of this thread."""
        kept = self._kept.__dict__.pop("session", None)
        if kept is not None:
            kept[1].close()

    def _session(self) -> requests.Session:
        kept: tuple[int, requests.Session] | None = self._kept.__dict__.get("session")
        if kept is not None and kept[0] == os.getpid():
            return kept[1]
        session = requests.Session()
        session.trust_env = False  # proxies and .netrc of whoever started the process
        # Unpacking could turn a small answer into a huge one.
        session.headers["Accept-Encoding"] = "identity"
        session.mount("http://", _Adapter())
        session.mount("https://", _Adapter())
        self._kept.session = (os.getpid(), session)
        return session


def _judge(status: int, length: int) -> Failure | None:
    if status == 200:
        return None if length <= MAX_ANSWER else Failure(ErrorClass.AMBIGUOUS)
    if status == 429:
        return Failure(ErrorClass.BUSY, status)
    # A redirect or a 5xx may come from anything between us and the platform's effect.
    return Failure(ErrorClass.OTHER if 400 <= status < 500 else ErrorClass.AMBIGUOUS, status)
