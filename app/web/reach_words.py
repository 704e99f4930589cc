"""Channels, and why one was chosen, as staff read it."""

from typing import Final

from app.domain.outreach.choosing import After, Grounds, Hindrance, Place
from app.domain.outreach.decency import Purpose
from app.domain.outreach.messaging import Channel
from app.services.outreach.message_reading import MessageLine
from app.services.outreach.reach_report import Unreached
from app.web.patient_words import CHANNELS, MESSAGE_STATES

PURPOSES: Final = {
    Purpose.ALERT: "健康提醒", Purpose.REMINDER: "任务提醒", Purpose.EDUCATION: "健康知识",
    Purpose.SURVEY: "问卷邀请", Purpose.NEWS: "通知",
}  # fmt: skip
GROUNDS: Final = {
    Grounds.LONG_TERM: "长期订阅", Grounds.RIGHT_LEFT: "还有订阅授权次数",
    Grounds.ASSISTANT: "已开通就医助手", Grounds.FOLLOWS: "已关注公众号",
    Grounds.WINDOW_OPEN: "48 小时内来过消息", Grounds.CONTACT: "已加企业微信",
    Grounds.PHONE: "有电话并同意接收",
}  # fmt: skip
HINDRANCES: Final = {
    Hindrance.NO_RIGHT: "没有订阅授权次数", Hindrance.NOT_FOLLOWING: "没有关注公众号",
    Hindrance.WINDOW_CLOSED: "48 小时内没有来过消息", Hindrance.NO_CONTACT: "没有加企业微信",
    Hindrance.NO_PHONE: "没有登记电话", Hindrance.SMS_NOT_AGREED: "没有同意接收",
    Hindrance.NOT_FOR_THIS: "不用于这类消息", Hindrance.TRIED: "已经试过",
}  # fmt: skip
UNREACHED: Final = {
    Unreached.DECEASED: "已去世", Unreached.DEATH_CHECK: "正在核实去世消息",
    Unreached.NO_ACCOUNT: "没有人绑定小程序", Unreached.OPTED_OUT: "已关闭这类消息",
    Unreached.INBOX_ALONE: "只有小程序收件箱，打开时才看到",
}  # fmt: skip
_PLACES: Final = {
    Place.ASKED_FOR: "本人选择的方式", Place.OPENED: "最近常从这里打开", Place.USUAL: "",
    Place.LAST_RESORT: "其他渠道都到不了",
}  # fmt: skip
_AFTERS: Final = {
    After.FAILED: "上一个渠道没有送达", After.LATE: "上一个渠道超过时限",
    After.IN_DOUBT: "上一个渠道是否送达不清楚，情况紧急没有等",
}  # fmt: skip
_REASONS: Final = {
    "too-late": "超过时限，改用下一个渠道", "task-over": "任务已结束",
    "appointment-over": "预约已取消或已过", "visit-cancelled": "就诊已取消",
    "unbound": "绑定已解除", "not-theirs": "档案已拆分", "deceased": "患者已去世",
    "consent-withdrawn": "已撤回同意", "opted-out": "已关闭这类消息",
    "speaks-for-themselves": "患者已自己绑定", "expired": "已过有效期", "merging": "档案合并中",
    "death-check": "正在核实去世消息", "quiet-hours": "静默时段", "enough": "已到次数上限",
    "pointless": "已不需要", "no-right-left": "授权次数已用完", "no-receipt": "没有收到回执",
    "tries-used-up": "多次重试失败", "no-answer": "平台没有答复",
}  # fmt: skip


def channel(one: str) -> str:
    return CHANNELS.get(one, "消息")


def state(line: MessageLine) -> str:
    """Return what became of a message, and why it did not arrive."""
    told = MESSAGE_STATES.get(line.state, line.state)
    why = _REASONS.get(line.reason or "")
    return f"{told}（{why}）" if why else told


def why(line: MessageLine) -> str:
    """Return why a message went by its channel."""
    chosen = line.chosen
    if chosen is None:
        return "每条都在这里" if line.channel is Channel.INBOX else "没有记录"
    parts = [
        _AFTERS[After(chosen["after"])] if chosen["after"] else "",
        _PLACES[Place(chosen["place"])],
        GROUNDS[Grounds(chosen["grounds"])],
    ]
    return "，".join(part for part in parts if part)


def left_out(line: MessageLine) -> list[str]:
    """Return why each of the other channels is not used."""
    told = (line.chosen or {}).get("left_out", {})
    return [f"{channel(one)}：{HINDRANCES[Hindrance(why)]}" for one, why in told.items()]


def follows(line: MessageLine) -> str:
    """Return the channels that come next, in their order."""
    return "、".join(channel(one) for one in (line.chosen or {}).get("next", []))
