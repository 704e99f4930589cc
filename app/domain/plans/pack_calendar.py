"""A pack as a document that a department reads and signs: its days, its rules, its sources.

Markdown in Chinese. What repeats often stands once; everything else stands on its day, worked out
as for a patient whose day 0 is the example's.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.domain.criteria.names import Names
from app.domain.criteria.wording import describe
from app.domain.plans import plan_words
from app.domain.plans.pack_sets import names_in
from app.domain.plans.packs import MediumKind, Pack
from app.domain.plans.plan import Action, PlanDefinition
from app.domain.plans.plan_calendar import Entry, plan_calendar
from app.domain.plans.plan_days import Almanac
from app.domain.plans.rules import Grade
from app.domain.plans.timing import LONGEST_START_DAYS

# What comes more often than this is told as what it is, a repeat.
_MOST_TOLD: Final = 5
_WEEKDAYS: Final = "一二三四五六日"
_MEDIA: Final = {MediumKind.PICTURE: "图", MediumKind.VIDEO: "视频"}


def render(
    pack: Pack, anchor_on: date, zone: ZoneInfo, almanac: Almanac, others: Iterable[Pack] = ()
) -> str:
    """Return the document; `others` are packs whose forms this one asks for."""
    names = names_in(pack, others)
    blocks = [f"以 {_dated(anchor_on)} 为第 0 天举例，不计法定节假日。版本 {pack.version}。"]
    for plan in pack.plans:
        blocks += _plan(pack, plan, names, anchor_on, zone, almanac)
    blocks += _rules(pack, names)
    blocks.append(_articles(pack))
    blocks.append(_table("来源", ("代号", "出处"), list(pack.sources.items())))
    blocks.append(_sign_off(pack))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _plan(
    pack: Pack,
    plan: PlanDefinition,
    names: Names,
    anchor_on: date,
    zone: ZoneInfo,
    almanac: Almanac,
) -> Iterator[str]:
    told = {one["key"]: one["timing"] for one in _definition(pack, plan)["actions"]}
    since = datetime.combine(anchor_on, time.min, zone)
    until = since + timedelta(days=LONGEST_START_DAYS + 1)
    entries = plan_calendar(plan, anchor_on, zone, since, until, almanac)
    often = _often(entries)
    yield f"## {plan.name}"
    entering = f"，符合时加入：{describe(plan.enrol_when, names)}" if plan.enrol_when else ""
    yield f"第 0 天：{plan_words.ANCHORS[plan.anchor]}日{entering}。"
    once = [one for one in entries if _key(one) not in often]
    columns = ("天", "日期", "时间", "类别", "做什么", "时限")
    actions = {action.key: action for action in plan.actions}
    titles = {action.key: action.title for action in plan.actions}
    yield _table("按天", columns, list(_days(once, actions, names, zone)))
    rows = [
        (plan_words.KINDS[action.kind], _asked(action, names), when)
        for action in plan.actions
        if action.key in often or not action.timing.is_shared
        for when in [plan_words.timing(told[action.key], plan.anchor, titles)]
    ]
    yield _table("反复的，和看情况的", ("类别", "做什么", "什么时候"), rows)


def _definition(pack: Pack, plan: PlanDefinition) -> Any:
    return next(one for one in pack.definition["plans"] if one["key"] == plan.key)


def _key(entry: Entry) -> str:
    return entry.slot.partition("/")[0]


def _often(entries: Iterable[Entry]) -> set[str]:
    counted: dict[str, int] = {}
    for entry in entries:
        counted[_key(entry)] = counted.get(_key(entry), 0) + 1
    return {key for key, count in counted.items() if count > _MOST_TOLD}


def _days(
    entries: Iterable[Entry], actions: dict[str, Action], names: Names, zone: ZoneInfo
) -> Iterator[tuple[str, ...]]:
    stage: str | None = None
    for entry in entries:
        if entry.stage != stage:
            stage = entry.stage
            yield f"**{stage or '其他'}**", "", "", "", "", ""
        action = actions[_key(entry)]
        yield (
            str(entry.number),
            _dated(entry.day),
            f"{entry.starts_at.astimezone(zone):%H:%M}",
            plan_words.KINDS[entry.kind],
            _asked(action, names),
            f"{_length(action.timing.due_after)}内，{_length(action.timing.expires_after)}后不再收",
        )


def _asked(action: Action, names: Names) -> str:
    parts = [action.title]
    if action.text:
        parts.append(f"“{action.text}”")
    if action.only_when is not None:
        parts.append(f"（只在{describe(action.only_when, names)}时）")
    if action.wait_for is not None:
        waited = describe(action.wait_for.when, names)
        parts.append(f"（等到{waited}，最多等{_length(action.wait_for.at_most)}）")
    if action.if_missed:
        parts.append("（没做则有后续）")
    return "".join(parts)


def _rules(pack: Pack, names: Names) -> Iterator[str]:
    if not pack.rules:
        return
    order = list(reversed(Grade))
    rules = sorted(pack.rules, key=lambda rule: order.index(rule.grade))
    yield "## 规则与告知"
    rows = [
        (
            rule.grade.label,
            f"{rule.name}（{rule.key}）",
            describe(rule.condition, names),
            (rule.alert.patient_text if rule.alert else None) or "",
        )
        for rule in rules
    ]
    yield _table("", ("级别", "规则", "什么时候", "患者或家长看到的话"), rows)
    dangers = [
        (danger.grade.label, form.title, danger.title, danger.patient_text)
        for form in pack.questionnaires
        for danger in form.dangers
    ]
    yield _table("问卷里不能等的回答", ("级别", "问卷", "情况", "看到的话"), dangers)


def _articles(pack: Pack) -> str:
    rows = [
        (
            article.title,
            article.summary,
            "；".join(f"{_MEDIA[one.kind]}：{one.caption}" for one in article.media),
        )
        for article in pack.articles
    ]
    return _table("健康知识", ("题目", "一句话", "要配的图或视频"), rows)


def _sign_off(pack: Pack) -> str:
    columns = ("科室", "审核意见", "签名", "日期")
    rows = [(pack.sign_off.department, "", "", ""), ("护理", "", "", ""), ("药学", "", "", "")]
    return _table("签署（签署前不得用于患者）", columns, rows)


def _table(heading: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = [columns, tuple("---" for _ in columns), *rows]
    table = "\n".join(f"| {' | '.join(_cell(one) for one in line)} |" for line in lines)
    return f"### {heading}\n\n{table}" if heading else table


def _cell(text: str) -> str:
    return text.replace("|", "／").replace("\n", " ")


def _dated(day: date) -> str:
    return f"{day:%Y-%m-%d} 周{_WEEKDAYS[day.weekday()]}"


def _length(span: timedelta) -> str:
    days, rest = span.days, span - timedelta(days=span.days)
    hours, minutes = divmod(int(rest.total_seconds()) // 60, 60)
    units = ((days, "天"), (hours, "小时"), (minutes, "分钟"))
    return "".join(f"{number}{unit}" for number, unit in units if number)
