"""Chinese words for what both faces of staff show of a patient."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from app.domain.criteria.population import InteractionKind, PreferenceKind, Reach
from app.domain.profile.adherence import Coverage
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.profile.record_views import EntryKind
from app.domain.profile.social_history import answer_words
from app.domain.profile.trend_words import UNIT_WORDS, plain
from app.models import Gender, TagSource
from app.models.profile.reading.medicines import Medicine
from app.models.profile.reading.preferences import PreferenceLine
from app.models.profile.risk_lines import RiskLine
from app.models.profile.tag_reading import TagLine
from app.services.profile.patient_timeline import Entry

ENTRY_KINDS: Final[Mapping[EntryKind, str]] = {
    EntryKind.ALERT_STEP: "预警",
    EntryKind.OBSERVATION: "测量检验",
    EntryKind.REPORT: "报告",
    EntryKind.PRESCRIPTION: "用药",
    EntryKind.ORDER: "检查申请",
    EntryKind.VACCINATION: "接种",
    EntryKind.ALLERGY: "过敏",
    EntryKind.CONDITION: "诊断",
    EntryKind.FORM: "问卷",
    EntryKind.TASK: "任务",
    EntryKind.MESSAGE: "消息",
    EntryKind.INTERACTION: "小程序",
    EntryKind.TAG: "标签",
    EntryKind.RISK: "风险",
    EntryKind.PLAN: "计划",
    EntryKind.SOCIAL_HISTORY: "生活情况",
    EntryKind.CONSENT: "同意",
    EntryKind.APPOINTMENT: "预约",
    EntryKind.ENCOUNTER: "就诊",
}

_STEPS: Final = {
    "opened": "预警产生",
    "appended": "再次触发",
    "counted": "新的测量结果",
    "worsened": "加重，重新等待接手",
    "taken-back": "患者改了或去掉了回答",
    "data-arrived": "收到了新的测量数据",
    "cleared": "恢复正常，自动结束",
    "withdrawn": "结果更正，预警撤回",
    "passed-on": "团队没有人能接，交给代接的团队",
    "climbed": "没有人接手，升级",
    "told-together": "与同一患者的另一条预警一起通知",
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
_INTERPRETATIONS: Final = {
    "H": "偏高", "HH": "很高", "L": "偏低", "LL": "很低", "A": "异常", "AA": "明显异常",
}  # fmt: skip
# Why a value from home is kept and not believed, and who brought one.
DOUBTS: Final = {
    "range": "可疑：超出可能的范围", "jump": "可疑：变化太快", "pressures": "可疑：高压不大于低压",
    "repeat": "同一台设备重复上传",
}  # fmt: skip
REPORTERS: Final = {"patient": "本人填写", "family": "家属填写", "device": "设备上传"}
_TASK_STATES: Final = {"completed": "完成", "missed": "没有完成", "unable": "患者说做不到"}
MESSAGE_STATES: Final = {
    "queued": "等待发送", "claimed": "等待发送", "calling": "正在发送", "held": "暂停发送",
    "unknown": "是否送达不清楚", "sent": "已发送", "delivered": "已送达", "refused": "未能送达",
    "dead": "发送失败", "cancelled": "已取消", "expired": "已过期",
}  # fmt: skip
CHANNELS: Final = {
    "inbox": "小程序消息", "subscription": "订阅消息", "template": "公众号消息", "sms": "短信",
    "medical-assistant": "就医助手", "customer-service": "客服消息",
    "wecom-group-task": "企业微信群发",
}  # fmt: skip
_ENCOUNTERS: Final = {"AMB": "门诊", "IMP": "住院", "EMER": "急诊", "VR": "线上就诊"}
_ENCOUNTER_STATES: Final = {
    "planned": "已预约", "in-progress": "开始", "finished": "结束", "cancelled": "取消",
}  # fmt: skip
_REPORT_STATES: Final = {
    "registered": "已登记", "partial": "部分结果", "preliminary": "初步报告", "final": "正式报告",
    "amended": "已修改", "corrected": "已更正", "appended": "有补充", "cancelled": "已取消",
    "entered-in-error": "录入错误",
}  # fmt: skip
_REQUEST_STATES: Final = {
    "draft": "草稿", "active": "执行中", "on-hold": "暂停", "cancelled": "取消", "revoked": "撤销",
    "stopped": "停用", "completed": "完成", "entered-in-error": "录入错误",
}  # fmt: skip
_VACCINATION_STATES: Final = {
    "completed": "已接种", "not-done": "未接种", "entered-in-error": "录入错误",
}  # fmt: skip
_STANDING: Final = {"active": "", "inactive": "已不存在", "provisional": "疑似"}
_FORM_STATES: Final = {
    "completed": "已填写", "amended": "已修改", "in-progress": "填写中", "stopped": "中止",
    "entered-in-error": "录入错误",
}  # fmt: skip
_PLAN_STATES: Final = {
    "begun": "开始", "completed": "完成", "revoked": "提前结束", "active": "进行中",
    "on-hold": "暂停",
}  # fmt: skip
CONSENTS: Final = {
    "health-data": "健康信息处理", "guardian": "监护人", "messages": "消息提醒",
    "reminders": "任务提醒", "health-education": "健康知识", "surveys": "问卷邀请",
}  # fmt: skip
_CONSENT_STATES: Final = {"given": "同意", "withdrawn": "不同意或撤回"}
_APPOINTMENT_STATES: Final = {
    "booked": "已预约", "arrived": "已到诊", "fulfilled": "已就诊", "cancelled": "已取消",
    "noshow": "爽约",
}  # fmt: skip
_DEEDS: Final = {
    InteractionKind.OPENED.value: "打开", InteractionKind.READ.value: "阅读",
    InteractionKind.CLICKED.value: "点击", InteractionKind.WATCHED.value: "观看",
    InteractionKind.REPLIED.value: "回复", InteractionKind.RATED.value: "评价",
}  # fmt: skip
TAG_SOURCES: Final = {
    TagSource.RULE: "规则", TagSource.PERSON: "人工", TagSource.TEXT: "文本",
    TagSource.MODEL: "模型",
}  # fmt: skip
TAG_CLASSES: Final = {
    "diagnosis": "诊断", "treatment": "治疗", "management": "管理", "operational": "运营",
}  # fmt: skip
REACHES: Final = {
    Reach.MINI_PROGRAM: "小程序已绑定", Reach.OFFICIAL_ACCOUNT: "已关注公众号",
    Reach.PHONE: "有电话",
}  # fmt: skip
PREFERENCES: Final = {
    PreferenceKind.REACH_HOUR: "方便联系的时间", PreferenceKind.DEPARTMENT: "常去科室",
    PreferenceKind.PRACTITIONER: "常看医生", PreferenceKind.PRACTITIONER_GENDER: "医生性别",
    PreferenceKind.INTEREST: "关心的内容", PreferenceKind.CONTACT: "联系方式",
    PreferenceKind.CHANNEL: "收消息的方式",
}  # fmt: skip
_PREFERRED: Final = {
    PreferenceKind.PRACTITIONER_GENDER: {"male": "男医生", "female": "女医生"},
    PreferenceKind.CONTACT: {"text": "发文字", "call": "打电话"},
    PreferenceKind.CHANNEL: {
        "mini-program": "小程序通知",
        "official-account": "公众号",
        "wecom": "企业微信",
        "sms": "短信",
    },
}


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
    return plain(value)


def unit(value: str | None) -> str:
    return UNIT_WORDS.get(value or "", value or "")


def quantity(value: Decimal, of: str | None) -> str:
    return f"{number(value)} {unit(of)}".strip()


def percent(share: Decimal) -> str:
    return f"{share * 100:.0f}%"


def observation(code: str, display: str | None = None) -> str:
    """Return the Chinese name of a code, or what its sender calls it."""
    kind = OBSERVATION_KINDS.get(code)
    return kind.name if kind else display or code


def step(kind: str) -> str:
    return _STEPS.get(kind, "更新")


def tag_marks(tag: TagLine) -> str:
    """Return where a tag comes from, how sure it is, and whether a person fixed it."""
    sure = "" if tag.confidence == 1 else f"，把握 {percent(tag.confidence)}"
    return f"{TAG_SOURCES[tag.source]}{sure}" + ("，已人工确认" if tag.is_locked else "")


def risk(line: RiskLine) -> str:
    """Return what a score says, or that and why it says nothing."""
    if line.value is None:
        return f"{line.name}：{line.sentence}"
    of = "" if line.unit == "{score}" else f" {unit(line.unit)}".rstrip()
    band = f"（{line.band_name}）" if line.band_name else ""
    return f"{line.name}：{number(line.value)}{of}{band}"


def dose(one: Medicine) -> str:
    """Return how a medicine is taken, as far as the prescription says."""
    each = f"每次 {quantity(one.dose, one.dose_unit)}" if one.dose is not None else ""
    return "，".join(part for part in (each, one.frequency or "") if part)


def coverage(found: Coverage) -> str:
    """Return the proportion of days covered in words, or why there is none."""
    if found.share is None or found.why_not is not None:
        return f"取药覆盖无法计算：{found.why_not.sentence if found.why_not else ''}"
    verdict = "达标" if found.is_adherent else "不足 80%"
    return (
        f"取药覆盖 {percent(found.share)}（{found.period_days} 天里有药 {found.covered_days} 天，"
        f"{verdict}）"
    )


def preference(line: PreferenceLine) -> str:
    return preferred(line.kind, line.value, line.evidence.get("name"))


def preferred(kind: PreferenceKind, value: str, name: object = None) -> str:
    """Return a preferred value in words; `name` is what its code is called."""
    if kind is PreferenceKind.REACH_HOUR and value.isdigit():
        return f"{int(value)}:00–{int(value) + 1}:00"
    return _PREFERRED.get(kind, {}).get(value) or str(name or value)


def grounds(line: PreferenceLine) -> str:
    """Return on what a preference stands."""
    if line.is_stated:
        return "本人说的"
    counted, of = line.evidence.get("count"), line.evidence.get("of")
    return f"{of} 次里 {counted} 次（{percent(line.share)}）" if counted and of else "从行为推断"


def entry_kind(kind: EntryKind) -> str:
    return ENTRY_KINDS[kind]


def entry(one: Entry) -> str:
    """Return one line of the timeline."""
    return _LINES[one.kind](one)


def _observed(one: Entry) -> str:
    said = quantity(one.value, one.unit) if one.value is not None else one.value_text or "无数值"
    mark = _INTERPRETATIONS.get(one.state) or DOUBTS.get(one.state)
    whence = "，".join(filter(None, (REPORTERS.get(one.reporter or ""), one.device)))
    return (
        f"{observation(one.what, one.display)} {said}"
        + (f"（{mark}）" if mark else "")
        + (f" · {whence}" if whence else "")
    )


def _prescribed(one: Entry) -> str:
    each = f" 每次 {quantity(one.value, one.unit)}" if one.value is not None else ""
    often = f" {one.display}" if one.display else ""
    return f"{one.what}{each}{often}：{_REQUEST_STATES.get(one.state, '状态不详')}"


def _answered(one: Entry) -> str:
    score = f"，{number(one.value)} 分" if one.value is not None else ""
    band = f"（{one.note}）" if one.note else ""
    return f"{one.what}：{_FORM_STATES.get(one.state, one.state)}{score}{band}"


def _standing(one: Entry) -> str:
    state = _STANDING.get(one.state, one.state)
    return one.what + (f"（{state}）" if state else "")


def _tagged(one: Entry) -> str:
    return f"{'加上' if one.state == 'given' else '去掉'}“{one.what}”"


def _assessed(one: Entry) -> str:
    if one.value is None:
        return f"{one.what}：暂不能计算"
    return f"{one.what}：{number(one.value)}" + (f"（{one.state}）" if one.state else "")


def _lived(one: Entry) -> str:
    return "：".join(answer_words(one.what, one.state))


def _used(one: Entry) -> str:
    return "，".join(f"{_DEEDS.get(kind, kind)} {times} 次" for kind, times in one.counts)


def _message(one: Entry) -> str:
    return f"{CHANNELS.get(one.what, '消息')}：{MESSAGE_STATES.get(one.state, one.state)}"


def _visit(one: Entry) -> str:
    state = _ENCOUNTER_STATES.get(one.state, one.state)
    where = f"（{one.display}）" if one.display else ""
    return f"{_ENCOUNTERS.get(one.what, '就诊')}{state}{where}"


def _agreed(one: Entry) -> str:
    return f"{CONSENTS.get(one.what, one.what)}：{_CONSENT_STATES[one.state]}"


def _named(states: Mapping[str, str]) -> Callable[[Entry], str]:
    def line(one: Entry) -> str:
        return f"{one.what or '就诊'}：{states.get(one.state, one.state)}"

    return line


_LINES: Final[Mapping[EntryKind, Callable[[Entry], str]]] = {
    EntryKind.ALERT_STEP: lambda one: f"{one.what}：{step(one.state)}",
    EntryKind.OBSERVATION: _observed,
    EntryKind.REPORT: _named(_REPORT_STATES),
    EntryKind.PRESCRIPTION: _prescribed,
    EntryKind.ORDER: _named(_REQUEST_STATES),
    EntryKind.VACCINATION: _named(_VACCINATION_STATES),
    EntryKind.ALLERGY: _standing,
    EntryKind.CONDITION: _standing,
    EntryKind.FORM: _answered,
    EntryKind.TASK: _named(_TASK_STATES),
    EntryKind.MESSAGE: _message,
    EntryKind.INTERACTION: _used,
    EntryKind.TAG: _tagged,
    EntryKind.RISK: _assessed,
    EntryKind.PLAN: _named(_PLAN_STATES),
    EntryKind.SOCIAL_HISTORY: _lived,
    EntryKind.CONSENT: lambda one: (
        f"{CONSENTS.get(one.what, one.what)}：{_CONSENT_STATES[one.state]}"
    ),
    EntryKind.APPOINTMENT: _named(_APPOINTMENT_STATES),
    EntryKind.ENCOUNTER: _visit,
}
