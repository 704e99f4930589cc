"""What is known of a patient about one leaf, in Chinese, whether it holds or not."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from app.domain.criteria.comparing import COMPARE
from app.domain.criteria.names import Names
from app.domain.criteria.population import (
    AtRisk,
    InDepartment,
    Interacted,
    IsGender,
    LivesIn,
    Measured,
    Medicated,
    OnPlan,
    PopulationLeaf,
    Prefers,
    Reachable,
    Scored,
    Visited,
)
from app.domain.criteria.population_wording import (
    GENDERS,
    INTERACTIONS,
    PLAN_STATES,
    PREFERENCES,
    VISITS,
    WAYS,
)
from app.domain.criteria.tree import (
    Absent,
    ActiveCondition,
    Age,
    Answered,
    Change,
    Count,
    HasTag,
    Latest,
    Leaf,
    Missed,
)
from app.domain.criteria.trend_checks import mean_of, rounded
from app.domain.criteria.trends import Dip, Growth, Mean, OfLast, Rise, Slope, TrendLeaf
from app.domain.criteria.wording import CONTEXTS
from app.domain.criteria.words import span, unit_label
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.profile.patient_facts import Facts, ObservedValue
from app.domain.profile.risk.words import score_words
from app.domain.profile.vital_signs import MeasurementContext, OffScale

_MOST = 3


def known(leaf: Leaf, facts: Facts, names: Names) -> str:
    """Return what is known that the leaf is judged by."""
    match leaf:
        case Latest() | Count() | Change() | Absent() | Measured():
            return _measurements(leaf, facts)
        case OfLast() | Mean() | Rise() | Slope() | Growth() | Dip():
            return _trend(leaf, facts)
        case ActiveCondition():
            return _listed("有效诊断", facts.conditions, "没有有效诊断")
        case HasTag():
            return "有这个标签或它的下级" if leaf.key in facts.tags else "没有这个标签"
        case Answered():
            return _answer(leaf, facts)
        case Missed():
            return _missed(leaf, facts)
        case Age():
            age = facts.age()
            return "没有登记出生日期" if age is None else f"{age}岁"
        case _:
            return _of_the_person(leaf, facts, names)


# ------------------------------------------------------------------------------ measurements


def _measurements(leaf: Latest | Count | Change | Absent | Measured, facts: Facts) -> str:
    values = facts.observations.get(leaf.code, ())
    kind = OBSERVATION_KINDS[leaf.code]
    match leaf:
        case Latest(context=context):
            return _newest(leaf.code, values, facts, context)
        case Measured():
            return _newest(leaf.code, values, facts, None)
        case Count(within=within, context=context):
            inside = [
                one
                for one in values
                if one.effective_at >= facts.now - within and context in (None, one.context)
            ]
            met = sum(_meets(leaf, one) for one in inside)
            told = f"{span(within)}内测了{len(inside)}次，{met}次符合"
            return told if inside else f"{told}；{_newest(leaf.code, values, facts, context)}"
        case Change(over=over):
            numbers = [
                one
                for one in values
                if one.value is not None and one.effective_at >= facts.now - over
            ]
            if len(numbers) < 2:
                return f"{span(over)}内{kind.name}不足两次，无法比较"
            first, last = numbers[-1], numbers[0]
            return f"{_value(first, leaf.code)} → {_value(last, leaf.code)}{_when(last, facts)}"
        case Absent(days=days):
            past = len(facts.days_scheduled(leaf.code))
            if past < days:
                return f"计划内已过去{past}天要测{kind.name}，还不到{days}天"
            return _newest(leaf.code, values, facts, None)


def _trend(leaf: TrendLeaf, facts: Facts) -> str:
    kind = OBSERVATION_KINDS[leaf.code]
    over = leaf.within if isinstance(leaf, OfLast | Mean) else leaf.over
    context = leaf.context if isinstance(leaf, OfLast | Mean) else None
    numbers = [
        one
        for one in facts.observations.get(leaf.code, ())
        if one.effective_at >= facts.now - over
        and one.value is not None
        and context in (None, one.context)
    ]
    if not numbers:
        return f"{span(over)}内没有{CONTEXTS[context] if context else ''}{kind.name}记录"
    values = [one.value for one in numbers if one.value is not None]
    mean = rounded(mean_of(values))
    least, most = min(values), max(values)
    spread = f"平均{mean}，最低{least:f}，最高{most:f} {unit_label(kind.unit)}"
    newest = f"最近一次{_value(numbers[0], leaf.code)}{_when(numbers[0], facts)}"
    return f"{span(over)}内{kind.name}{len(values)}次，{spread}，{newest}"


def _newest(
    code: str,
    values: Iterable[ObservedValue],
    facts: Facts,
    context: MeasurementContext | None,
) -> str:
    kind = OBSERVATION_KINDS[code]
    newest = next((one for one in values if context in (None, one.context)), None)
    if newest is None:
        return f"一年内没有{CONTEXTS[context] if context else ''}{kind.name}记录"
    return f"最近一次{kind.name} {_value(newest, code)}{_when(newest, facts)}"


def _value(one: ObservedValue, code: str) -> str:
    if one.value is None:
        return "低于量程" if one.off_scale is OffScale.LOW else "高于量程"
    return f"{one.value:f} {unit_label(OBSERVATION_KINDS[code].unit)}"


def _when(one: ObservedValue, facts: Facts) -> str:
    context = f"，{CONTEXTS[one.context]}" if one.context in CONTEXTS else ""
    return f"（{_moment(one.effective_at, facts)}{context}）"


def _meets(leaf: Count, one: ObservedValue) -> bool:
    if one.value is not None:
        return COMPARE[leaf.op](one.value, leaf.value)
    return leaf.op.startswith("<" if one.off_scale is OffScale.LOW else ">")


# ------------------------------------------------------------------------------ forms and tasks


def _answer(leaf: Answered, facts: Facts) -> str:
    answers = facts.answers.get(leaf.questionnaire)
    if answers is None:
        return "一年内没有填过这份问卷"
    day = _day(answers.authored_at, facts)
    given = answers.by_link_id.get(leaf.link_id)
    if given is None:
        return f"最近一次问卷（{day}）没有回答这一题"
    shown = {True: "是", False: "否"}.get(given, given) if isinstance(given, bool) else given
    return f"最近一次回答：{shown}（{day}）"


def _missed(leaf: Missed, facts: Facts) -> str:
    last = facts.settled_tasks.get(leaf.kind, ())[: leaf.of]
    if not last:
        return "三个月内没有到期的这类任务"
    return f"最近{len(last)}次错过{sum(one.is_missed for one in last)}次"


# ------------------------------------------------------------------------------ who they are


def _of_the_person(leaf: PopulationLeaf, facts: Facts, names: Names) -> str:
    match leaf:
        case IsGender():
            return GENDERS[facts.gender] if facts.gender else "没有登记性别"
        case InDepartment():
            code = facts.department
            return names.departments.get(code, code) if code else "没有登记科室"
        case LivesIn():
            return f"住在{facts.region}" if facts.region else "没有登记居住地"
        case Medicated():
            return _listed("在用药品", facts.medications, "没有在用的处方药")
        case OnPlan(key):
            state = facts.plans.get(key)
            return f"这个计划{PLAN_STATES[state]}" if state else "没有加入过这个计划"
        case Reachable():
            ways = "、".join(WAYS[one] for one in WAYS if one in facts.reach)
            return f"可以通过{ways}联系到" if ways else "没有可用的联系方式"
        case AtRisk(score):
            band = facts.risks.get(score)
            return f"现在评为“{score_words(score, band)[1]}”" if band else "没有可用的评估结果"
        case Prefers(kind):
            found = [value for one, value in facts.preferences if one is kind]
            return _listed(PREFERENCES[kind], found, f"还不知道{PREFERENCES[kind]}")
        case Visited() | Interacted() | Scored():
            return _happened(leaf, facts, names)
        case Measured():
            return _measurements(leaf, facts)


def _happened(leaf: Visited | Interacted | Scored, facts: Facts, names: Names) -> str:
    match leaf:
        case Visited(within, _, encounter_class, department):
            times = [
                one.started_at
                for one in facts.visits
                if encounter_class in (None, one.encounter_class)
                and department in (None, one.department)
            ]
            word = VISITS[encounter_class] if encounter_class else "就诊"
            where = f"在{names.departments.get(department, department)}" if department else ""
            return _times(times, within, f"{where}{word}", facts)
        case Interacted(kind, within, _, subject):
            times = [
                one.at
                for one in facts.interactions
                if one.kind is kind and subject in (None, one.subject)
            ]
            return _times(times, within, INTERACTIONS[kind], facts)
        case Scored(questionnaire=questionnaire):
            answers = facts.answers.get(questionnaire)
            if answers is None:
                return "一年内没有填过这份问卷"
            day = _day(answers.authored_at, facts)
            if answers.score is None:
                return f"最近一次问卷（{day}）没有得分"
            return f"最近一次{answers.score}分（{day}）"


def _times(times: list[datetime], within: timedelta, word: str, facts: Facts) -> str:
    past = [at for at in times if at <= facts.now]
    inside = sum(at >= facts.now - within for at in past)
    last = f"；最近一次在{_day(max(past), facts)}" if past else ""
    return f"{span(within)}内{word}{inside}次{last}"


def _listed(word: str, found: Iterable[str], nothing: str) -> str:
    told = sorted(found)
    if not told:
        return nothing
    more = f"等{len(told)}个" if len(told) > _MOST else ""
    return f"{word}：{'、'.join(told[:_MOST])}{more}"


def _day(at: datetime, facts: Facts) -> str:
    return f"{at.astimezone(facts.zone):%Y-%m-%d}"


def _moment(at: datetime, facts: Facts) -> str:
    return f"{at.astimezone(facts.zone):%Y-%m-%d %H:%M}"
