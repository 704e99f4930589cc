"""Counting within the current minute, hour or day."""

from collections.abc import Hashable
from typing import Literal

from standin.clock import day_of

Window = Literal["minute", "hour", "day"]


class Quotas:
    """Keeps one count per key and window; the former window's count is forgotten."""

    def __init__(self) -> None:
        self._counts: dict[tuple[Hashable, Window], tuple[int, int]] = {}

    def left(self, key: Hashable, window: Window, limit: int, now: float) -> int:
        return limit - self._count(key, window, now)

    def spend(self, key: Hashable, window: Window, limit: int, now: float, amount: int = 1) -> bool:
        """Count `amount` and return True, or return False and count nothing."""
        count = self._count(key, window, now) + amount
        if count > limit:
            return False
        self._counts[key, window] = (_bucket(window, now), count)
        return True

    def _count(self, key: Hashable, window: Window, now: float) -> int:
        bucket, count = self._counts.get((key, window), (0, 0))
        return count if bucket == _bucket(window, now) else 0


def _bucket(window: Window, now: float) -> int:
    if window == "day":
        return day_of(now)
    return int(now // (60 if window == "minute" else 3600))
