"""Access tokens shared by all processes: one fetches, the others wait or use the old one.

The table `platform_token` is the truth; its times are the database's, for workers' clocks differ.
"""

import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from app.database import database_time
from app.domain.outreach.messaging import ErrorClass, Failure
from app.integrations.platform_http import CallFailed
from app.models import PlatformToken

log = structlog.get_logger()

LEASE: Final = timedelta(seconds=10)
WAIT_SECONDS: Final = 3.0
EARLY_SECONDS: Final = 300  # before the end, ± JITTER_SECONDS, so that processes differ
JITTER_SECONDS: Final = 60
# A platform may answer an early fetch with the token we have: ask again only after a while.
APART: Final = timedelta(seconds=30)
PAUSE_AFTER_FAILURE: Final = timedelta(seconds=5)
DROPS_A_DAY: Final = 20
_CACHE_SECONDS: Final = 3.0
_POLL_SECONDS: Final = 0.05

# The token and its life in seconds.
Fetch = Callable[[], tuple[str, int]]


@dataclass(frozen=True, slots=True)
class _Turn:
    """What a look at the row gave: a token that is good, or whether we are to fetch one.

    `old` may still be used; `is_hopeless` says that the last fetch just failed.
    """

    fresh: str | None = None
    old: str | None = None
    is_ours: bool = False
    is_hopeless: bool = False


class TokenStore:
    """The access token of one app, under a `name` that holds no part of a secret."""

    def __init__(self, sessions: sessionmaker[Session], name: str) -> None:
        self._sessions = sessions
        self._name = name
        self._early = timedelta(
            seconds=EARLY_SECONDS + random.uniform(-JITTER_SECONDS, JITTER_SECONDS)  # noqa: S311
        )
        self._cached: tuple[str, float] | None = None
        self._dropped: str | None = None  # never to be remembered again
        # Two hundred threads send at once. If each read the row, they would take every connection
        # of the pool, and what came of their calls could not be written.
        self._reading = threading.Lock()

    def get(self) -> str | None:
        """Return the token in force; None when there is none, or it is time for the next."""
        return self._kept() or self._look().fresh

    def drop_if(self, value: str) -> bool:
        """Forget the token if it still is `value`; return whether `value` is kept no longer.

        A slow answer must not throw away the token fetched since. Within 30 s of the last time,
        and past 20 times a day, nothing is dropped: a platform that refuses every token would
        else be asked for ever more of them.
        """
        # First of all: a thread that read the row before us must not bring the value back.
        self._dropped = value
        if self._cached is not None and self._cached[0] == value:
            self._cached = None
        with self._alone(), self._sessions.begin() as session:
            row = _row(session, self._name, lock=True)
            if row is None or row.token != value:
                return True
            now = database_time(session)
            last = row.dropped_at
            drops = row.drops if last is not None and last.date() == now.date() else 0
            if drops >= DROPS_A_DAY or (last is not None and now - last < APART):
                self._dropped = None
                return False
            row.dropped_at, row.drops = now, drops + 1
            row.token = row.expires_at = None
        return True

    def refresh(self, fetch: Fetch) -> str:
        """Return a token: fetched by us, or by whoever was first, or the old one.

        :raises CallFailed: what `fetch` raised; NOT_SENT when another's fetch did not end in time
        """
        holder = secrets.token_hex(8)
        turn = self._claim(holder)
        if turn.is_ours:
            return self._fetch(fetch, holder, turn.old)
        if found := turn.fresh or turn.old:
            return self._remember(found)
        return self._wait()

    def _claim(self, holder: str) -> _Turn:
        with self._alone(), self._sessions.begin() as session:
            if kept := self._kept():
                return _Turn(fresh=kept)  # another thread of ours was first
            row = _row(session, self._name, lock=True)
            if row is not None:
                now = database_time(session)
                turn = self._judge(row, now)
                if turn.fresh or (row.refreshing_until is not None and row.refreshing_until > now):
                    return turn
                row.refresher, row.refreshing_until = holder, now + LEASE
                return _Turn(old=turn.old, is_ours=True)
        self._add_row()
        return self._claim(holder)

    def _add_row(self) -> None:
        try:
            with self._sessions.begin() as session:
                session.add(PlatformToken(app=self._name))
        except IntegrityError:
            return  # another process was first

    def _fetch(self, fetch: Fetch, holder: str, old: str | None) -> str:
        # No transaction is open here: the platform may keep us waiting.
        try:
            token, seconds = fetch()
        except CallFailed:
            self._give_up(holder)
            if old is None:
                raise
            log.warning("token_refresh_failed", app=self._name)
            return self._remember(old)
        with self._sessions.begin() as session:
            row = _row(session, self._name, lock=True)
            # Who outlived the lease leaves the row to the next; the token is good all the same.
            if row is not None and row.refresher == holder:
                now = database_time(session)
                row.token, row.fetched_at = token, now
                row.expires_at = now + timedelta(seconds=seconds)
                row.refresher = row.refreshing_until = None
        log.info("token_fetched", app=self._name, seconds=seconds)
        return self._remember(token)

    def _give_up(self, holder: str) -> None:
        with self._sessions.begin() as session:
            row = _row(session, self._name, lock=True)
            if row is not None and row.refresher == holder:
                row.refresher = None
                row.refreshing_until = database_time(session) + PAUSE_AFTER_FAILURE

    def _wait(self) -> str:
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end:
            turn = self._look()
            if found := turn.fresh or turn.old:
                return self._remember(found)
            if turn.is_hopeless:
                break
            time.sleep(_POLL_SECONDS)
        raise CallFailed(Failure(ErrorClass.NOT_SENT))

    def _look(self) -> _Turn:
        with self._alone(), self._sessions.begin() as session:
            if kept := self._kept():
                return _Turn(fresh=kept)
            session.connection(execution_options={"reads_only": True})
            row = _row(session, self._name)
            turn = _Turn() if row is None else self._judge(row, database_time(session))
        if turn.fresh is not None and turn.fresh == self._dropped:
            return _Turn()  # read before it was dropped
        if turn.fresh:
            self._remember(turn.fresh)
        return turn

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one thread at a time to the row; nobody waits long while the database hangs.

        :raises CallFailed: NOT_SENT when it takes too long
        """
        if not self._reading.acquire(timeout=WAIT_SECONDS):
            raise CallFailed(Failure(ErrorClass.NOT_SENT))
        try:
            yield
        finally:
            self._reading.release()

    def _kept(self) -> str | None:
        cached = self._cached
        return cached[0] if cached is not None and time.monotonic() < cached[1] else None

    def _judge(self, row: PlatformToken, now: datetime) -> _Turn:
        if row.token is None or row.expires_at is None or row.expires_at <= now:
            return _Turn(is_hopeless=row.refresher is None and row.refreshing_until is not None)
        is_new = row.fetched_at is not None and now - row.fetched_at < APART
        if is_new or row.expires_at - now > self._early:
            return _Turn(fresh=row.token)
        return _Turn(old=row.token)

    def _remember(self, token: str) -> str:
        self._cached = (token, time.monotonic() + _CACHE_SECONDS)
        return token


def _row(session: Session, name: str, *, lock: bool = False) -> PlatformToken | None:
    chosen = select(PlatformToken).filter_by(app=name)
    return session.scalar(chosen.with_for_update() if lock else chosen)
