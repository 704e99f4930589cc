"""Chinese words for what the nurse pages show: grades, waiting times, values, states."""

from collections.abc import Mapping
from typing import Final

from app.domain.staff.alert_clock import CHAIN
from app.domain.staff.alerting import Outcome
from app.services.staff.worklist import Show
from app.web.alert_words import OUTCOMES as OUTCOMES
from app.web.alert_words import outcome as outcome
from app.web.moments import dated as dated
from app.web.moments import lasting as lasting
from app.web.moments import moment as moment
from app.web.moments import short_moment as short_moment
from app.web.patient_words import PREFERENCES as PREFERENCES
from app.web.patient_words import age as age
from app.web.patient_words import anchor as anchor
from app.web.patient_words import coverage as coverage
from app.web.patient_words import dose as dose
from app.web.patient_words import entry as entry
from app.web.patient_words import entry_kind as entry_kind
from app.web.patient_words import gender as gender
from app.web.patient_words import grounds as grounds
from app.web.patient_words import number as number
from app.web.patient_words import observation as observation
from app.web.patient_words import preference as preference
from app.web.patient_words import quantity as quantity
from app.web.patient_words import risk as risk
from app.web.patient_words import step as step
from app.web.patient_words import tag_marks as tag_marks
from app.web.patient_words import unit as unit

SHOW: Final[Mapping[Show, str]] = {
    Show.ALL: "全部",
    Show.MINE: "我的",
    Show.OVERDUE: "已超时",
    Show.SEVERE: "重度预警",
    Show.MODERATE: "中度预警",
    Show.MILD: "轻度预警",
    Show.TASKS: "随访待办",
}

_OF_ALERTS: Final = (Outcome.REACHED, Outcome.FALSE_ALARM)
# Of a call that a plan asked for: no reading can have been wrong.
CALL_OUTCOMES: Final[Mapping[Outcome, str]] = {
    Outcome.REACHED: "已联系上，随访完成",
    **{code: word for code, word in OUTCOMES.items() if code not in _OF_ALERTS},
}
# What follows by itself, said before the button is pressed.
CONSEQUENCES: Final[Mapping[Outcome, str]] = {
    Outcome.NO_ANSWER: "隔几小时再打；3 次没人接，转为核对联系方式",
    Outcome.CALL_LATER: "到约定时间再出现在工作台",
    Outcome.WRONG_NUMBER: "转为核对联系方式",
    Outcome.REFUSED: "由另一位同事核实后，结束随访计划",
    Outcome.MOVED: "由另一位同事核实后，结束随访计划",
    Outcome.DIED: "先停发提醒；由另一位同事核实后，结束随访计划",
}

REVEAL_REASONS: Final[Mapping[str, str]] = {
    "alert": "处理预警",
    "follow-up": "随访联系",
    "identity": "核对身份",
}

LEVELS: Final = tuple(one.label for one in CHAIN)

_CONTEXTS: Final = {
    "fasting": "空腹",
    "before-meal": "餐前",
    "after-meal": "餐后",
    "bedtime": "睡前",
    "random": "随机",
}
# HL7 table 0063, as far as hospitals here use it.
_RELATIONS: Final = {
    "self": "本人", "SEL": "本人", "SPO": "配偶", "CHD": "子女", "PAR": "父母", "MTH": "母亲",
    "FTH": "父亲", "SIB": "兄弟姐妹", "GRD": "监护人", "EMC": "紧急联系人", "FND": "朋友",
}  # fmt: skip


def context(value: str | None) -> str:
    return _CONTEXTS.get(value or "", "")


def relation(code: str) -> str:
    return _RELATIONS.get(code, "家属")
