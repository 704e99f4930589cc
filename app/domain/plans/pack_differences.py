"""What changed from one version of a pack to the next, in sentences for who signs it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.domain.criteria.names import NO_NAMES, Names
from app.domain.criteria.words import named
from app.domain.plans import plan_words
from app.domain.plans.plan_words import ANCHORS, condition, plain, titles_in

_FIELDS: Final[Mapping[str, str]] = {
    "title": "标题", "name": "名称", "instructions": "说明", "kind": "种类", "code": "测量项目",
    "context": "时机", "article": "文章", "questionnaire": "问卷", "timing": "时间",
    "tag": "标签", "anchor": "起点", "enrol_when": "入组条件", "summary": "摘要",
    "paragraphs": "正文", "source": "出处", "items": "题目", "condition": "条件",
    "actions": "动作", "grade": "级别", "cool_down": "间隔", "clears_after": "自动解除",
    "late_policy": "迟到数据", "episode": "同一事件", "effective_from": "生效日期",
    "effective_until": "失效日期", "sources": "出处", "notices": "通知文字", "limits": "界限",
    "first_day": "第一天", "last_day": "最后一天", "when": "条件", "confidence": "把握",
    "only_when": "条件", "if_missed": "没做时", "wait_for": "等待",
}  # fmt: skip
_LISTS: Final[Mapping[str, str]] = {
    "plans": "计划", "rules": "规则", "articles": "文章", "questionnaires": "问卷", "tags": "标签",
}  # fmt: skip
# Of a plan: lists whose members have keys of their own.
_WITHIN: Final[Mapping[str, str]] = {"stages": "阶段", "actions": "安排"}
_TREES: Final = frozenset({"enrol_when", "condition", "when", "only_when"})
_UNTOLD: Final = frozenset({"version", "key", "sign_off", "id"})
_LONGEST: Final = 80


@dataclass(frozen=True, slots=True)
class _Words:
    """What keys are called: by criteria anywhere, and by the timings of one plan."""

    names: Names
    anchor: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], names: Names = NO_NAMES
) -> tuple[str, ...]:
    """Return every change as one Chinese sentence; nothing changed: nothing said.

    Versions and sign-off are left out: they follow from the rest.
    """
    words = _Words(names)
    told = _fields("", before, after, words, skip=_UNTOLD | _LISTS.keys() | {"tag_rules"})
    for name, word in _LISTS.items():
        tell = _plan if name == "plans" else None
        told += _members(word, before.get(name), after.get(name), words, tell)
    told += _tag_rules(before.get("tag_rules"), after.get("tag_rules"), names)
    return tuple(told)


def _members(
    word: str,
    before: object,
    after: object,
    words: _Words,
    tell: Callable[[str, Mapping[str, Any], Mapping[str, Any], _Words], list[str]] | None = None,
) -> list[str]:
    """Tell of a list whose members are known by their keys."""
    old, new = _by_key(before), _by_key(after)
    told: list[str] = []
    for key, one in new.items():
        if key not in old:
            told.append(f"新增{word}“{_name(one)}”{_when(one, words)}。")
    for key, one in old.items():
        if key not in new:
            told.append(f"去掉{word}“{_name(one)}”{_when(one, words)}。")
    for key, one in new.items():
        if key in old and old[key] != one:
            place = f"{word}“{_name(old[key])}”"
            changed = (tell or _fields)(place, old[key], one, words)
            told += changed
    if [key for key in old if key in new] != [key for key in new if key in old]:
        told.append(f"{word}的先后顺序有调整。")
    return told


def _plan(
    place: str, before: Mapping[str, Any], after: Mapping[str, Any], words: _Words
) -> list[str]:
    told = _fields(place, before, after, words, skip=_UNTOLD | _WITHIN.keys())
    titles = titles_in(before.get("actions")) | titles_in(after.get("actions"))
    within = _Words(words.names, str(after.get("anchor", "")), titles)
    for name, word in _WITHIN.items():
        told += _members(f"{place}的{word}", before.get(name), after.get(name), within)
    return told


def _fields(
    place: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    words: _Words,
    skip: frozenset[str] | set[str] = _UNTOLD,
) -> list[str]:
    told = []
    names = [*before, *(name for name in after if name not in before)]
    for name in names:
        if name in skip or before.get(name) == after.get(name):
            continue
        word = f"{place}的{_FIELDS.get(name, name)}" if place else _FIELDS.get(name, name)
        old = _value(name, before.get(name), words)
        new = _value(name, after.get(name), words)
        if name not in before:
            told.append(f"{word}：加上“{new}”。")
        elif name not in after:
            told.append(f"{word}：去掉“{old}”。")
        elif old == new:
            told.append(f"{word}有改动（文字较长，请对照原文）。")
        else:
            told.append(f"{word}：由“{old}”改为“{new}”。")
    return told


def _tag_rules(before: object, after: object, names: Names) -> list[str]:
    old = before if isinstance(before, list) else []
    new = after if isinstance(after, list) else []
    told = [f"新增标签规则：{_tag_rule(one, names)}。" for one in new if one not in old]
    return [*told, *(f"去掉标签规则：{_tag_rule(one, names)}。" for one in old if one not in new)]


def _tag_rule(one: Mapping[str, Any], names: Names) -> str:
    tag = named(names.tags, str(one.get("tag")))
    return f"“{tag}”，当{condition(one.get('when'), names)}"


def _by_key(value: object) -> dict[str, Mapping[str, Any]]:
    members = value if isinstance(value, list) else []
    return {str(one.get("key")): one for one in members if isinstance(one, Mapping)}


def _name(one: Mapping[str, Any]) -> str:
    return str(one.get("title") or one.get("name") or one.get("key"))


def _when(one: Mapping[str, Any], words: _Words) -> str:
    timing = one.get("timing")
    if not isinstance(timing, Mapping):
        return ""
    return f"：{plan_words.timing(timing, words.anchor, words.titles)}"


def _value(name: str, value: Any, words: _Words) -> str:
    if name == "timing" and isinstance(value, Mapping):
        return plan_words.timing(value, words.anchor, words.titles)
    if name in _TREES and value is not None:
        return condition(value, words.names)
    if name == "anchor":
        return ANCHORS.get(str(value), str(value))
    told = plain(value)
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}…"
