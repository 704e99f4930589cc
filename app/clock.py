"""Now, and the hospital's time zone. Faces and jobs ask; below them `now` is a parameter."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

# All of China keeps one civil time.
HOSPITAL = ZoneInfo("Asia/Shanghai")

_shift_file: Path | None = None


def follow(shift_file: Path | None) -> None:
    """Let a file move the clock (the demo's 前进一天): seconds ahead of real time, as text."""
    global _shift_file
    _shift_file = shift_file


def now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC) + _shift()


def today() -> date:
    """Return the hospital's calendar day."""
    return now().astimezone(HOSPITAL).date()


def start_of_day(day: date) -> datetime:
    """Return the instant at which `day` begins at the hospital, in UTC."""
    return datetime.combine(day, time.min, HOSPITAL).astimezone(UTC)


def _shift() -> timedelta:
    if _shift_file is None:
        return timedelta()
    try:
        return timedelta(seconds=float(_shift_file.read_text()))
    except FileNotFoundError:
        return timedelta()
