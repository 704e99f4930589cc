"""Encrypted pushes to the product: signed, retried, written down.

A push is tried three times within 5 s each; only status 200 counts. Each try is encrypted anew
with a fresh nonce and timestamp over the same plaintext (WeCom 接收消息与事件).
"""

import heapq
import http.client
import itertools
import secrets
import select
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlencode, urlsplit

from standin.clock import Clock
from standin.config import CallbackReceiver
from standin.crypto import encrypt, signature
from standin.ledger import Ledger

TRIES = 3
TIMEOUT_SECONDS = 5.0
VERIFY_SECONDS = 1.0
RETRY_PAUSE_SECONDS = 0.5
SENDERS = 16


@dataclass(frozen=True, slots=True)
class Target:
    """An app that receives callbacks; `agentid` only with WeCom."""

    app: str
    receiver: CallbackReceiver
    receive_id: str
    to_user: str
    agentid: int | None = None


@dataclass(frozen=True, slots=True)
class Push:
    """One event: its plaintext XML, and the person it is about."""

    target: Target
    event: str
    xml: str
    openid: str | None = None
    userid: str | None = None

    def person(self) -> dict[str, str]:
        return {"openid": self.openid} if self.openid else {"userid": self.userid or ""}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a push ended: the last status (0 = no answer), after how many tries."""

    is_delivered: bool
    status: int
    tries: int
    ms: float


NOT_SENT = Outcome(is_delivered=False, status=0, tries=0, ms=0.0)


@dataclass(order=True, slots=True)
class _Due:
    at: float
    order: int
    run: Callable[[], object] = field(compare=False)
    future: Future[Outcome] | None = field(compare=False, default=None)


class Callbacks:
    """A pool of senders and one thread that waits for what is due later."""

    def __init__(self, clock: Clock, lock: AbstractContextManager[object]) -> None:
        self._clock = clock
        self._lock = lock
        self._pool = ThreadPoolExecutor(SENDERS, thread_name_prefix="callback")
        self._connections = threading.local()
        self._due: list[_Due] = []
        self._changed = threading.Condition()
        self._order = itertools.count()
        self._numbers = itertools.count(1)
        threading.Thread(target=self._wait, name="callbacks", daemon=True).start()

    def later(self, push: Push, delay: float, ledger: Ledger) -> None:
        if push.target.receiver.callback_url:
            self._schedule(delay, lambda: self._start(push, ledger))

    def now(self, push: Push, ledger: Ledger) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        if push.target.receiver.callback_url:
            self._start(push, ledger, future)
        else:
            future.set_result(NOT_SENT)
        return future

    def clear(self) -> None:
        """Forget pushes that wait for their time or their next try; nobody waits on for them."""
        with self._changed:
            for due in self._due:
                if due.future is not None:
                    due.future.set_result(NOT_SENT)
            self._due.clear()

    def verify(self, target: Target) -> bool:
        """Return whether the product answers the URL check as it must, within 1 s."""
        plain = secrets.token_hex(10)
        timestamp, nonce = self._stamp()
        token, key = target.receiver.token, target.receiver.aes_key
        if target.agentid is None:
            query = {"signature": signature(token, timestamp, nonce), "echostr": plain}
        else:
            echostr = encrypt(key, plain.encode(), target.receive_id)
            query = {"msg_signature": signature(token, timestamp, nonce, echostr)}
            query["echostr"] = echostr
        query |= {"timestamp": timestamp, "nonce": nonce}
        try:
            status, body = self._exchange("GET", target, query, b"", VERIFY_SECONDS)
        except (OSError, http.client.HTTPException):
            return False
        return status == 200 and body == plain.encode()

    def _start(self, push: Push, ledger: Ledger, future: Future[Outcome] | None = None) -> None:
        number = next(self._numbers)
        self._pool.submit(self._try, push, ledger, future, number, 1)

    def _try(
        self, push: Push, ledger: Ledger, future: Future[Outcome] | None, number: int, tries: int
    ) -> None:
        """Send once; on failure put the next try on the waiting list, so that no thread sleeps."""
        common = {"callback": number, "event": push.event, "app": push.target.app, "try": tries}
        common |= push.person()
        with self._lock:
            ledger.add("callback_sent", **common)
        started = time.monotonic()
        status = self._post(push)
        outcome = Outcome(status == 200, status, tries, round(1000 * (time.monotonic() - started)))
        with self._lock:
            ledger.add("callback_result", **common, status=status, ok=status == 200, ms=outcome.ms)
        if outcome.is_delivered or tries == TRIES:
            if future is not None:
                future.set_result(outcome)
            return
        again = (push, ledger, future, number, tries + 1)
        self._schedule(RETRY_PAUSE_SECONDS, lambda: self._pool.submit(self._try, *again), future)

    def _post(self, push: Push) -> int:
        target = push.target
        timestamp, nonce = self._stamp()
        ciphertext = encrypt(target.receiver.aes_key, push.xml.encode(), target.receive_id)
        token = target.receiver.token
        query = {
            "msg_signature": signature(token, timestamp, nonce, ciphertext),
            "timestamp": timestamp,
            "nonce": nonce,
        }
        agent = ""
        if target.agentid is None:
            query["signature"] = signature(token, timestamp, nonce)
            query |= {"openid": push.openid or "", "encrypt_type": "aes"}
        else:
            agent = f"<AgentID><![CDATA[{target.agentid}]]></AgentID>"
        body = (
            f"<xml><ToUserName><![CDATA[{target.to_user}]]></ToUserName>{agent}"
            f"<Encrypt><![CDATA[{ciphertext}]]></Encrypt></xml>"
        )
        try:
            return self._exchange("POST", target, query, body.encode(), TIMEOUT_SECONDS)[0]
        except (OSError, http.client.HTTPException):
            return 0

    def _stamp(self) -> tuple[str, str]:
        return str(int(self._clock.now())), str(secrets.randbelow(9 * 10**9) + 10**9)

    def _exchange(
        self, method: str, target: Target, query: dict[str, str], body: bytes, timeout: float
    ) -> tuple[int, bytes]:
        url = urlsplit(target.receiver.callback_url)
        separator = "&" if url.query else ""
        path = f"{url.path or '/'}?{url.query}{separator}{urlencode(query)}"
        connection = self._connection(url, timeout)
        try:
            connection.request(method, path, body, {"Content-Type": "text/xml"})
            response = connection.getresponse()
            return response.status, response.read(1 << 20)
        except (OSError, http.client.HTTPException):
            connection.close()
            raise

    def _connection(self, url: SplitResult, timeout: float) -> http.client.HTTPConnection:
        """Return this thread's connection to the host, a new one if the other side closed it."""
        kept: dict[tuple[str, float], http.client.HTTPConnection]
        kept = self._connections.__dict__.setdefault("kept", {})
        connection = kept.get((url.netloc, timeout))
        if connection is None:
            kind = http.client.HTTPSConnection if url.scheme == "https" else None
            connection = (kind or http.client.HTTPConnection)(url.netloc, timeout=timeout)
            kept[url.netloc, timeout] = connection
        elif connection.sock and select.select([connection.sock], [], [], 0)[0]:
            connection.close()
        return connection

    def _schedule(
        self, delay: float, run: Callable[[], object], future: Future[Outcome] | None = None
    ) -> None:
        due = _Due(time.monotonic() + delay, next(self._order), run, future)
        with self._changed:
            heapq.heappush(self._due, due)
            self._changed.notify()

    def _wait(self) -> None:
        while True:
            with self._changed:
                while not self._due or self._due[0].at > time.monotonic():
                    pause = self._due[0].at - time.monotonic() if self._due else None
                    self._changed.wait(pause)
                run = heapq.heappop(self._due).run
            # The pool refuses work only while the process ends.
            with suppress(RuntimeError):
                run()
