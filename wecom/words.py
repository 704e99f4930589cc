"""Chinese words for what the nurse pages show: grades, waiting times, values, states."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.staff.alerting import Outcome
from app.models import Gender
from app.services.profile.patient_timeline import Entry, EntryKind
from app.services.staff.worklist import Show
from app.web.moments import lasting as lasting
from app.web.moments import moment as moment
from app.web.moments import short_moment as short_moment

SHOW: Final[Mapping[Show, str]] = {
    Show.ALL: "全部",
    Show.OVERDUE: "已超时",
    Show.SEVERE: "重度预警",
    Show.MODERATE: "中度预警",
    Show.MILD: "轻度预警",
    Show.TASKS: "随访待办",
}

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
_CLOSED_BY_VALUES: Final = "数值恢复正常，系统结束"

REVEAL_REASONS: Final[Mapping[str, str]] = {
    "alert": "处理预警",
    "follow-up": "随访联系",
    "identity": "核对身份",
}

LEVELS: Final = ("值班护士", "主管医生", "护士长")

_STEPS: Final = {
    "opened": "预警产生",
    "appended": "再次触发",
    "counted": "新的测量结果",
    "worsened": "加重，重新等待接手",
    "cleared": "恢复正常，自动结束",
    "withdrawn": "结果更正，预警撤回",
    "climbed": "没有人接手，升级",
    "taken": "接手处理",
    "handed-over": "转交",
    "contacted": "已联系患者",
    "outcome": "记录联系结果",
    "laboratory-called": "检验科已电话报告",
    "laboratory-silent": "没有接到检验科电话",
    "patient-told": "确认通知患者",
}

_GENDERS: Final = {Gender.MALE: "男", Gender.FEMALE: "女"}
_ANCHORS: Final = {"discharge": "出院", "surgery": "手术", "birth": "出生"}
_UNITS: Final = {"mm[Hg]": "mmHg", "Cel": "℃", "/min": "次/分", "{score}": "分"}
_CONTEXTS: Final = {
    "fasting": "空腹",
    "before-meal": "餐前",
    "after-meal": "餐后",
    "bedtime": "睡前",
    "random": "随机",
}
_INTERPRETATIONS: Final = {
    "H": "偏高", "HH": "很高", "L": "偏低", "LL": "很低", "A": "异常", "AA": "明显异常",
}  # fmt: skip
_TASK_STATES: Final = {"completed": "完成", "missed": "没有完成", "unable": "患者说做不到"}
_MESSAGE_STATES: Final = {
    "queued": "等待发送", "claimed": "等待发送", "calling": "正在发送", "held": "暂停发送",
    "unknown": "是否送达不清楚", "sent": "已发送", "delivered": "已送达", "refused": "未能送达",
    "dead": "发送失败", "cancelled": "已取消", "expired": "已过期",
}  # fmt: skip
_CHANNELS: Final = {
    "inbox": "小程序消息", "subscription": "订阅消息", "template": "公众号消息", "sms": "短信",
}  # fmt: skip
_ENCOUNTERS: Final = {"AMB": "门诊", "IMP": "住院", "EMER": "急诊", "VR": "线上就诊"}
_ENCOUNTER_STATES: Final = {
    "planned": "已预约", "in-progress": "开始", "finished": "结束", "cancelled": "取消",
}  # fmt: skip
# HL7 table 0063, as far as hospitals here use it.
_RELATIONS: Final = {
    "self": "本人", "SEL": "本人", "SPO": "配偶", "CHD": "子女", "PAR": "父母", "MTH": "母亲",
    "FTH": "父亲", "SIB": "兄弟姐妹", "GRD": "监护人", "EMC": "紧急联系人", "FND": "朋友",
}  # fmt: skip


def age(birth_date: date | None, today: date) -> str:
    """Return years; months below three years, days below two months."""
    if birth_date is None or birth_date > today:
        return "年龄不详"
    months = (today.year - birth_date.year) * 12 + today.month - birth_date.month
    months -= today.day < birth_date.day
    if months >= 36:
        return f"{months // 12} 岁"
    return f"{months} 个月" if months >= 2 else f"{(today - birth_date).days} 天"


def gender(value: Gender) -> str:
    return _GENDERS.get(value, "性别不详")


def anchor(value: str, day: int) -> str:
    word = _ANCHORS.get(value, "计划开始")
    return f"{word}当天" if day == 0 else f"{word}第 {day} 天"


def number(value: Decimal) -> str:
    """Return a value without the zeros its column added."""
    return f"{value.normalize():f}"


def unit(value: str | None) -> str:
    return _UNITS.get(value or "", value or "")


def quantity(value: Decimal, of: str | None) -> str:
    return f"{number(value)} {unit(of)}".strip()


def observation(code: str, display: str | None = None) -> str:
    """Return the Chinese name of a code, or what its sender calls it."""
    kind = OBSERVATION_KINDS.get(code)
    return kind.name if kind else display or code


def context(value: str | None) -> str:
    return _CONTEXTS.get(value or "", "")


def outcome(value: Outcome | None) -> str:
    return "" if value is None else OUTCOMES.get(value, _CLOSED_BY_VALUES)


def step(kind: str) -> str:
    return _STEPS.get(kind, "更新")


def relation(code: str) -> str:
    return _RELATIONS.get(code, "家属")


def entry_kind(kind: EntryKind) -> str:
    return {
        EntryKind.ALERT_STEP: "预警",
        EntryKind.OBSERVATION: "测量检验",
        EntryKind.TASK: "任务",
        EntryKind.MESSAGE: "消息",
        EntryKind.ENCOUNTER: "就诊",
    }[kind]


def entry(one: Entry) -> str:
    """Return one line of the timeline."""
    match one.kind:
        case EntryKind.ALERT_STEP:
            return f"{one.what}：{step(one.state)}"
        case EntryKind.OBSERVATION:
            return _observed(one)
        case EntryKind.TASK:
            return f"{one.what}：{_TASK_STATES.get(one.state, one.state)}"
        case EntryKind.MESSAGE:
            channel = _CHANNELS.get(one.what, "消息")
            return f"{channel}：{_MESSAGE_STATES.get(one.state, one.state)}"
        case EntryKind.ENCOUNTER:
            state = _ENCOUNTER_STATES.get(one.state, one.state)
            return f"{_ENCOUNTERS.get(one.what, '就诊')}{state}"


def _observed(one: Entry) -> str:
    said = quantity(one.value, one.unit) if one.value is not None else one.value_text or "无数值"
    mark = _INTERPRETATIONS.get(one.state)
    return f"{observation(one.what, one.display)} {said}" + (f"（{mark}）" if mark else "")
