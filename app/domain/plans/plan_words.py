"""Plans in Chinese, for the person who designs, signs or begins one.

Works on the plain data of a definition: what is not known here is shown as it is written.
"""

from collections.abc import Mapping
from typing import Any, Final

from app.domain.criteria.names import NO_NAMES, Names
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
    "photo": "拍照",
    "revisit": "复诊",
    "staff-task": "医护任务",
    "message": "消息",
}
VISITS: Final[Mapping[str, str]] = {
    "outpatient": "每次门诊",
    "inpatient": "每次出院",
    "emergency": "每次急诊",
    "any": "每次就诊",
}
ON_FREE_DAY: Final[Mapping[str, str]] = {
    "next": "遇休息日顺延",
    "previous": "遇休息日提前",
    "skip": "遇休息日不做",
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
        "start",
        "dates",
        "every",
        "rule",
        "until",
        "at",
        "due_after",
        "expires_after",
        "remind_at",
        "after",
        "before",
        "on_free_day",
    }
)


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


def timing(
    data: Mapping[str, Any], anchor: str = "", titles: Mapping[str, str] | None = None
) -> str:
    """Return when an action happens, in one sentence without its full stop.

    `titles` are those of the plan's actions by key: one may follow another.
    """
    start, every, until = (str(data.get(key) or "") for key in ("start", "every", "until"))
    parts = [_begin(data, start, ANCHORS.get(anchor, "起点"), titles or {})] if start else []
    if "dates" in data:
        parts = [plain(data["dates"])]
    if every or "rule" in data:
        often = _repeat(every) if every else _by_rule(str(data["rule"]))
        end = f"到 {period(until)}为止" if until else ""
        parts = [f"{parts[0]}起" if parts else "", often, *([end] if end else [])]
    told = "".join(parts[:1]) + "".join(f"，{one}" for one in parts[1:])
    hours = [f"{data['at']} 开始"] if "at" in data else []
    if "remind_at" in data:
        hours.append(f"{data['remind_at']} 提醒")
    if "due_after" in data:
        hours.append(f"{duration(str(data['due_after']))}内完成")
    if "expires_after" in data:
        hours.append(f"{duration(str(data['expires_after']))}后不再收")
    if "on_free_day" in data:
        hours.append(ON_FREE_DAY.get(str(data["on_free_day"]), ""))
    others = [f"{key} {plain(data[key])}" for key in sorted(data.keys() - _KNOWN)]
    return "，".join(one for one in (told, *hours, *others) if one)


def _begin(data: Mapping[str, Any], start: str, anchor: str, titles: Mapping[str, str]) -> str:
    """Return from what it counts, and how long after."""
    if data.get("before") == "appointment":
        return "预约就诊当天" if start == "P0D" else f"预约就诊前 {period(start)}"
    after = data.get("after")
    if isinstance(after, Mapping):
        visit = str(after.get("encounter", ""))
        followed = str(after.get("action"))
        anchor = VISITS.get(visit) or f"“{titles.get(followed, followed)}”完成"
    elif after is not None:
        anchor = {"missed": "没有做", "appointment": "预约就诊"}.get(str(after), str(after))
    return f"{anchor}{'当天' if start == 'P0D' else f'后 {period(start)}'}"


def titles_in(actions: object) -> dict[str, str]:
    """Return the title of each action of a plan's plain data, by its key."""
    members = actions if isinstance(actions, list | tuple) else ()
    return {
        str(one.get("key")): str(one.get("title"))
        for one in members
        if isinstance(one, Mapping) and one.get("title")
    }


def condition(data: object, names: Names = NO_NAMES) -> str:
    """Return a tree of criteria as a sentence; what cannot be read stays as it is written."""
    try:
        return describe(parse_criterion(data, "when"), names)
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
    return f"rule {rule}"


def plain(value: object) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, Mapping):
        return "；".join(f"{key} {plain(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return "、".join(plain(one) for one in value)
    return str(value)
