"""Alarms of feeds: one for each episode, told to the operators at its start and at its end."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.intake.feed_health import CALM, SAME_EPISODE, AlarmKind, Signs, Watch, wrongs
from app.domain.outreach.messaging import Outlets
from app.models import FeedAlarm
from app.models.intake.feed_signs import see
from app.models.outreach.operators import tell_operators

_BEGAN: Final = {
    AlarmKind.SILENT: "很久没有收到消息",
    AlarmKind.BACKLOG: "收到的消息没有及时处理",
    AlarmKind.REJECTS: "近一小时大量消息被拒收或搁置",
    AlarmKind.CLOCK: "发送方时钟与本系统相差超过 10 分钟",
}


def watch_source(
    session: Session, source: str, watch: Watch, now: datetime, zone: ZoneInfo, outlets: Outlets
) -> None:
    """Open, keep or end the alarms of one source.

    An alarm ends when all has looked well for `CALM`; what comes back within `SAME_EPISODE` is the
    same episode and is not told again.
    """
    signs = see(session, source, now).signs
    wrong = wrongs(signs, watch, now, zone)
    for kind in AlarmKind:
        alarm = _open_alarm(session, source, kind)
        if kind in wrong:
            if alarm is None:
                alarm = _begin(session, source, kind, signs, now)
            if alarm is not None:
                alarm.calm_since = None
                _tell_beginning(session, alarm, now, zone, outlets)
        elif alarm is not None and not _only_quiet(alarm, signs):
            _calm_down(session, alarm, now, zone, outlets)


def _only_quiet(alarm: FeedAlarm, signs: Signs) -> bool:
    """Tell whether a silent source still said nothing: the night ends no silence."""
    return alarm.kind is AlarmKind.SILENT and (
        signs.last_at is None or signs.last_at <= alarm.since
    )


def _open_alarm(session: Session, source: str, kind: AlarmKind) -> FeedAlarm | None:
    return session.scalar(
        select(FeedAlarm).filter_by(open_key=_open_key(source, kind)).with_for_update()
    )


def _open_key(source: str, kind: AlarmKind) -> str:
    return f"{source}/{kind}"


def _begin(
    session: Session, source: str, kind: AlarmKind, signs: Signs, now: datetime
) -> FeedAlarm | None:
    """Return a new episode, the last one if it ended just now, None if another was first."""
    last = session.scalar(
        select(FeedAlarm).filter_by(source=source, kind=kind).order_by(FeedAlarm.id.desc()).limit(1)
    )
    if last is not None and last.ended_at is not None and now - last.ended_at < SAME_EPISODE:
        last.ended_at = None
        last.since = _since(kind, signs, now)
        last.open_key = _open_key(source, kind)
        return last
    alarm = FeedAlarm(
        source=source, kind=kind, open_key=_open_key(source, kind), since=_since(kind, signs, now)
    )
    try:
        with session.begin_nested():
            session.add(alarm)
    except IntegrityError:
        return None
    return alarm


def _since(kind: AlarmKind, signs: Signs, now: datetime) -> datetime:
    if kind is AlarmKind.SILENT:
        return signs.last_at or now
    if kind is AlarmKind.BACKLOG:
        return signs.oldest_waiting_at or now
    return now


def _calm_down(
    session: Session, alarm: FeedAlarm, now: datetime, zone: ZoneInfo, outlets: Outlets
) -> None:
    alarm.calm_since = alarm.calm_since or now
    if now - alarm.calm_since < CALM:
        return
    alarm.ended_at = alarm.calm_since
    alarm.open_key = alarm.calm_since = None
    if alarm.told_at is not None:
        lasted = f"{alarm.since.astimezone(zone):%m-%d %H:%M} 起"
        text = f"对接恢复：{alarm.source}，{_BEGAN[alarm.kind]}（{lasted}），现在已恢复正常。"
        _tell(session, alarm, "ended", text, now, outlets)


def _tell_beginning(
    session: Session, alarm: FeedAlarm, now: datetime, zone: ZoneInfo, outlets: Outlets
) -> None:
    """Tell the operators once; where there is nobody to tell, the page alone shows it."""
    if alarm.told_at is not None:
        return
    since = f"{alarm.since.astimezone(zone):%m-%d %H:%M}"
    text = (
        f"对接告警：{alarm.source}，{_BEGAN[alarm.kind]}（{since} 起）。"
        f"请查看对接状态：{outlets.public_url}/console/feeds"
    )
    if _tell(session, alarm, "began", text, now, outlets):
        alarm.told_at = now


def _tell(
    session: Session, alarm: FeedAlarm, what: str, text: str, now: datetime, outlets: Outlets
) -> bool:
    session.flush()  # the alarm's id is in the key
    return tell_operators(
        session, "feed-alarm", (alarm.id, what), f"feed-alarm:{alarm.public_id}", text, now,
        outlets,
    )  # fmt: skip
