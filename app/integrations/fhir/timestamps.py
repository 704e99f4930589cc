"""Instants and days as FHIR writes them."""

from datetime import UTC, date, datetime, time, tzinfo


def read_instant(text: str, zone: tzinfo) -> datetime | None:
    """Return the instant that a dateTime names, in UTC; a whole day begins in `zone`.

    None for a year or a month alone: no rule may take its first second for the time of something.
    """
    if len(text) < 10:
        return None
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time.min, zone).astimezone(UTC)
        # A leap second is the first of the next minute; Python knows 60 of them only.
        is_leap = text[17:19] == "60"
        moment = datetime.fromisoformat(f"{text[:17]}59{text[19:]}" if is_leap else _micro(text))
    except (ValueError, OverflowError):
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None


def _micro(text: str) -> str:
    """Cut what is finer than a microsecond."""
    if "." not in text:
        return text
    whole, rest = text.split(".", 1)
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return f"{whole}.{rest[:digits][:6]}{rest[digits:]}"


def read_day(text: str, zone: tzinfo) -> date | None:
    """Return the day, in `zone`, that a date or dateTime names; None for less than a day."""
    if len(text) == 10:
        return date.fromisoformat(text)
    moment = read_instant(text, zone)
    return moment.astimezone(zone).date() if moment else None


def write_instant(at: datetime, zone: tzinfo) -> str:
    """Return an instant in the hospital's time, with its zone and no more digits than it has."""
    local = at.astimezone(zone)
    # Shanghai's clock ran by seconds before 1901, and FHIR's zones count minutes.
    offset = local.utcoffset()
    if offset is not None and offset.total_seconds() % 60:
        local = at.astimezone(UTC)
    return local.isoformat()
