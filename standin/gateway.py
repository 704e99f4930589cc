"""One call to a platform: faults, parsing, checks, the endpoint, and the answer."""

import json
import re
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flask import Request, Response

from standin import faults
from standin.checks import Flaw, Record, problem
from standin.config import MiniProgram, OfficialAccount
from standin.errors import Refusal, dressed
from standin.faults import Fault
from standin.standin import CorpApp, Standin

Answer = dict[str, Any]
Host = Literal["weixin", "qyapi"]

# An odd number of backslashes before u: an escape, not text that shows a backslash.
_ESCAPED = re.compile(rb"(?<!\\)(?:\\\\)*\\u[0-9a-fA-F]{4}")
_FLAW_CODES: dict[tuple[str, Flaw], int] = {
    ("weixin", Flaw.RULE): 40097,
    ("qyapi", Flaw.MISSING): 40035,
    ("qyapi", Flaw.UNKNOWN): 40035,
    ("qyapi", Flaw.TYPE): 40035,
    ("qyapi", Flaw.RULE): 40058,
}


@dataclass(slots=True)
class Call:
    """A request taken apart; `body` is an object when the endpoint wants one."""

    query: Mapping[str, str]
    raw: bytes
    body: dict[str, Any]
    now: float
    caller: MiniProgram | OfficialAccount | CorpApp | None = None

    @property
    def account(self) -> MiniProgram | OfficialAccount:
        assert isinstance(self.caller, MiniProgram | OfficialAccount)
        return self.caller

    @property
    def corp_app(self) -> CorpApp:
        assert isinstance(self.caller, CorpApp)
        return self.caller

    def need(self, name: str, errcode: int) -> str:
        """Return a query parameter.

        :raises Refusal: `errcode` when it is missing or empty
        """
        if value := self.query.get(name):
            return value
        raise Refusal(errcode, f"{name} missing")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`caller` says whose token is needed; `busy` names whom one call at a time may be for."""

    host: Host
    method: Literal["GET", "POST"]
    path: str
    handle: Callable[[Standin, Call], Answer]
    caller: Callable[[Standin, Call], MiniProgram | OfficialAccount | CorpApp] | None = None
    shape: Record | None = None
    busy: Callable[[Call], str] | None = None


class Gateway:
    """Serves the endpoints of both platform hosts."""

    def __init__(self, standin: Standin, endpoints: tuple[Endpoint, ...]) -> None:
        self._standin = standin
        self._endpoints = {(one.host, one.path): one for one in endpoints}

    def serve(self, host: Host, path: str, request: Request) -> Response:
        """Return the answer; where a fault cut the connection, an answer that goes nowhere."""
        started = time.monotonic()
        status, errcode, response = self._serve(host, path, request)
        ms = 1000 * (time.monotonic() - started)
        with self._standin.lock:
            self._standin.world.traffic.add(f"/{host}{path}", errcode=errcode, status=status, ms=ms)
        return response

    def _serve(self, host: Host, path: str, request: Request) -> tuple[int, int | None, Response]:
        endpoint = self._endpoints.get((host, path))
        fault = self._standin.faults.take(host, path)
        busy: list[tuple[str, str]] = []
        try:
            answer = self._until_effect(host, endpoint, fault, request, busy)
        finally:
            with self._standin.lock:
                self._standin.world.in_flight.difference_update(busy)
        if isinstance(answer, Played):
            return answer.logged
        errcode = answer.get("errcode")
        if fault and fault.after and (played := play(fault, host, request)):
            return played.logged
        return 200, errcode, json_response(answer)

    def _until_effect(
        self,
        host: Host,
        endpoint: Endpoint | None,
        fault: Fault | None,
        request: Request,
        busy: list[tuple[str, str]],
    ) -> "Answer | Played":
        standin = self._standin
        remote = request.remote_addr or ""
        try:
            # A hanging or broken connection never reached the platform, so it keeps nobody busy.
            is_before = fault is not None and not fault.after
            if fault and is_before and fault.kind != "delay":
                return play_out(fault, host, request)
            call = self._parse(host, endpoint, request)
            assert endpoint is not None
            if endpoint.busy:
                self._enter((endpoint.path, endpoint.busy(call)), busy)
            if fault and is_before:
                wait(fault)
            if standin.world.latency_ms:
                time.sleep(standin.world.latency_ms / 1000)
            with standin.lock:
                call.now = standin.clock.now()
                self._authorise(host, endpoint, call, remote)
                return endpoint.handle(standin, call)
        except Refusal as refusal:
            return dressed(host, refusal, remote)

    def _enter(self, key: tuple[str, str], busy: list[tuple[str, str]]) -> None:
        with self._standin.lock:
            if key in self._standin.world.in_flight:
                raise Refusal(43108, "concurrent call for the same touser")
            self._standin.world.in_flight.add(key)
        busy.append(key)

    def _parse(self, host: Host, endpoint: Endpoint | None, request: Request) -> Call:
        if endpoint is None:
            raise Refusal(40066, "invalid url")
        if request.method != endpoint.method:
            wanted = 43002 if endpoint.method == "POST" else 43001
            raise Refusal(wanted, f"require {endpoint.method} method")
        raw = request.get_data()
        body = _object(host, raw) if endpoint.shape else {}
        return Call(request.args, raw, body, 0.0)

    def _authorise(self, host: Host, endpoint: Endpoint, call: Call, remote: str) -> None:
        allowed = self._standin.config.ip_allow_list
        if allowed is not None and remote not in allowed:
            raise Refusal(40164 if host == "weixin" else 60020, f"invalid ip {remote}")
        if endpoint.caller:
            call.caller = endpoint.caller(self._standin, call)
        if endpoint.shape and (found := problem(endpoint.shape, call.body)):
            raise Refusal(_FLAW_CODES.get((host, found.flaw), 47001), str(found))


def _object(host: Host, raw: bytes) -> dict[str, Any]:
    if not raw:
        raise Refusal(44002, "empty post data")
    if host == "qyapi" and _ESCAPED.search(raw):
        raise Refusal(40033, "invalid character: \\uxxxx in the request")
    try:
        body = json.loads(raw.decode(), object_pairs_hook=_no_repeats)
    except ValueError as error:
        raise Refusal(47001, "data format error") from error
    if not isinstance(body, dict):
        raise Refusal(47001, "data format error: object wanted")
    return body


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated name")
    return found


def json_response(answer: Any, status: int = 200) -> Response:
    text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, content_type="application/json; charset=utf-8")


@dataclass(frozen=True, slots=True)
class Played:
    """An answer that a fault gave: status and errcode for the record, and what goes out."""

    logged: tuple[int, int | None, Response]


def play(fault: Fault, host: str, request: Request) -> Played | None:
    """Do what the fault says; None when the call goes on after a delay."""
    if fault.kind == "delay":
        wait(fault)
        return None
    return play_out(fault, host, request)


def wait(fault: Fault) -> None:
    """Let the call wait until its delay is over or the fault is lifted."""
    fault.lifted.wait(float(fault.value or 1))


def play_out(fault: Fault, host: str, request: Request) -> Played:
    """Do what a fault other than a delay says, instead of answering."""
    if fault.kind == "status":
        status = int(fault.value or 502)
        return Played((status, None, Response("<html>Bad Gateway</html>", status)))
    if fault.kind == "garbage":
        return Played((200, None, Response(str(fault.value or '<html>{"errcode":'))))
    if fault.kind == "errcode":
        refusal = Refusal(int(fault.value if fault.value is not None else -1), "system error")
        answer = dressed(host, refusal, request.remote_addr or "")
        return Played((200, refusal.errcode, json_response(answer)))
    if fault.kind == "hang":
        fault.lifted.wait(float(fault.value or faults.HANG_SECONDS))
    _break(fault, request)
    return Played((0, None, Response()))


def _break(fault: Fault, request: Request) -> None:
    connection: socket.socket = request.environ["gunicorn.socket"]
    try:
        if fault.kind == "reset":
            faults.reset(connection)
        elif fault.kind == "half":
            faults.half_answer(connection)
        else:
            faults.hang_up(connection)
    except OSError:
        return  # the caller hung up first
