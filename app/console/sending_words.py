"""Chinese words for what the pages of sending show."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from app.console.feed_words import State
from app.domain.outreach.gates import Closed
from app.domain.outreach.messaging import CommunicationState, ErrorClass, Lane
from app.domain.outreach.route_names import route_name as route_name
from app.domain.outreach.sending_deeds import DeedKind, Group
from app.services.outreach.outbox_view import MOST, SAMPLE, DeadGroup, GateState

LANES: Final[Mapping[Lane, str]] = {
    Lane.CLINICAL: "临床（预警、危急值）",
    Lane.TRANSACTIONAL: "事务（提醒、待办）",
    Lane.BULK: "批量（宣教、群发）",
}
STATES: Final[Mapping[CommunicationState, str]] = {
    CommunicationState.DEAD: "发送失败",
    CommunicationState.HELD: "暂停",
}
DEEDS: Final[Mapping[DeedKind, str]] = {
    DeedKind.PAUSE: "暂停发送",
    DeedKind.OPEN: "打开",
    DeedKind.REPLAY: "重发",
    DeedKind.REPLAY_DOUBTFUL: "重发可能已经送达的消息",
    DeedKind.CANCEL: "取消",
}
CLOSED: Final[Mapping[Closed, str]] = {
    Closed.DOWN: "平台没有应答",
    Closed.OURS: "配置或权限不对",
    Closed.TOKEN: "访问凭证被拒",
    Closed.RATE: "这一分钟太多",
    Closed.QUOTA: "今天额度用完",
    Closed.PAUSED: "人工暂停",
}
_ERRORS: Final[Mapping[str, str]] = {
    ErrorClass.NOT_SENT: "没有连上平台",
    ErrorClass.AMBIGUOUS: "连接中断，不知道是否送达",
    ErrorClass.TOKEN: "访问凭证被拒",
    ErrorClass.BUSY: "平台繁忙",
    ErrorClass.PERSON_BUSY: "同一个人同时有多条",
    ErrorClass.RATE: "超过每分钟的限制",
    ErrorClass.QUOTA: "超过每天的额度",
    ErrorClass.RECIPIENT: "收件人不接收",
    ErrorClass.WINDOW: "不在可以发送的时段",
    ErrorClass.CONTENT: "内容或模板不符合平台要求",
    ErrorClass.OURS: "配置或权限不对",
    ErrorClass.OTHER: "平台返回了未知的错误",
}
_REASONS: Final[Mapping[str, str]] = {
    "no-receipt": "发出后没有回执，按没有送达处理",
    "tries-used-up": "多次尝试都没有成功",
    "unreadable": "内容无法解密",
}


def reason(code: str | None) -> str:
    """Return why a message rests; an unknown code stands for itself."""
    if code is None:
        return "没有记录原因"
    return _REASONS.get(code) or _ERRORS.get(code) or code


def detail(group: DeadGroup) -> str | None:
    """Return what the last call came to, where the reason does not say it."""
    error = group.error_class
    return _ERRORS.get(error, error) if error and error != group.group.reason else None


def address(group: Group) -> dict[str, str | int | None]:
    """Return how a group is told in an address or a form."""
    return {
        "state": group.state.value, "channel": group.channel.value, "app": group.app_key,
        "reason": group.reason, "errcode": group.errcode,
    }  # fmt: skip


def queued(count: int) -> str:
    """Return a count that ended at `MOST`."""
    return f"{MOST // 10_000} 万以上" if count >= MOST else f"{count:,}"


def counted(group: DeadGroup) -> str:
    """Return a count of the newest `SAMPLE`."""
    return f"{group.count:,}" + ("+" if group.is_more else "")


SAMPLED: Final = f"每条通道的每个队列按最近 {SAMPLE:,} 条统计。"


def state(gate: GateState | None, now: datetime) -> State:
    """Return how a route is, in its worst word."""
    if gate is None:
        return State("good", ("开放",))
    if is_paused(gate):
        return State("off", (CLOSED[gate.why],))
    if gate.why is Closed.PAUSED:
        return State("watch", ("人工打开，等下一条消息试通",))
    kind = "watch" if gate.why in (Closed.RATE, Closed.QUOTA) else "bad"
    ready = gate.until is not None and gate.until <= now
    return State(kind, (CLOSED[gate.why], *(("等下一条消息试通",) if ready else ())))


def is_paused(gate: GateState | None) -> bool:
    """Tell whether a route waits for a person to open it."""
    return gate is not None and gate.why is Closed.PAUSED and gate.until is None
