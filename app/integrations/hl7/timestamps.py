"""HL7 times (TS, DTM): 4 to 14 digits, a fraction, an offset, and what vendors make of them."""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

_TIME = re.compile(
    r"(?P<year>[0-9]{4})(?:(?P<month>[0-9]{2})(?:(?P<day>[0-9]{2})"
    r"(?:(?P<hour>[0-9]{2})(?:(?P<minute>[0-9]{2})(?:(?P<second>[0-9]{2})"
    r"(?:\.?(?P<fraction>[0-9]{1,9}))?)?)?)?)?)?"
    r"(?P<offset>[+-][0-9]{4})?"
)
# 2025-03-01 08:00:00 and 2025/3/1T08:00 are common among domestic vendors.
_PUNCTUATED = re.compile(
    r"([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})(?:[ T]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?"
)


# Every result of a report repeats when it was taken and reported.
@lru_cache(maxsize=512)
def read_instant(text: str, zone: tzinfo) -> datetime | None:
    """Return the first instant of the period that `text` names, aware, in UTC; None if it is none.

    A time without an offset is the hospital's own, in `zone`.
    """
    match = _TIME.fullmatch(_digits(text))
    if match is None:
        return None
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    try:
        # Hour 24 is the end of the day, second 60 a leap second; Python knows neither.
        moment = datetime(
            int(match["year"]),
            int(match["month"] or 1),
            int(match["day"] or 1),
            0 if hour == 24 else hour,
            minute,
            min(second, 59) if second == 60 else second,
            int((match["fraction"] or "").ljust(6, "0")[:6]),
            tzinfo=_offset(match["offset"]) or zone,
        )
        return (moment + timedelta(days=hour == 24)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def read_date(text: str) -> date | None:
    """Return the calendar day that `text` names; None if it names less or none.

    A birthday is a day, not an instant: an offset behind it is ignored, never converted.
    """
    match = _TIME.fullmatch(_digits(text))
    if match is None or match["day"] is None:
        return None
    try:
        return date(int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError:
        return None


def _digits(text: str) -> str:
    text = text.strip()
    match = None if text.isdigit() else _PUNCTUATED.fullmatch(text)
    if match is None:
        return text
    return match[1] + "".join((part or "00").zfill(2) for part in match.groups()[1:])


def _offset(text: str | None) -> timezone | None:
    if text is None:
        return None
    minutes = int(text[1:3]) * 60 + int(text[3:5])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
