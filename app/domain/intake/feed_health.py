"""Whether what feeds us is well: silent, behind, full of rejects, or telling the wrong time.

The limits are our own choice; only silence differs so much between hospitals that it is a setting.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final

# Work that waits longer than this is not being done.
BACKLOG_LIMIT: Final = timedelta(minutes=10)
# Of the messages of the last hour, so many and so large a part refused or held.
REFUSED_WITHIN: Final = timedelta(hours=1)
REFUSED_AT_LEAST: Final = 10
REFUSED_SHARE: Final = 5  # one in five
# A clock further off than this puts news in the wrong order (clinical fact sheet, 10).
CLOCK_LIMIT: Final = timedelta(minutes=10)
# How long all must look well before an episode ends, and how long it may come back as the same.
CALM: Final = timedelta(minutes=10)
SAME_EPISODE: Final = timedelta(hours=1)


class AlarmKind(StrEnum):
    SILENT = "silent"
    BACKLOG = "backlog"
    REJECTS = "rejects"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one time of day to another, maybe over midnight, in which silence means nothing."""

    begins: time
    ends: time

    def last_end(self, now: datetime, zone: tzinfo) -> datetime | None:
        """Return when the quiet last ended; None while it lasts."""
        local = now.astimezone(zone)
        today_end = local.replace(
            hour=self.ends.hour, minute=self.ends.minute, second=0, microsecond=0
        )
        clock = local.time()
        over_midnight = self.begins > self.ends
        is_quiet = (
            clock >= self.begins or clock < self.ends
            if over_midnight
            else self.begins <= clock < self.ends
        )
        if is_quiet:
            return None
        return today_end if clock >= self.ends else today_end - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Watch:
    """How one source is watched; `silent_after` None: it speaks only when somebody acts."""

    silent_after: timedelta | None = None
    quiet: QuietHours | None = None


@dataclass(frozen=True, slots=True)
class Signs:
    """What is seen of one source now.

    `recent` and `refused` are messages of the last hour; `skew` is our clock less the sender's.
    """

    last_at: datetime | None
    oldest_waiting_at: datetime | None
    recent: int
    refused: int
    skew: timedelta | None


def silent_for(last_at: datetime, watch: Watch, now: datetime, zone: tzinfo) -> timedelta:
    """Return how long the source has said nothing, quiet hours left out."""
    since = last_at
    if watch.quiet is not None:
        ended = watch.quiet.last_end(now, zone)
        if ended is None:
            return timedelta()
        since = max(since, ended)
    return max(now - since, timedelta())


def wrongs(signs: Signs, watch: Watch, now: datetime, zone: tzinfo) -> frozenset[AlarmKind]:
    """Return what is wrong with a source. One that never spoke is not connected yet: nothing."""
    found = set()
    if (
        signs.last_at is not None
        and watch.silent_after is not None
        and silent_for(signs.last_at, watch, now, zone) >= watch.silent_after
    ):
        found.add(AlarmKind.SILENT)
    if signs.oldest_waiting_at is not None and now - signs.oldest_waiting_at >= BACKLOG_LIMIT:
        found.add(AlarmKind.BACKLOG)
    if signs.refused >= REFUSED_AT_LEAST and signs.refused * REFUSED_SHARE >= signs.recent:
        found.add(AlarmKind.REJECTS)
    if signs.skew is not None and abs(signs.skew) > CLOCK_LIMIT:
        found.add(AlarmKind.CLOCK)
    return frozenset(found)
