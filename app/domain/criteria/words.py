"""Words that every criterion is told with."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from app.domain.criteria.comparing import Comparator
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.profile.trend_words import UNIT_WORDS
from app.domain.profile.vital_signs import MeasurementContext

SIGNS = {
    Comparator.LESS: "＜",
    Comparator.AT_MOST: "≤",
    Comparator.AT_LEAST: "≥",
    Comparator.MORE: "＞",
    Comparator.EQUAL: "＝",
}
CONTEXTS = {
    MeasurementContext.FASTING: "空腹",
    MeasurementContext.BEFORE_MEAL: "餐前",
    MeasurementContext.AFTER_MEAL: "餐后",
    MeasurementContext.BEDTIME: "睡前",
}
# The kinds of a plan's actions (app.domain.plans.plan.ActionKind), as tasks of patients.
TASKS = {
    "article": "阅读",
    "reminder": "提醒",
    "medication-reminder": "服药",
    "measurement": "测量",
    "questionnaire": "问卷",
    "photo": "拍照",
    "revisit": "复诊",
    "staff-task": "随访",
    "message": "消息",
}


def span(length: timedelta) -> str:
    """Return a duration in the largest unit that leaves no rest."""
    minutes = int(length.total_seconds()) // 60
    if minutes % 1440 == 0:
        return f"{minutes // 1440}天"
    if minutes % 60 == 0:
        return f"{minutes // 60}小时"
    return f"{minutes}分钟"


def unit_label(unit: str) -> str:
    return UNIT_WORDS.get(unit, unit)


def measure(code: str, context: MeasurementContext | None = None) -> str:
    """Return what a code measures, and when in the day's meals."""
    name = OBSERVATION_KINDS[code].name
    return f"{CONTEXTS[context]}{name}" if context else name


def quantity(code: str, value: Decimal) -> str:
    return f"{value:f} {unit_label(OBSERVATION_KINDS[code].unit)}"


def answer_label(value: Decimal | str | bool) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    return f"{value:f}" if isinstance(value, Decimal) else value


def task_label(kind: str) -> str:
    return TASKS.get(kind, kind)


def named(names: Mapping[str, str], key: str) -> str:
    """Return what people call it; the key where nobody does."""
    return names.get(key, key)
