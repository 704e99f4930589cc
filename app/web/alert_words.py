"""Chinese words for how alerts end, on every page of staff."""

from collections.abc import Mapping
from typing import Final

from app.domain.staff.alerting import Outcome
from app.services.staff.alert_reading import AlertView

OUTCOMES: Final[Mapping[Outcome, str]] = {
    Outcome.REACHED: "已联系上，情况已处理",
    Outcome.REFERRED: "已联系上，建议就诊",
    Outcome.NO_ANSWER: "没有人接听",
    Outcome.CALL_LATER: "对方不方便，稍后再打",
    Outcome.WRONG_NUMBER: "号码错误",
    Outcome.REFUSED: "患者拒绝随访",
    Outcome.FALSE_ALARM: "误报（测量或填写有误）",
    Outcome.MOVED: "已转到其他医院或地区",
    Outcome.DIED: "患者已去世",
}
_ABSENCE_OVER: Final[Mapping[Outcome, str]] = {Outcome.DATA_ARRIVED: "已有新的测量数据"}
# All by which staff may end one; which an alert offers says `outcomes_of`.
BY_STAFF: Final[Mapping[Outcome, str]] = {**OUTCOMES, **_ABSENCE_OVER}
_BY_ITSELF: Final[Mapping[Outcome, str]] = {
    Outcome.BACK_TO_NORMAL: "数值恢复正常，系统结束",
    Outcome.MERGED: "档案合并，由另一条预警继续处理",
}


def outcome(value: Outcome | None) -> str:
    return "" if value is None else {**BY_STAFF, **_BY_ITSELF}[value]


def outcomes_of(alert: AlertView) -> Mapping[Outcome, str]:
    """Return how an alert may end: one for missing readings also by readings that came."""
    return {**_ABSENCE_OVER, **OUTCOMES} if alert.has_data_again else OUTCOMES
