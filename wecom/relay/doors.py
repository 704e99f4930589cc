"""The addresses that the platforms call: verify, spool, answer."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from app.integrations.callback_crypto import (
    MAX_BODY,
    CallbackCrypto,
    CallbackRefused,
    Query,
    plain_echo,
    signed_text,
)
from app.integrations.relayed_push import RelayedPush
from app.integrations.spool import Spool, SpoolFull

log = structlog.get_logger()

_CALLBACK: Final = re.compile(r"/(wechat|wecom)/callback/([a-z0-9-]{1,32})")


@dataclass(frozen=True, slots=True)
class RelayDoor:
    """One app's callback address; `echo_crypto` is there only while the address is being set up.

    WeCom encrypts what its check of an address wants back, so that check needs the AES key. Pushes
    never do: leave it out as soon as the platform has accepted the address.
    """

    source: str
    token: str
    echo_crypto: CallbackCrypto | None = None


class _BoundedRequest(Request):
    max_content_length = MAX_BODY


class Relay:
    """A WSGI application with two addresses for each app, and `/livez`."""

    def __init__(
        self,
        doors: Iterable[RelayDoor],
        spool: Spool,
        wake: Callable[[], None] = lambda: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._doors: Mapping[str, RelayDoor] = {door.source: door for door in doors}
        self._spool = spool
        self._wake = wake
        self._now = now

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        response = self._answer(_BoundedRequest(environ))
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.path == "/livez":
            return Response("ok")
        address = _CALLBACK.fullmatch(request.path)
        if address is None:
            return Response(status=404)
        door = self._doors.get(f"{address[1]}:{address[2]}")
        try:
            if door is None:
                raise CallbackRefused
            if request.method == "POST":
                return self._take(door, request)
            if request.method == "GET":
                return self._echo(door, request)
        except CallbackRefused:
            # An unknown app's name is whatever a stranger typed.
            log.warning("callback_refused", source=door.source if door else "unknown")
            return Response(status=403)
        return Response(status=405, headers={"Allow": "GET, POST"})

    def _take(self, door: RelayDoor, request: Request) -> Response:
        body, query, now = _body(request), _query(request), self._now()
        signed_text(door.token, query, body, now)
        try:
            self._spool.append(RelayedPush(door.source, query, body, now).pack())
        except (SpoolFull, OSError) as error:
            log.error("callback_not_kept", source=door.source, exc_info=error)
            return Response(status=503)
        self._wake()
        return Response(status=200)

    def _echo(self, door: RelayDoor, request: Request) -> Response:
        query = _query(request)
        if door.source.startswith("wechat:"):
            echo = plain_echo(door.token, query, self._now())
        elif door.echo_crypto is not None:
            echo = door.echo_crypto.open_echo(query, self._now())
        else:
            log.warning("echo_needs_key", source=door.source)
            raise CallbackRefused
        return Response(echo, content_type="text/plain")


def _query(request: Request) -> Query:
    return request.args.to_dict(flat=False)


def _body(request: Request) -> bytes:
    try:
        body = request.get_data(cache=False)
    except HTTPException:
        raise CallbackRefused from None
    # A body that names no length is cut at the limit without a word.
    if len(body) >= MAX_BODY:
        raise CallbackRefused
    return body
