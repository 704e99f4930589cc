"""Receiving what WeChat and WeCom push: verify, keep, answer at once; the work comes later.

The platforms wait 5 s, try three times and take only 200 for success: what the database cannot
take at once goes, still encrypted, to a spool on the local disk.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from flask import Response, request
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import HTTPException

from app import clock
from app.database import unit_of_work
from app.domain.outreach.platform_events import read_message
from app.domain.outreach.platform_xml import NotReadable
from app.integrations.callback_crypto import MAX_BODY, CallbackCrypto, CallbackRefused, Query
from app.integrations.hints import Hints
from app.integrations.relayed_push import RelayedPush
from app.integrations.spool import Spool, SpoolFull
from app.services.outreach.platform_inbox import count_repeat, keep

log = structlog.get_logger()

INBOX_TOPIC: Final = "platform-inbox"
STORE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Door:
    """One app's callback address; `source` is `wecom:` or `wechat:` and our key of the app.

    `agent_id` of a WeCom app: a push that names another one is not for us.
    """

    source: str
    crypto: CallbackCrypto
    agent_id: int | None = None

    def open(self, query: Query, body: bytes, now: datetime) -> bytes:
        """Return the plaintext of a push.

        :raises CallbackRefused: not from the platform, not for this app, or not now
        """
        plain = self.crypto.open_message(query, body, now)
        if self.agent_id is not None:
            with suppress(NotReadable):
                agent = read_message(plain).fields.get("AgentID") or self.agent_id
                if str(agent) != str(self.agent_id):
                    raise CallbackRefused
        return plain


class CallbackReceiver:
    """Takes the pushes of all apps whose doors it is given."""

    def __init__(self, doors: Iterable[Door], spool: Spool, hints: Hints) -> None:
        self._doors = {door.source: door for door in doors}
        self._spool = spool
        self._hints = hints
        # Threads of their own: a hanging database must not keep the platform waiting.
        self._store_threads = ThreadPoolExecutor(4, thread_name_prefix="inbox")

    def serves(self, source: str) -> bool:
        return source in self._doors

    def door(self, source: str) -> Door:
        """:raises CallbackRefused: no such app"""
        if not self.serves(source):
            raise CallbackRefused
        return self._doors[source]

    def receive(self, source: str, query: Query, body: bytes, now: datetime) -> None:
        """Keep a push, in the inbox or on the spool.

        :raises CallbackRefused: it is not genuine
        :raises SpoolFull, OSError: it could be kept nowhere; the platform will try again
        """
        plain = self.door(source).open(query, body, now)
        stored = self._store_threads.submit(self._store, source, plain, now)
        try:
            stored.result(STORE_SECONDS)
        except Exception as error:
            stored.cancel()
            log.warning("callback_spooled", source=source, exc_info=error)
            self._spool.append(RelayedPush(source, query, body, now).pack())

    def replay(self) -> int:
        """Bring what was spooled into the inbox, in order; returns how many there were.

        Stops at what the database still cannot take, and raises that error.
        """
        return self._spool.replay(self._replay_one)

    def _replay_one(self, record: bytes) -> None:
        push = RelayedPush.unpack(record)
        try:
            plain = self.open(push)
        except CallbackRefused:
            # Its app or key is gone: nobody can read it any more.
            log.error("spooled_callback_unreadable", source=push.source)
            return
        self._store(push.source, plain, push.received_at)

    def open(self, push: RelayedPush) -> bytes:
        """Return the plaintext of a push as it was when it came.

        :raises CallbackRefused: it is not genuine, or no app of ours is meant
        """
        return self.door(push.source).open(push.query, push.body, push.received_at)

    def _store(self, source: str, plain: bytes, received_at: datetime) -> None:
        try:
            with unit_of_work.begin() as session:
                keep(session, source, plain, received_at)
        except IntegrityError:
            # A transaction of its own: two that both wait for the first would lock each other.
            with unit_of_work.begin() as session:
                count_repeat(session, source, plain)
            return
        self._hints.notify(INBOX_TOPIC)


def answer_push(receiver: CallbackReceiver, source: str) -> Response:
    """Answer a push: 200 and nothing once it is kept, one neutral 403 for all that is wrong."""
    try:
        receiver.receive(source, _query(), _body(), clock.now())
    except CallbackRefused:
        return _refused(receiver, source)
    except (SpoolFull, OSError) as error:
        log.error("callback_not_kept", source=source, exc_info=error)
        return Response(status=503)
    return Response(status=200, mimetype="text/plain")


def answer_check(receiver: CallbackReceiver, source: str) -> Response:
    """Answer the platform's check of the address, which WeCom encrypts and WeChat does not."""
    try:
        crypto = receiver.door(source).crypto
        is_encrypted = source.startswith("wecom:")
        echo = (crypto.open_echo if is_encrypted else crypto.check_echo)(_query(), clock.now())
    except CallbackRefused:
        return _refused(receiver, source)
    return Response(echo, 200, mimetype="text/plain")


def _refused(receiver: CallbackReceiver, source: str) -> Response:
    # An unknown app's name is whatever a stranger typed.
    log.warning("callback_refused", source=source if receiver.serves(source) else "unknown")
    return Response(status=403)


def _query() -> dict[str, list[str]]:
    return request.args.to_dict(flat=False)


def _body() -> bytes:
    try:
        body = request.get_data(cache=False)
    except HTTPException:
        raise CallbackRefused from None  # too long, without saying so
    # A body that names no length is cut at the limit without a word.
    if len(body) >= MAX_BODY:
        raise CallbackRefused
    return body
