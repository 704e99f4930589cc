"""One HTTP call to an address that an operator gave: checked, pinned, bounded.

The name is resolved once, every address it has is checked, and the connection goes to one of
those; a name that changes its mind between check and call gains nothing. Redirects are answers,
not instructions. Nothing of an address goes into an error: it often holds a key.
"""

import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from app.domain.exchange.delivering import Broken, CallError, error_of_status

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAX_HEAD: Final = 64 * 1024
# Never to be opened by an allow-list: link-local and the clouds' metadata services.
_NEVER: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(one)
    for one in (
        "0.0.0.0/8", "169.254.0.0/16", "100.100.100.200/32", "192.0.0.192/32", "224.0.0.0/4",
        "255.255.255.255/32", "::/128", "64:ff9b:1::/48", "fe80::/9", "fd00:ec2::/32", "ff00::/8",
    )
)  # fmt: skip
_WRAPPINGS: Final = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds and bytes of one call."""

    connect: float = 3.0
    read: float = 10.0
    total: float = 15.0
    answer: int = 1 << 20


@dataclass(frozen=True, slots=True)
class Reach:
    """Which addresses may be called besides public ones; `is_anywhere`: an operator named it.

    Hospitals are inner networks: what is private there is opened network by network.
    """

    networks: tuple[Network, ...] = ()
    is_anywhere: bool = False

    def allows(self, address: Address) -> bool:
        """Return whether `address` may be called."""
        if self.is_anywhere:
            return True
        address = unwrapped(address)
        if any(address in network for network in _NEVER):
            return False
        return self.opens(address) or address.is_global

    def opens(self, address: Address) -> bool:
        """Return whether an operator opened the network of `address`."""
        return any(unwrapped(address) in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer of status 2xx, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Refused(Exception):
    """The address is none that we may call."""


class _TooLong(OSError):
    pass


def unwrapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for (mapped, 6to4, NAT64), else itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and any(address in one for one in _WRAPPINGS) and int(address) > 1:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


class _Bounded(io.RawIOBase):
    """The bytes of an answer, each read within what is left of the whole call."""

    def __init__(self, wire: socket.socket, left: Callable[[], float], room: int) -> None:
        self._wire, self._left, self._room = wire, left, room

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._wire.settimeout(self._left())
        count = self._wire.recv_into(buffer)
        self._room -= count
        if self._room < 0:
            raise _TooLong
        return count


class _Wire:
    """A socket with one deadline, that knows whether a byte of ours may have left."""

    def __init__(self, wire: socket.socket, bounds: Bounds, until: float) -> None:
        self._wire, self._bounds, self._until = wire, bounds, until
        self.has_sent = False

    def sendall(self, data: bytes) -> None:
        self.has_sent = True
        self._wire.settimeout(self._left())
        self._wire.sendall(data)

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        room = self._bounds.answer + _MAX_HEAD
        return io.BufferedReader(_Bounded(self._wire, self._left, room))

    def close(self) -> None:
        """Do nothing: `http.client` says so once it has the head, with the body still to come."""

    def end(self) -> None:
        self._wire.close()

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, self._bounds.read)


def call(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    reach: Reach,
    bounds: Bounds = Bounds(),  # frozen
) -> HttpAnswer | Broken:
    """Make one call; return the answer of status 2xx, or how it broke. Never raises.

    Without TLS only to a network that an operator opened.
    """
    until = time.monotonic() + bounds.total
    wire = None
    try:
        parts = _parts(url)
        wire = _Wire(_connect(parts, reach, bounds, until), bounds, until)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
        connection.sock = wire
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        given = {"Host": parts.netloc, "Accept-Encoding": "identity", "Connection": "close"}
        connection.request(method, target, body, {**given, **headers})
        answer = connection.getresponse()
        told = answer.read(bounds.answer + 1)
        if len(told) > bounds.answer or (not answer.isclosed() and answer.length):
            return Broken(CallError.AMBIGUOUS, answer.status)
    except _Refused:
        return Broken(CallError.BLOCKED)
    except (OSError, http.client.HTTPException, ValueError):
        # Out here nothing of the library's exception goes on.
        has_sent = wire is not None and wire.has_sent
        return Broken(CallError.AMBIGUOUS if has_sent else CallError.NOT_SENT)
    finally:
        if wire is not None:
            wire.end()
    if not 200 <= answer.status < 300:
        return Broken(error_of_status(answer.status), answer.status)
    return HttpAnswer(answer.status, dict(answer.getheaders()), told)


def _parts(url: str) -> SplitResult:
    """Return the parts of an address.

    :raises _Refused: it is none that can be called, or hides its host behind a user
    """
    try:
        parts = urlsplit(url)
        is_fit = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_fit = False
    if not is_fit or parts.username is not None or "\\" in url or not url.isascii():
        raise _Refused
    return parts


def is_callable(url: str) -> bool:
    """Return whether `url` has the form of an address that may be called."""
    try:
        _parts(url)
    except _Refused:
        return False
    return True


def _connect(parts: SplitResult, reach: Reach, bounds: Bounds, until: float) -> socket.socket:
    is_tls = parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    host = parts.hostname or ""
    found = _resolve(host, port, reach, is_tls=is_tls)
    wire = _first_open(found, port, min(bounds.connect, until - time.monotonic()))
    if not is_tls:
        return wire
    try:
        wire.settimeout(min(bounds.connect, until - time.monotonic()))
        return ssl.create_default_context().wrap_socket(wire, server_hostname=host)
    except BaseException:
        wire.close()
        raise


def _resolve(host: str, port: int, reach: Reach, *, is_tls: bool) -> list[str]:
    """Return the addresses of a host, once and for all of this call.

    :raises _Refused: one of them may not be called, or not without TLS
    """
    told = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(one[4][0]) for one in told))
    for text in addresses:
        address = ipaddress.ip_address(text.split("%")[0])
        # One bad address among good ones is enough: which is taken would be luck.
        if not reach.allows(address):
            raise _Refused
        if not (is_tls or reach.is_anywhere or reach.opens(address)):
            raise _Refused
    return addresses


def _first_open(addresses: Sequence[str], port: int, seconds: float) -> socket.socket:
    """Return a connection to the first address that answers, within `seconds` for all."""
    until = time.monotonic() + seconds
    problem: OSError = TimeoutError()
    for address in addresses:
        left = until - time.monotonic()
        if left <= 0:
            break
        try:
            return socket.create_connection((address, port), left)
        except OSError as error:
            problem = error
    raise problem
