"""Instants and lengths of time as staff read them."""

from datetime import date, datetime, timedelta
from typing import Final

from app import clock

_WEEKDAYS: Final = "一二三四五六日"


def moment(at: datetime) -> str:
    """Return the hospital's wall clock: 2026-05-04 09:30."""
    return at.astimezone(clock.HOSPITAL).strftime("%Y-%m-%d %H:%M")


def short_moment(at: datetime, now: datetime) -> str:
    """Return 09:30 for today, 05-04 09:30 for this year."""
    local, today = at.astimezone(clock.HOSPITAL), now.astimezone(clock.HOSPITAL)
    if local.date() == today.date():
        return f"今天 {local:%H:%M}"
    return f"{local:%m-%d %H:%M}" if local.year == today.year else moment(at)


def dated(day: date) -> str:
    """Return a day with its day of the week: 2026-05-04 周一."""
    return f"{day} 周{_WEEKDAYS[day.weekday()]}"


def lasting(span: timedelta) -> str:
    """Return a length of time in one or two units: 12 分钟, 1 小时 20 分, 3 天."""
    minutes = int(abs(span).total_seconds() // 60)
    if minutes < 60:
        return f"{max(minutes, 1)} 分钟"
    hours, rest = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} 小时 {rest} 分" if rest else f"{hours} 小时"
    return f"{hours // 24} 天"
