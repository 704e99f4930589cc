"""Plans in Chinese, for the person who designs, signs or begins one.

Works on the plain data of a definition: what is not known here is shown as it is written.
"""

from collections.abc import Mapping
from typing import Any, Final

from app.domain.criteria.parsing import parse_criterion
from app.domain.criteria.wording import describe
from app.domain.definitions import ISO_DURATION, InvalidDefinition
from app.domain.plans.timing import CALENDAR_PERIOD

ANCHORS: Final[Mapping[str, str]] = {
    "discharge": "出院",
    "enrolment": "入组",
    "surgery": "手术",
    "birth": "出生",
    "diagnosis": "确诊",
}
KINDS: Final[Mapping[str, str]] = {
    "article": "阅读",
    "reminder": "提醒",
    "medication-reminder": "用药提醒",
    "measurement": "测量",
    "questionnaire": "问卷",
    "revisit": "复诊",
    "staff-task": "医护任务",
    "message": "消息",
}
_DAYS: Final = {
    "MO": "周一",
    "TU": "周二",
    "WE": "周三",
    "TH": "周四",
    "FR": "周五",
    "SA": "周六",
    "SU": "周日",
}
_KNOWN: Final = frozenset(
    {
        "start", "every", "until", "at", "due_after", "expires_after", "remind_at", "dates",
        "before", "after", "rule", "on_free_day",
    }
)  # fmt: skip
_VISITS: Final[Mapping[str, str]] = {
    "outpatient": "门诊", "inpatient": "住院", "emergency": "急诊", "any": "就诊",
}  # fmt: skip
_FREE_DAYS: Final[Mapping[str, str]] = {
    "next": "遇休息日顺延", "previous": "遇休息日提前", "skip": "遇休息日不做",
}  # fmt: skip


def period(text: str) -> str:
    """Return `P2W` as 2 周."""
    found = CALENDAR_PERIOD.fullmatch(text)
    if found is None:
        return text
    units = zip(found.groups(), ("个月", "周", "天"), strict=True)
    return (
        " ".join(f"{number} {unit}" for number, unit in units if number and int(number)) or "0 天"
    )


def period_parts(text: str) -> list[tuple[str, str]]:
    """Return the numbers of a period with their letters: P1M2W is 1 M and 2 W."""
    found = CALENDAR_PERIOD.fullmatch(text)
    numbers = found.groups() if found else (None, None, None)
    return [(number, unit) for number, unit in zip(numbers, "MWD", strict=True) if number]


def duration(text: str) -> str:
    """Return `PT2H` as 2 小时."""
    found = ISO_DURATION.fullmatch(text)
    if found is None:
        return text
    units = zip(found.groups(), ("天", "小时", "分钟"), strict=True)
    return " ".join(f"{number} {unit}" for number, unit in units if number and int(number)) or "0"


def timing(data: Mapping[str, Any], anchor: str = "") -> str:
    """Return when an action happens, in one sentence without its full stop."""
    first = _first(data, ANCHORS.get(anchor, "起点"))
    every, rule = str(data.get("every") or ""), data.get("rule")
    repeats = [_repeat(every)] if every else [_by_rule(str(rule))] if rule else []
    if data.get("until"):
        repeats.append(f"到 {period(str(data['until']))}为止")
    hours = [f"{data['at']} 开始"] if "at" in data else []
    if "remind_at" in data:
        hours.append(f"{data['remind_at']} 提醒")
    if "due_after" in data:
        hours.append(f"{duration(str(data['due_after']))}内完成")
    if "expires_after" in data:
        hours.append(f"{duration(str(data['expires_after']))}后不再收")
    free = _FREE_DAYS.get(str(data.get("on_free_day") or ""), "")
    others = [f"{key} {plain(data[key])}" for key in sorted(data.keys() - _KNOWN)]
    told = (f"{first}起" if repeats else first, *repeats, *hours, free, *others)
    return "，".join(one for one in told if one)


def _first(data: Mapping[str, Any], anchor: str) -> str:
    """Return the first day: after the anchor, a visit, another action, or on dates."""
    if "dates" in data:
        return plain(data["dates"])
    start = str(data.get("start") or "")
    if "before" in data:
        return f"预约就诊前 {period(start)}"
    after = data.get("after", anchor)
    basis = {"missed": "错过之后", "appointment": "预约就诊"}.get(str(after), str(after))
    if isinstance(after, Mapping):
        visit = _VISITS.get(str(after.get("encounter")), "就诊")
        basis = f"做完{after['action']}" if "action" in after else f"{visit}结束"
    if not start:
        return ""
    return f"{basis}当天" if start == "P0D" else f"{basis}后 {period(start)}"


def condition(data: object) -> str:
    """Return a tree of criteria as a sentence; what cannot be read stays as it is written."""
    try:
        return describe(parse_criterion(data, "when"))
    except InvalidDefinition:
        return plain(data)


def _repeat(every: str) -> str:
    return {"P1D": "每天", "P1W": "每周", "P1M": "每月"}.get(every, f"每 {period(every)}")


def _by_rule(rule: str) -> str:
    """Return `FREQ=WEEKLY;BYDAY=MO,TH` as 每周一、周四; what is rarer stays as it is written."""
    told = dict(part.partition("=")[::2] for part in rule.split(";"))
    days = told.get("BYDAY", "").split(",")
    if told.keys() == {"FREQ", "BYDAY"} and told["FREQ"] == "WEEKLY" and set(days) <= _DAYS.keys():
        return "每" + "、".join(_DAYS[day] for day in days)
    return f"按 {rule} 重复"


def plain(value: object) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, Mapping):
        return "；".join(f"{key} {plain(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return "、".join(plain(one) for one in value)
    return str(value)
