"""Chinese words for the pages of rules and alerts."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from app.domain.criteria.names import Names
from app.domain.criteria.words import named, span
from app.domain.plans.rules import (
    AssignTag,
    Audience,
    ChangePlan,
    CreateTask,
    Grade,
    LatePolicy,
    PlanDeed,
    RaiseAlert,
    RuleAction,
    SendArticle,
    SendMessage,
)
from app.domain.staff.alerting import AlertStatus
from app.models import FiringDeed
from app.web.patient_words import step as step

GRADE_STATES: Final[Mapping[Grade, str]] = {
    Grade.SEVERE: "bad",
    Grade.MODERATE: "watch",
    Grade.MILD: "off",
}
STATUSES: Final[Mapping[AlertStatus, str]] = {
    AlertStatus.ACTIVE: "等待接手",
    AlertStatus.ACKNOWLEDGED: "处理中",
    AlertStatus.RESOLVED: "已结束",
    AlertStatus.WITHDRAWN: "已撤回",
}
DEEDS: Final[Mapping[FiringDeed, str]] = {
    FiringDeed.ACTED: "执行了动作",
    FiringDeed.APPENDED: "并入未结束的预警",
    FiringDeed.REVIEW: "数据迟到，交人核对",
    FiringDeed.COOLING: "冷却期内，没有打扰",
}
LATE: Final[Mapping[LatePolicy, str]] = {
    LatePolicy.REVIEW: "数据迟到超过24小时：不打扰患者，交人核对",
    LatePolicy.SAME: "数据迟到也照常执行",
}


def action(one: RuleAction, names: Names) -> str:
    """Return one sentence that says what a rule does."""
    match one:
        case RaiseAlert():
            return "产生预警，通知团队" + ("和患者" if one.patient_text else "，不通知患者")
        case AssignTag(tag):
            return f"添加标签“{named(names.tags, tag)}”"
        case CreateTask():
            who = "患者" if one.audience is Audience.PATIENT else "医护"
            return f"给{who}一项任务：{one.title}（{length(one.due_within)}内）"
        case SendMessage(text):
            return f"发消息给患者：{text}"
        case ChangePlan(deed, plan):
            return f"{_PLAN_DEEDS[deed]}计划“{named(names.plans, plan)}”"
        case SendArticle(article):
            return f"发文章给患者：{named(names.subjects, article)}"


_PLAN_DEEDS: Final = {
    PlanDeed.BEGIN: "加入", PlanDeed.HOLD: "暂停", PlanDeed.RESUME: "恢复", PlanDeed.END: "结束",
}  # fmt: skip


def length(duration: timedelta) -> str:
    return span(duration) if duration else "立即"


def cool_down(duration: timedelta) -> str:
    return f"{span(duration)}内不重复打扰" if duration else "不设冷却期"


def clearing(times: int) -> str:
    return f"连续{times}次正常后自动结束" if times else "由医护人员结束"
