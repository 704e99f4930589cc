"""Hints: «there is work» from one process to another. Only a hint: who waits also looks by itself.

With Redis they reach every process; without it, or while it is down, threads of this one.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, Final

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

log = structlog.get_logger()

_CHANNEL: Final = "careloop:hint:"
_SOCKET_SECONDS: Final = 0.5
# While Redis is down, who notifies shall not pay for it each time.
_PAUSE_SECONDS: Final = 5.0


class Hints:
    """Wake-ups by topic; nothing here raises, and nothing blocks longer than it was told."""

    def __init__(self, redis_url: str | None = None) -> None:
        self._changed = threading.Condition()
        self._pending: set[str] = set()
        self._redis = _connect(redis_url) if redis_url else None
        self._paused_until = 0.0
        self._listener: threading.Thread | None = None
        self._is_closed = threading.Event()

    def notify(self, topic: str) -> None:
        """Wake one who waits for `topic`, or the next one to wait; at most 0.5 s."""
        self._wake(topic)
        if self._redis is None or time.monotonic() < self._paused_until:
            return
        try:
            self._redis.publish(_CHANNEL + topic, b"")
        except (redis.RedisError, OSError):
            self._paused_until = time.monotonic() + _PAUSE_SECONDS
            log.warning("hints_unavailable")

    def wait(self, topic: str, timeout: float) -> bool:
        """Return True as soon as there is a hint, False after `timeout` seconds."""
        self._listen()
        with self._changed:
            is_told = self._changed.wait_for(lambda: topic in self._pending, timeout)
            self._pending.discard(topic)
        return is_told

    def close(self) -> None:
        """Stop listening; for the end of a process, and of a test."""
        self._is_closed.set()
        if self._listener is not None:
            self._listener.join(2 * _SOCKET_SECONDS + 1)
        if self._redis is not None:
            self._redis.close()

    def _wake(self, topic: str) -> None:
        with self._changed:
            self._pending.add(topic)
            self._changed.notify_all()

    def _listen(self) -> None:
        if self._redis is None or self._listener is not None:
            return
        with self._changed:
            if self._listener is None:
                self._listener = threading.Thread(target=self._hear, name="hints", daemon=True)
                self._listener.start()

    def _hear(self) -> None:
        assert self._redis is not None
        while not self._is_closed.is_set():
            heard = self._redis.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
            try:
                heard.psubscribe(_CHANNEL + "*")
                self._relay(heard.get_message)
            except (redis.RedisError, OSError):
                self._is_closed.wait(1)
            finally:
                heard.close()

    def _relay(self, next_message: Callable[..., Any]) -> None:
        while not self._is_closed.is_set():
            message = next_message(timeout=_SOCKET_SECONDS / 2)
            if message is not None:
                self._wake(message["channel"].decode().removeprefix(_CHANNEL))


def _connect(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_timeout=_SOCKET_SECONDS,
        socket_connect_timeout=_SOCKET_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
