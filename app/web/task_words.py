"""How a task stands and why, and what was changed of it, in Chinese for staff."""

from typing import Final

from app.domain.plans.changes import Change
from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.domain.profile.vital_signs import Limits

STATUSES: Final = {
    TaskStatus.REQUESTED: "还没开始",
    TaskStatus.READY: "可以做",
    TaskStatus.IN_PROGRESS: "正在做",
    TaskStatus.COMPLETED: "完成",
    TaskStatus.MISSED: "没有完成",
    TaskStatus.CANCELLED: "取消",
}
# The kind of mark that a status has beside its word.
MARKS: Final = {
    TaskStatus.REQUESTED: "off",
    TaskStatus.READY: "watch",
    TaskStatus.IN_PROGRESS: "watch",
    TaskStatus.COMPLETED: "good",
    TaskStatus.MISSED: "bad",
    TaskStatus.CANCELLED: "off",
}
# What the status says already has no word here.
REASONS: Final = {
    TaskReason.TO_BE_JUDGED: "到时间先看条件",
    TaskReason.WAITING: "等待条件",
    TaskReason.OVERDUE: "已超过应完成的时间",
    TaskReason.DONE_LATE: "晚于应完成的时间",
    TaskReason.SENT: "消息已发出",
    TaskReason.EXPIRED: "时间已过",
    TaskReason.NOT_NEEDED: "条件不成立，不需要做",
    TaskReason.IN_VAIN: "没有等到条件",
    TaskReason.UNABLE: "患者说做不到",
    TaskReason.READMITTED: "患者住院",
    TaskReason.TRAVEL: "患者外出",
    TaskReason.HELD: "计划暂停",
    TaskReason.OPTED_OUT: "患者不愿继续",
    TaskReason.DECEASED: "患者去世",
    TaskReason.PLAN_ENDED: "计划结束",
    TaskReason.RESCHEDULED: "按调整或新版本改期",
    TaskReason.RESULT_CORRECTED: "检验结果已更正",
}
_BOUNDS: Final = {
    "critically_low": "危急低值",
    "low": "低于",
    "high": "高于",
    "critically_high": "危急高值",
}


def state(status: TaskStatus, reason: str | None) -> str:
    """Return how a task stands: 取消（患者外出）."""
    why = {str(key): word for key, word in REASONS.items()}.get(reason or "")
    return f"{STATUSES[status]}（{why}）" if why else STATUSES[status]


def change(one: Change) -> str:
    """Return what a change says, in one sentence without its full stop."""
    if one.is_left_out:
        return "不再要求这一项"
    told = [
        _shifted(one.shift_days) if one.shift_days else None,
        f"改到 {one.on}" if one.on else None,
        f"{one.at:%H:%M} 开始" if one.at else None,
        f"{one.remind_at:%H:%M} 提醒" if one.remind_at else None,
        f"名称改为“{one.title}”" if one.title else None,
        f"说明改为“{one.instructions}”" if one.instructions else None,
        f"消息改为“{one.text}”" if one.text else None,
        _limited(one.limits) if one.limits else None,
        "恢复要求这一项" if one.is_left_out is False else None,
    ]
    return "，".join(part for part in told if part)


def _shifted(days: int) -> str:
    return f"推后 {days} 天" if days > 0 else f"提前 {-days} 天"


def _limited(limits: Limits) -> str:
    bounds = ((word, getattr(limits, name)) for name, word in _BOUNDS.items())
    return "界限：" + "、".join(f"{word} {bound}" for word, bound in bounds if bound is not None)
