"""The stand-in's own time, which a file can move."""

import time
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

# The platforms count their days in Beijing time, which has no summer time.
BEIJING = timezone(timedelta(hours=8))


class Clock:
    """Real time plus the seconds written in `offset_file`; a file half written changes nothing."""

    def __init__(self, offset_file: Path | None = None) -> None:
        self._file = offset_file
        self._changed = 0
        self._offset = 0.0

    def now(self) -> float:
        """Return Unix seconds."""
        if self._file is not None:
            self._reread(self._file)
        return time.time() + self._offset

    def _reread(self, file: Path) -> None:
        with suppress(OSError, ValueError):
            changed = file.stat().st_mtime_ns
            if changed != self._changed:
                self._offset = float(file.read_text())
                self._changed = changed


def written(seconds: float) -> str:
    """Return Unix seconds as ISO 8601 in Beijing time."""
    return datetime.fromtimestamp(seconds, BEIJING).isoformat(timespec="milliseconds")


def day_of(seconds: float) -> int:
    """Return a number that changes at Beijing's midnight."""
    return int((seconds + 8 * 3600) // 86400)
