"""Chinese words for what the pages of the feeds show."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, NamedTuple

from app.domain.intake.feed_health import CLOCK_LIMIT, AlarmKind
from app.domain.intake.reasons import detail_of as detail_of
from app.domain.intake.reasons import sentence_of as sentence_of
from app.domain.intake.replays import DeedKind, ReplayState
from app.domain.outreach.messaging import Channel
from app.domain.outreach.route_names import CHANNELS
from app.services.staff.feed_status import MOST, SourceStatus
from app.services.staff.feed_status import MOST_A_DAY as MOST_A_DAY
from app.web.moments import lasting

STATUSES: Final[Mapping[str, str]] = {
    "rejected": "拒收",
    "held": "待人工",
    "received": "未处理",
    "ignored": "已忽略",
    "processed": "已处理",
}
# The tabs of a source: what a person may have to act on, and what they set aside.
TABS: Final = ("rejected", "held", "received", "ignored")
ALARMS: Final[Mapping[AlarmKind, str]] = {
    AlarmKind.SILENT: "没有消息",
    AlarmKind.BACKLOG: "积压",
    AlarmKind.REJECTS: "拒收过多",
    AlarmKind.CLOCK: "时钟不准",
}
RUNS: Final[Mapping[ReplayState, str]] = {
    ReplayState.WAITING: "等待开始",
    ReplayState.RUNNING: "正在重放",
    ReplayState.STOPPING: "正在停止",
    ReplayState.STOPPED: "已停止",
    ReplayState.FINISHED: "已完成",
}
DEEDS: Final[Mapping[DeedKind, str]] = {DeedKind.READ: "查看原文", DeedKind.IGNORE: "忽略"}
_WAYS: Final = {
    "hl7": "HL7", "fhir": "FHIR", "table": "表和文件", "wechat": "微信回调",
    "wecom": "企业微信回调", "device": "设备",
}  # fmt: skip


class State(NamedTuple):
    """`kind` is good, watch, bad or off: it picks the icon; the words say the same."""

    kind: str
    words: tuple[str, ...]


def source_name(source: str) -> str:
    way, _, name = source.partition(":")
    return f"{_WAYS.get(way, way)} · {name}"


def channel(value: str) -> str:
    return CHANNELS[Channel(value)]


def state(one: SourceStatus) -> State:
    """Return how a source is, the worst first."""
    if one.alarms:
        return State("bad", tuple(ALARMS[alarm.kind] for alarm in one.alarms))
    if one.seen.signs.last_at is None:
        return State("off", ("还没有收到过消息",))
    if one.held or one.rejected:
        return State("watch", ("有消息等人处理",))
    return State("good", ("正常",))


def number(count: int, most: int = MOST) -> str:
    """Return a count that ended at `most`."""
    return f"{count:,}" + ("+" if count >= most else "")


def milliseconds(value: int | None) -> str:
    if value is None:
        return "—"
    return f"{value} ms" if value < 1000 else f"{value / 1000:.1f} s"


def size(count: int) -> str:
    return f"{count} B" if count < 1024 else f"{count / 1024:.1f} KB"


def skew(value: timedelta | None) -> str:
    """Return how far the sender's clock is from ours."""
    if value is None:
        return "—"
    if abs(value) < timedelta(minutes=1):
        return "一致"
    return f"{'慢' if value > timedelta() else '快'} {lasting(value)}"


def is_clock_off(value: timedelta | None) -> bool:
    return value is not None and abs(value) > CLOCK_LIMIT
