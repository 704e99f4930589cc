"""What is wrong with criteria that somebody wrote, in a Chinese sentence that names the part."""

import re
from collections.abc import Mapping
from typing import Final

from app.domain.definitions import InvalidDefinition

# What each node is called; the keys are those of the plain data.
KINDS: Final[Mapping[str, str]] = {
    "all": "全部满足",
    "any": "至少满足一条",
    "not": "不满足",
    "tag": "标签",
    "condition": "诊断",
    "medication": "在用药品",
    "latest": "最近一次结果",
    "count": "结果出现的次数",
    "change": "结果的变化",
    "of_last": "最近几次里出现几次",
    "mean": "平均值",
    "rise": "比最低（最高）时的变化",
    "slope": "每天变化多少",
    "growth": "变化的百分比",
    "dip": "昼夜差别",
    "measured": "测过没有",
    "absent": "计划内漏测",
    "visited": "就诊",
    "plan": "随访计划",
    "missed": "错过任务",
    "answer": "问卷回答",
    "score": "问卷得分",
    "reachable": "联系方式",
    "interaction": "互动",
    "risk": "风险",
    "preference": "偏好",
    "age": "年龄",
    "gender": "性别",
    "department": "所属科室",
    "region": "居住地",
}
# What a field is called, by kind and field or by field alone.
FIELDS: Final[Mapping[str, str]] = {
    "tag.key": "标签",
    "condition.code": "ICD-10 编码",
    "medication.code": "药品编码",
    "department.code": "科室",
    "plan.key": "计划",
    "plan.state": "状态",
    "missed.kind": "任务种类",
    "missed.of": "最近几次",
    "absent.days": "连续天数",
    "change.by": "变化多少",
    "change.over": "时间范围",
    "of_last.of": "最近几次",
    "of_last.at_least": "其中至少几次",
    "mean.at_least": "至少测过几次",
    "rise.by": "变化多少",
    "rise.over": "时间范围",
    "slope.per_day": "每天多少",
    "over": "时间范围",
    "percent": "百分之几",
    "night_from": "夜间从几点",
    "night_until": "夜间到几点",
    "least_day": "白天至少几次",
    "least_night": "夜间至少几次",
    "risk.score": "评分",
    "risk.band": "等级",
    "preference.value": "偏好的内容",
    "preference.kind": "哪方面",
    "visited.class": "就诊类型",
    "visited.department": "科室",
    "interaction.kind": "做了什么",
    "interaction.subject": "哪篇内容",
    "reachable.by": "联系方式",
    "answer.link_id": "问题",
    "answer.value": "回答",
    "score.value": "得分",
    "questionnaire": "问卷",
    "code": "项目",
    "op": "比较",
    "value": "数值",
    "unit": "单位",
    "within": "时间范围",
    "context": "测量时段",
    "at_least": "至少几次",
    "years": "岁数",
    "gender": "性别",
    "region": "地名",
}
_PROBLEMS: Final = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"is missing|must be text$", "还没有填"),
        (r"is not plausible in (.+)", r"这个数值不合理，单位是 \1"),
        (r"must be a whole number (\d+) to (\d+)", r"请填 \1 到 \2 的整数"),
        (r"must be a number", "请填数字"),
        (r"must be one of|must be lower-case", "请从列表中选择"),
        (r"must be a duration", "请填时间长度"),
        (r"must be more than nothing and at most P(\d+)D", r"请填 1 到 \1 天"),
        (r"must be an ICD-10 code", "请填 ICD-10 编码，例如 E11 或 E11.9"),
        (r"must be a place in Chinese", "请从省开始填，例如 浙江省宁波市"),
        (r"must be a code without spaces", "请填编码，中间没有空格"),
        (r"is not an observation", "请从列表中选择"),
        (r"must not be 0", "不能是 0"),
        (r"the tree has more than (\d+) nodes", r"条件太多，最多 \1 个"),
        (r"the tree is deeper than (\d+)", r"条件套得太深，最多 \1 层"),
        (r"must be a list that is not empty", "这一组里还没有条件"),
        (r"must be == for", "这种回答只能选“等于”"),
        (r"is longer than (\d+) characters", r"不能超过 \1 个字"),
        (r"unknown key", "不认识这一项"),
        (r"must be a mapping", "这里的写法不对"),
        (r"must be (\S+)$", r"应为 \1"),
    )
)
_STEP: Final = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def complaint(error: InvalidDefinition) -> str:
    """Return where and what is wrong: 第2条（最近一次结果）的“数值”：请填数字."""
    place = _place(error.path)
    problem = problem_of(error)
    return f"{place}：{problem}" if place else problem


def problem_of(error: InvalidDefinition) -> str:
    """Return what is wrong, without where."""
    for pattern, words in _PROBLEMS:
        found = pattern.match(error.problem)
        if found:
            return found.expand(words)
    return "填写不正确"


def field_name(kind: str, field: str) -> str:
    return FIELDS.get(f"{kind}.{field}") or FIELDS.get(field, field)


def _place(path: str) -> str:
    """Return 第2条里的第1条（年龄）的“岁数” for condition.all[1].any[0].age.years."""
    steps = _STEP.findall(path)[1:]  # the first names the tree itself
    where: list[str] = []
    kind = field = ""
    for name, number in steps:
        if number:
            where.append(f"第{int(number) + 1}条")
            kind = ""
        elif name in KINDS and not kind:
            kind = "" if name in ("all", "any", "not") else name
        else:
            field = field_name(kind, name)
    place = "里的".join(where)
    place += f"（{KINDS[kind]}）" if kind and place else KINDS.get(kind, "")
    if field:
        place += f"的“{field}”" if place else f"“{field}”"
    return place
