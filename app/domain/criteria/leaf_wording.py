"""The leaves of criteria in Chinese, each as it is when it holds."""

from decimal import Decimal

from app.domain.criteria.code_names import diagnosis
from app.domain.criteria.comparing import Comparator
from app.domain.criteria.names import Names
from app.domain.criteria.population_wording import describe_population
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
from app.domain.criteria.trend_wording import describe_trend
from app.domain.criteria.trends import Dip, Growth, Mean, OfLast, Rise, Slope
from app.domain.criteria.words import (
    SIGNS,
    answer_label,
    measure,
    named,
    quantity,
    span,
    task_label,
)


def describe_leaf(leaf: Leaf, names: Names) -> str:
    """Return one Chinese phrase that says when the leaf holds."""
    match leaf:
        case Latest(code, op, value, within, context):
            last = f"{span(within)}内最近一次{measure(code, context)}"
            return f"{last}{SIGNS[op]}{quantity(code, value)}"
        case Count():
            return f"{counted(leaf)}至少{leaf.at_least}次"
        case Change():
            return f"{span(leaf.over)}内{moved(leaf)}"
        case OfLast() | Mean() | Rise() | Slope() | Growth() | Dip():
            return describe_trend(leaf)
        case Absent(code, days):
            return f"计划内连续{days}天没有{measure(code)}记录"
        case ActiveCondition(prefix):
            return f"有诊断{diagnosis(prefix)}"
        case HasTag(key):
            return f"有标签“{named(names.tags, key)}”"
        case Answered():
            return f"{asked(leaf, names)}{answered(leaf, names)}"
        case Missed(kind, at_least, of):
            return f"最近{of}次“{task_label(kind)}”任务至少错过{at_least}次"
        case Age(op, years):
            return f"年龄{SIGNS[op]}{years}岁"
        case _:
            return describe_population(leaf, names)


def counted(leaf: Count) -> str:
    """Return what is counted and in which time."""
    told = f"{measure(leaf.code, leaf.context)}{SIGNS[leaf.op]}{quantity(leaf.code, leaf.value)}"
    return f"{span(leaf.within)}内{told}"


def moved(leaf: Change) -> str:
    verb = "上升" if leaf.by > 0 else "下降"
    return f"{measure(leaf.code)}{verb}达到{quantity(leaf.code, abs(leaf.by))}"


def asked(leaf: Answered, names: Names) -> str:
    """Return which question of which form."""
    when = f"{span(leaf.within)}内" if leaf.within else ""
    form = named(names.questionnaires, leaf.questionnaire)
    question = names.questions.get((leaf.questionnaire, leaf.link_id), leaf.link_id)
    return f"{when}最近一次问卷“{form}”的“{question}”"


def answered(leaf: Answered, names: Names) -> str:
    """Return the answer asked for: ≥3, or the words of its option: 答“有几天”."""
    option = (leaf.questionnaire, leaf.link_id, str(leaf.value))
    word = names.options.get(option) or answer_label(leaf.value)
    if leaf.op is Comparator.EQUAL and not isinstance(leaf.value, Decimal):
        return f"答“{word}”"
    return f"{SIGNS[leaf.op]}{word}"
