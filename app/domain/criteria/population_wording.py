"""The leaves about who a patient is and what they do, in Chinese."""

from app.domain.criteria.code_names import medicine
from app.domain.criteria.names import Names
from app.domain.criteria.population import (
    AtRisk,
    InDepartment,
    Interacted,
    InteractionKind,
    IsGender,
    LivesIn,
    Measured,
    Medicated,
    OnPlan,
    PlanState,
    PopulationLeaf,
    PreferenceKind,
    Prefers,
    Reach,
    Reachable,
    Scored,
    Visited,
)
from app.domain.criteria.words import SIGNS, measure, named, span
from app.domain.intake.hospital_records import EncounterClass, Gender
from app.domain.profile.risk.words import score_words

GENDERS = {
    Gender.MALE: "男",
    Gender.FEMALE: "女",
    Gender.OTHER: "其他",
    Gender.UNKNOWN: "未知",
}
VISITS = {
    EncounterClass.AMBULATORY: "门诊",
    EncounterClass.INPATIENT: "住院",
    EncounterClass.EMERGENCY: "急诊",
}
PLAN_STATES = {
    PlanState.ACTIVE: "正在进行",
    PlanState.ON_HOLD: "已暂停",
    PlanState.OVER: "已结束",
}
WAYS = {
    Reach.MINI_PROGRAM: "小程序",
    Reach.OFFICIAL_ACCOUNT: "公众号",
    Reach.PHONE: "电话",
}
INTERACTIONS = {
    InteractionKind.OPENED: "打开小程序",
    InteractionKind.READ: "读完",
    InteractionKind.CLICKED: "点开",
    InteractionKind.WATCHED: "看完视频",
    InteractionKind.REPLIED: "回复",
    InteractionKind.RATED: "评价",
}
PREFERENCES = {
    PreferenceKind.REACH_HOUR: "习惯的联系时段",
    PreferenceKind.DEPARTMENT: "常去的科室",
    PreferenceKind.PRACTITIONER: "常看的医生",
    PreferenceKind.PRACTITIONER_GENDER: "偏好的医生性别",
    PreferenceKind.INTEREST: "感兴趣的内容",
    PreferenceKind.CONTACT: "偏好的联系方式",
    PreferenceKind.CHANNEL: "选择的消息渠道",
}
CONTACTS = {"text": "文字消息", "call": "电话"}
CHANNELS = {
    "mini-program": "小程序通知", "official-account": "公众号", "wecom": "企业微信", "sms": "短信",
}  # fmt: skip


def describe_population(leaf: PopulationLeaf, names: Names) -> str:
    """Return one Chinese phrase that says when the leaf holds."""
    match leaf:
        case Visited():
            return f"{visit(leaf, names)}至少{leaf.at_least}次"
        case Interacted():
            return f"{doing(leaf, names)}至少{leaf.at_least}次"
        case Measured(code, within):
            return f"{span(within)}内有{measure(code)}记录"
        case Scored(op=op, value=value):
            return f"{score(leaf, names)}{SIGNS[op]}{value}分"
        case _:
            return _describe_state(leaf, names)


def _describe_state(
    leaf: IsGender | InDepartment | LivesIn | OnPlan | Medicated | Reachable | AtRisk | Prefers,
    names: Names,
) -> str:
    match leaf:
        case IsGender(gender):
            return f"性别为{GENDERS[gender]}"
        case InDepartment(code):
            return f"所属科室为{named(names.departments, code)}"
        case LivesIn(region):
            return f"住在{region}"
        case OnPlan(key, state):
            return f"计划“{named(names.plans, key)}”{PLAN_STATES[state]}"
        case Medicated(prefix):
            return f"正在使用{medicine(prefix)}"
        case Reachable(by):
            return f"可以通过{WAYS[by]}联系到"
        case AtRisk():
            return f"{risk(leaf)}为“{band(leaf)}”"
        case Prefers(kind):
            return f"{PREFERENCES[kind]}是{preferred(leaf, names)}"


def visit(leaf: Visited, names: Names) -> str:
    """Return which visits, where and in which time."""
    where = f"在{named(names.departments, leaf.department)}" if leaf.department else ""
    kind = VISITS[leaf.encounter_class] if leaf.encounter_class else "就诊"
    return f"{span(leaf.within)}内{where}{kind}"


def doing(leaf: Interacted, names: Names) -> str:
    """Return what is done, with what and in which time."""
    what = f"“{named(names.subjects, leaf.subject)}”" if leaf.subject else ""
    return f"{span(leaf.within)}内{INTERACTIONS[leaf.kind]}{what}"


def score(leaf: Scored, names: Names) -> str:
    form = named(names.questionnaires, leaf.questionnaire)
    return f"{span(leaf.within)}内最近一次问卷“{form}”得分"


def risk(leaf: AtRisk) -> str:
    return f"风险“{score_words(leaf.score, leaf.band)[0]}”"


def band(leaf: AtRisk) -> str:
    return score_words(leaf.score, leaf.band)[1]


def preferred(leaf: Prefers, names: Names) -> str:
    """Return the value of a preference in words."""
    match leaf.kind:
        case PreferenceKind.REACH_HOUR:
            return f"{leaf.value}点"
        case PreferenceKind.DEPARTMENT:
            return named(names.departments, leaf.value)
        case PreferenceKind.PRACTITIONER_GENDER:
            return named({gender.value: word for gender, word in GENDERS.items()}, leaf.value)
        case PreferenceKind.CONTACT:
            return named(CONTACTS, leaf.value)
        case PreferenceKind.CHANNEL:
            return named(CHANNELS, leaf.value)
    return f"“{leaf.value}”"
