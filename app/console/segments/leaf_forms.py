"""Each kind of condition as fields of a form: labels, choices, and how they become plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from app.domain.criteria.comparing import Comparator
from app.domain.criteria.population_wording import (
    GENDERS,
    INTERACTIONS,
    PLAN_STATES,
    PREFERENCES,
    VISITS,
    WAYS,
)
from app.domain.criteria.wording import CONTEXTS
from app.domain.criteria.words import unit_label
from app.domain.plans.plan import ActionKind
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.segments.complaints import field_name


class Widget(StrEnum):
    """How a field is asked."""

    CHOICE = "choice"  # a list that is short enough to look through
    SEARCH = "search"  # typed, with suggestions
    WHOLE = "whole"
    NUMBER = "number"
    TEXT = "text"
    PERIOD = "period"  # a number and a unit of time


@dataclass(frozen=True, slots=True)
class Field:
    """One field; `choices` are the options, or the name of a list that the database has."""

    name: str
    widget: Widget
    choices: Mapping[str, str] | str = ""
    default: str = ""
    hint: str = ""
    is_optional: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True)
class LeafForm:
    """One kind of condition: `lead` says what it asks."""

    kind: str
    label: str
    lead: str
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class LeafGroup:
    label: str
    kinds: tuple[str, ...] = field(default_factory=tuple)


OPERATORS: Final = {
    Comparator.LESS.value: "小于 ＜",
    Comparator.AT_MOST.value: "不超过 ≤",
    Comparator.AT_LEAST.value: "不低于 ≥",
    Comparator.MORE.value: "大于 ＞",
    Comparator.EQUAL.value: "等于 ＝",
}
PERIODS: Final = {"D": "天", "W": "周", "H": "小时", "M": "分钟"}
TASKS: Final = {
    ActionKind.MEASUREMENT.value: "测量",
    ActionKind.MEDICATION_REMINDER.value: "服药提醒",
    ActionKind.QUESTIONNAIRE.value: "问卷",
    ActionKind.PHOTO.value: "拍照",
    ActionKind.ARTICLE.value: "阅读",
    ActionKind.REVISIT.value: "复诊",
    ActionKind.REMINDER.value: "提醒",
    ActionKind.STAFF_TASK.value: "医护任务",
    ActionKind.MESSAGE.value: "消息",
}
MEASUREMENTS: Final = {
    code: f"{kind.name}（{unit_label(kind.unit)}）" for code, kind in OBSERVATION_KINDS.items()
}


def _texts(words: Mapping[Any, str]) -> dict[str, str]:
    return {str(key): word for key, word in words.items()}


def _code(name: str, listed: str, hint: str = "") -> Field:
    return Field(name, Widget.SEARCH, listed, hint=hint)


_OP: Final = Field("op", Widget.CHOICE, OPERATORS, default=">=")
_MEASUREMENT: Final = _code("code", "measurements", "输入几个字，从列表里选")
_WITHIN: Final = Field("within", Widget.PERIOD, default="90D")
_CONTEXT: Final = Field(
    "context", Widget.CHOICE, {"": "不限", **_texts(CONTEXTS)}, is_optional=True
)  # fmt: skip

FORMS: Final[Mapping[str, LeafForm]] = {
    one.kind: one
    for one in (
        LeafForm("tag", "标签", "有这个标签，或它下面的标签", (_code("key", "tags"),)),
        LeafForm(
            "age", "年龄", "按今天满多少岁",
            (_OP, Field("years", Widget.WHOLE, default="65")),
        ),
        LeafForm(
            "gender", "性别", "登记的性别",
            (Field("gender", Widget.CHOICE, _texts(GENDERS), default="female"),),
        ),
        LeafForm(
            "region", "居住地", "住址以这个地名开头",
            (Field("region", Widget.TEXT, hint="从省写起，例如 浙江省宁波市"),),
        ),
        LeafForm(
            "department", "所属科室", "现在由这个科室负责",
            (Field("code", Widget.CHOICE, "departments"),),
        ),
        LeafForm(
            "condition", "诊断", "有效诊断的编码以此开头",
            (Field("code", Widget.TEXT, hint="ICD-10，例如 E11（2型糖尿病）、I10（高血压）"),),
        ),
        LeafForm(
            "medication", "在用药品", "在用处方的药品编码以此开头",
            (Field("code", Widget.TEXT, hint="ATC 编码，例如 A10BA02（二甲双胍）"),),
        ),
        LeafForm(
            "latest", "最近一次结果", "最近一次检验或测量的数值",
            (_MEASUREMENT, _OP, Field("value", Widget.NUMBER, hint="按项目后面的单位填"), _WITHIN,
             _CONTEXT),
        ),
        LeafForm(
            "count", "结果出现的次数", "一段时间内，达到这个数值的次数",
            (_MEASUREMENT, _OP, Field("value", Widget.NUMBER, hint="按项目后面的单位填"),
             Field("at_least", Widget.WHOLE, default="2"), _WITHIN, _CONTEXT),
        ),
        LeafForm(
            "change", "结果的变化", "一段时间内最后一次比第一次",
            (_MEASUREMENT,
             Field("direction", Widget.CHOICE, {"up": "上升", "down": "下降"}, default="up",
                   label="升还是降"),
             Field("by", Widget.NUMBER, hint="至少变化这么多，按项目后面的单位填"),
             Field("over", Widget.PERIOD, default="90D")),
        ),
        LeafForm(
            "of_last", "最近几次里出现几次", "最近几次里，达到这个数值的次数",
            (_MEASUREMENT, _OP, Field("value", Widget.NUMBER, hint="按项目后面的单位填"),
             Field("of", Widget.WHOLE, default="3"), Field("at_least", Widget.WHOLE, default="2"),
             _WITHIN, _CONTEXT),
        ),
        LeafForm(
            "mean", "平均值", "一段时间内的平均值；测得太少不算",
            (_MEASUREMENT, _OP, Field("value", Widget.NUMBER, hint="按项目后面的单位填"),
             Field("at_least", Widget.WHOLE, default="3"), _WITHIN, _CONTEXT),
        ),
        LeafForm(
            "rise", "比最低（最高）时的变化", "最近一次比这段时间内最低或最高的一次",
            (_MEASUREMENT,
             Field("direction", Widget.CHOICE, {"up": "比最低时上升", "down": "比最高时下降"},
                   default="up", label="升还是降"),
             Field("by", Widget.NUMBER, hint="至少变化这么多，按项目后面的单位填"),
             Field("over", Widget.PERIOD, default="3D")),
        ),
        LeafForm(
            "measured", "测过没有", "这段时间内有记录；选“不符合”就是没有记录",
            (_MEASUREMENT, _WITHIN),
        ),
        LeafForm(
            "visited", "就诊", "这段时间内来过；选“不符合”就是没来过",
            (Field("class", Widget.CHOICE, {"": "不限", **_texts(VISITS)}, is_optional=True),
             Field("department", Widget.CHOICE, "departments", is_optional=True),
             Field("at_least", Widget.WHOLE, default="1"), _WITHIN),
        ),
        LeafForm(
            "plan", "随访计划", "在这个计划里，状态是",
            (Field("key", Widget.CHOICE, "plans"),
             Field("state", Widget.CHOICE, _texts(PLAN_STATES), default="active")),
        ),
        LeafForm(
            "missed", "错过任务", "最近几次任务里错过的次数",
            (Field("kind", Widget.CHOICE, TASKS, default="measurement"),
             Field("of", Widget.WHOLE, default="5"), Field("at_least", Widget.WHOLE, default="3")),
        ),
        LeafForm(
            "score", "问卷得分", "最近一次问卷的总分",
            (Field("questionnaire", Widget.CHOICE, "questionnaires"), _OP,
             Field("value", Widget.WHOLE), _WITHIN),
        ),
        LeafForm(
            "reachable", "联系方式", "能通过这种方式联系到",
            (Field("by", Widget.CHOICE, _texts(WAYS), default="mini-program"),),
        ),
        LeafForm(
            "interaction", "互动", "这段时间内患者做过",
            (Field("kind", Widget.CHOICE, _texts(INTERACTIONS), default="opened"),
             Field("subject", Widget.CHOICE, "subjects", is_optional=True),
             Field("at_least", Widget.WHOLE, default="1"), _WITHIN),
        ),
        LeafForm(
            "risk", "风险", "现在的评估结果",
            (Field("risk", Widget.CHOICE, "risks", label="评分和等级"),),
        ),
        LeafForm(
            "preference", "偏好", "患者自己说的，或从行为看出来的",
            (Field("kind", Widget.CHOICE, _texts(PREFERENCES), default="reach-hour"),
             Field("value", Widget.SEARCH, "preferred", hint="例如联系时段写 08")),
        ),
    )
}  # fmt: skip
GROUPS: Final = (
    LeafGroup("基本情况", ("age", "gender", "region", "department")),
    LeafGroup("标签和诊断", ("tag", "condition", "medication")),
    LeafGroup("检验和测量", ("latest", "of_last", "count", "mean", "change", "rise", "measured")),
    LeafGroup("就诊和随访", ("visited", "plan", "missed", "score")),
    LeafGroup("联系和行为", ("reachable", "interaction", "preference", "risk")),
)


def label_of(kind: str, one: Field) -> str:
    return one.label or field_name(kind, one.name)
