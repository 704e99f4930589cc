"""Criteria in Chinese, for the person who approves a rule and the nurse who asks why."""

from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from app.domain.plans.criteria import (
    Absent,
    ActiveCondition,
    Age,
    All,
    Answered,
    Any,
    Change,
    Comparator,
    Count,
    Criterion,
    HasTag,
    Latest,
    Missed,
    Not,
)
from app.domain.plans.criteria_compiler import Evidence
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.profile.vital_signs import MeasurementContext

SIGNS = {
    Comparator.LESS: "＜",
    Comparator.AT_MOST: "≤",
    Comparator.AT_LEAST: "≥",
    Comparator.MORE: "＞",
    Comparator.EQUAL: "＝",
}
# UCUM units as patients and nurses read them.
UNITS = {"mm[Hg]": "mmHg", "Cel": "℃", "/min": "次/分", "{score}": "分"}
CONTEXTS = {
    MeasurementContext.FASTING: "空腹",
    MeasurementContext.BEFORE_MEAL: "餐前",
    MeasurementContext.AFTER_MEAL: "餐后",
    MeasurementContext.BEDTIME: "睡前",
}


def describe(criterion: Criterion) -> str:
    """Return one Chinese phrase that says when the criterion holds."""
    match criterion:
        case All(items):
            return "并且".join(_bracketed(item) for item in items)
        case Any(items):
            return "或者".join(_bracketed(item) for item in items)
        case Not(item):
            return f"不满足（{describe(item)}）"
        case Latest(code, op, value, within, context):
            return (
                f"{span(within)}内最近一次{_name(code, context)}{SIGNS[op]}{_number(code, value)}"
            )
        case Count(code, op, value, within, at_least, context):
            compared = f"{_name(code, context)}{SIGNS[op]}{_number(code, value)}"
            return f"{span(within)}内{compared}至少{at_least}次"
        case Change(code, over, by):
            verb = "上升" if by > 0 else "下降"
            return f"{span(over)}内{_name(code, None)}{verb}达到{_number(code, abs(by))}"
        case _:
            return _describe_other(criterion)


def _describe_other(
    criterion: Absent | ActiveCondition | HasTag | Answered | Missed | Age,
) -> str:
    match criterion:
        case Absent(code, days):
            return f"计划内连续{days}天没有{_name(code, None)}记录"
        case ActiveCondition(prefix):
            return f"有诊断{prefix}"
        case HasTag(key):
            return f"有标签“{key}”"
        case Answered(questionnaire, link_id, op, value, within):
            when = f"{span(within)}内" if within else "最近一次"
            return f"{when}问卷“{questionnaire}”的“{link_id}”{SIGNS[op]}{_answer(value)}"
        case Missed(kind, at_least, of):
            return f"最近{of}次“{kind}”任务至少错过{at_least}次"
        case Age(op, years):
            return f"年龄{SIGNS[op]}{years}岁"


def explain(evidence: Evidence, zone: ZoneInfo) -> str:
    """Return what was seen, when (hospital time), and the criterion it met."""
    seen = evidence.shown or ""
    match evidence.criterion:
        case Latest(code=code) | Count(code=code) | Change(code=code):
            seen = f"{_name(code, None)} {seen} {unit_label(OBSERVATION_KINDS[code].unit)}"
    when = f"（{evidence.at.astimezone(zone):%Y-%m-%d %H:%M}）" if evidence.at else ""
    told = f"{seen}{when}"
    met = describe(evidence.criterion)
    return f"{told}：{met}" if told else met


def span(length: timedelta) -> str:
    """Return a duration in the largest unit that leaves no rest."""
    minutes = int(length.total_seconds()) // 60
    if minutes % 1440 == 0:
        return f"{minutes // 1440}天"
    if minutes % 60 == 0:
        return f"{minutes // 60}小时"
    return f"{minutes}分钟"


def unit_label(unit: str) -> str:
    return UNITS.get(unit, unit)


def _bracketed(item: Criterion) -> str:
    told = describe(item)
    return f"（{told}）" if isinstance(item, All | Any) else told


def _name(code: str, context: MeasurementContext | None) -> str:
    name = OBSERVATION_KINDS[code].name
    return f"{CONTEXTS[context]}{name}" if context else name


def _number(code: str, value: Decimal) -> str:
    return f"{value:f} {unit_label(OBSERVATION_KINDS[code].unit)}"


def _answer(value: Decimal | str | bool) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    return f"{value:f}" if isinstance(value, Decimal) else value
