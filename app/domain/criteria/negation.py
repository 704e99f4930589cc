"""Leaves of criteria denied, as people deny them: who was never measured is among them."""

from app.domain.criteria.code_names import diagnosis, medicine
from app.domain.criteria.comparing import Comparator
from app.domain.criteria.leaf_wording import answered, asked, counted, describe_leaf, moved
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
    Prefers,
    Reachable,
    Scored,
    Visited,
)
from app.domain.criteria.population_wording import (
    GENDERS,
    PLAN_STATES,
    PREFERENCES,
    WAYS,
    band,
    doing,
    preferred,
    risk,
    score,
    visit,
)
from app.domain.criteria.tree import (
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
from app.domain.criteria.trend_wording import deny_trend
from app.domain.criteria.trends import Dip, Growth, Mean, OfLast, Rise, Slope
from app.domain.criteria.words import (
    SIGNS,
    measure,
    named,
    quantity,
    span,
    task_label,
)

_OPPOSITES = {
    Comparator.LESS: "≥",
    Comparator.AT_MOST: "＞",
    Comparator.AT_LEAST: "＜",
    Comparator.MORE: "≤",
    Comparator.EQUAL: "≠",
}


def deny(leaf: Leaf, names: Names) -> str:
    """Return one Chinese phrase that says when the leaf does not hold."""
    match leaf:
        case Latest(code, op, value, within, context):
            wanted = f"{SIGNS[op]}{quantity(code, value)}"
            return f"{span(within)}内最近一次{measure(code, context)}不是{wanted}（或没有记录）"
        case Scored(op=op, value=value):
            return f"{score(leaf, names)}不是{SIGNS[op]}{value}分（或没有得分）"
        case Answered():
            wanted = answered(leaf, names)
            denied = "没有" if wanted.startswith("答") else "不是"
            return f"{asked(leaf, names)}{denied}{wanted}（或没有回答）"
        case Change():
            return f"{span(leaf.over)}内没有{moved(leaf)}"
        case OfLast() | Mean() | Rise() | Slope() | Growth() | Dip():
            return deny_trend(leaf)
        case Measured(code, within):
            return f"{span(within)}内没有{measure(code)}记录"
        case Age(op, years):
            return f"年龄{_OPPOSITES[op]}{years}岁（或不详）"
        case Count() | Visited() | Interacted() | Missed():
            return _deny_often(leaf, names)
        case _:
            return _deny_state(leaf, names)


def _deny_often(leaf: Count | Visited | Interacted | Missed, names: Names) -> str:
    if isinstance(leaf, Missed):
        few = f"少于{leaf.at_least}次"
        return f"最近{leaf.of}次“{task_label(leaf.kind)}”任务错过{few}"
    match leaf:
        case Count():
            what = counted(leaf)
        case Visited():
            what = visit(leaf, names)
        case Interacted():
            what = doing(leaf, names)
    return f"{what}少于{leaf.at_least}次"


def _deny_state(leaf: Leaf, names: Names) -> str:
    match leaf:
        case ActiveCondition(prefix):
            return f"没有诊断{diagnosis(prefix)}"
        case HasTag(key):
            return f"没有标签“{named(names.tags, key)}”"
        case IsGender(gender):
            return f"性别不是{GENDERS[gender]}"
        case InDepartment(code):
            return f"所属科室不是{named(names.departments, code)}"
        case LivesIn(region):
            return f"不住在{region}（或不详）"
        case OnPlan(key, state):
            return f"计划“{named(names.plans, key)}”不是{PLAN_STATES[state]}（或没有参加）"
        case Medicated(prefix):
            return f"没有在使用{medicine(prefix)}"
        case Reachable(by):
            return f"不能通过{WAYS[by]}联系到"
        case AtRisk():
            return f"{risk(leaf)}不是“{band(leaf)}”（或没有评估）"
        case Prefers(kind):
            return f"{PREFERENCES[kind]}不是{preferred(leaf, names)}"
    return f"不满足（{describe_leaf(leaf, names)}）"
