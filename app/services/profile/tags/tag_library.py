"""The library of tags: what each is called, where it stands, who may use it, what gives it.

What the hospital writes here goes before what a pack says; rules of packs follow the pack. A tag
is never deleted: it is retired, or merged into another.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.definitions import KEY, InvalidDefinition
from app.domain.errors import DomainError, NotFound
from app.domain.profile.tag_rules import circle_of, is_ring
from app.domain.profile.tagging import REVIEW_BELOW, TagClass, TagRule, parse_tag_rule
from app.domain.trust.access import Actor
from app.models import CareTeam, Tag, TagScope
from app.models.profile.tag_library import library, rules_of
from app.models.profile.tag_tree import tag_tree
from app.models.trust.audit import record

_LONGEST_NAME: Final = 20
_LONGEST_LIFE: Final = 3650  # days
_MOST_SYNONYMS: Final = 30
_MOST_RULES: Final = 20
_RESERVED: Final = frozenset({"new"})  # a page of the console


class TagRefused(DomainError):
    """What was written cannot stand; `problems` names each field and says why, in Chinese."""

    code = "tag-refused"
    title = "标签没有保存，请先改正"

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(self.code)
        self.problems = dict(problems)


@dataclass(frozen=True, slots=True)
class TagDraft:
    """Everything that a person may write about a tag; `rules` are the hospital's own."""

    name: str
    tag_class: str
    parent_key: str | None = None
    exclusion_group: str | None = None
    expires_days: int | None = None
    synonyms: tuple[str, ...] = ()
    scope: TagScope = TagScope.HOSPITAL
    care_team_id: int | None = None
    owner_id: int | None = None
    review_below: Decimal = REVIEW_BELOW
    rules: tuple[Mapping[str, Any], ...] = field(default=())


# What a pack says too: once the hospital has written it, the pack's word does not count.
_PACK_FIELDS: Final = (
    "name", "tag_class", "parent_key", "exclusion_group", "expires_days", "synonyms",
    "review_below",
)  # fmt: skip


def create_tag(session: Session, key: str, draft: TagDraft, actor: Actor, now: datetime) -> Tag:
    """Add a tag to the library.

    :raises TagRefused: with a sentence for each field
    """
    problems = {}
    if not KEY.fullmatch(key) or len(key) > 64:
        problems["key"] = "代码请用小写英文字母、数字和连字符，如 foot-risk，最多64个字符"
    elif key in _RESERVED or session.scalar(select(Tag.id).filter_by(key=key)) is not None:
        problems["key"] = f"代码 {key} 已经有了或不能用，请换一个"
    tag = Tag(key=key, rules=[], own_fields=[])
    problems |= _problems(session, key, draft)
    if problems:
        raise TagRefused(problems)
    session.add(tag)
    _write(tag, draft, now)
    session.flush()
    record(session, actor, "create", "tag-library", now, detail={"tag": key})
    return tag


def draft_of(tag: Tag) -> TagDraft:
    """Return what stands, to be changed and given back."""
    return TagDraft(
        name=tag.name, tag_class=tag.tag_class, parent_key=tag.parent_key,
        exclusion_group=tag.exclusion_group, expires_days=tag.expires_days,
        synonyms=tuple(tag.synonyms), scope=tag.scope, care_team_id=tag.care_team_id,
        owner_id=tag.owner_id, review_below=tag.review_below,
        rules=tuple(rule for rule in tag.rules if "pack" not in rule),
    )  # fmt: skip


def change_tag(session: Session, key: str, draft: TagDraft, actor: Actor, now: datetime) -> Tag:
    """Write a tag anew, its place in the tree included; rules that packs brought stay.

    :raises NotFound: no such tag
    :raises TagRefused: with a sentence for each field
    """
    tag = find_tag(session, key)
    if problems := _problems(session, key, draft):
        raise TagRefused(problems)
    changed = _write(tag, draft, now)
    session.flush()
    if changed:
        record(session, actor, "update", "tag-library", now, detail={"tag": key, "fields": changed})
    return tag


def retire_tag(session: Session, key: str, actor: Actor, now: datetime) -> Tag:
    """Take a tag out of use: no machine gives it any more, nobody can.

    What machines gave is ended by `sweep_tags`, in batches; what people gave stays theirs.

    :raises TagRefused: other tags stand below it
    """
    tag = find_tag(session, key)
    below = session.scalar(select(Tag.name).filter_by(parent_key=key, is_retired=False).limit(1))
    if below is not None:
        raise TagRefused({"key": f"“{below}”还在它下面，请先移走或停用下级标签"})
    tag.is_retired, tag.updated_at = True, now
    session.flush()
    record(session, actor, "retire", "tag-library", now, detail={"tag": key})
    return tag


def restore_tag(session: Session, key: str, actor: Actor, now: datetime) -> Tag:
    """Bring a retired tag back into use; its rules are asked again of everybody.

    :raises TagRefused: it was merged into another
    """
    tag = find_tag(session, key)
    if tag.merged_into_id is not None:
        raise TagRefused({"key": "这个标签已并入另一个标签，不能恢复"})
    tag.is_retired, tag.updated_at = False, now
    session.flush()
    record(session, actor, "restore", "tag-library", now, detail={"tag": key})
    return tag


def merge_tag(session: Session, key: str, into_key: str, actor: Actor, now: datetime) -> Tag:
    """Let one tag be another: its rules, children and words go there at once.

    Who bears it follows by `sweep_tags`, in batches. Whoever asks for the old key, in a rule or a
    saved segment, finds those who bear the new one.

    :raises NotFound: one of the two does not exist
    :raises TagRefused: they cannot be one
    """
    tag, into = find_tag(session, key), find_tag(session, into_key)
    if problem := _no_merge(session, tag, into):
        raise TagRefused({"into": problem})
    for child in session.scalars(select(Tag).filter_by(parent_key=key)):
        # A child that is the target itself moves up to where its parent stood.
        child.parent_key = tag.parent_key if child.key == into.key else into.key
        child.own_fields = sorted({*child.own_fields, "parent_key"})
        child.updated_at = now
    into.rules = [*into.rules, *({**rule, "tag": into.key} for rule in tag.rules)]
    names = [*into.synonyms, tag.name, *tag.synonyms]
    into.synonyms = [one for one in dict.fromkeys(names) if one != into.name]
    into.own_fields = sorted({*into.own_fields, "synonyms"})
    tag.rules, tag.synonyms = [], []
    tag.merged_into_id, tag.is_retired = into.id, True
    tag.updated_at = into.updated_at = now
    session.flush()
    record(session, actor, "merge", "tag-library", now, detail={"tag": key, "into": into_key})
    return into


def find_tag(session: Session, key: str) -> Tag:
    """:raises NotFound: no such tag"""
    tag = session.scalar(select(Tag).filter_by(key=key)) if KEY.fullmatch(key) else None
    if tag is None:
        raise NotFound
    return tag


def _no_merge(session: Session, tag: Tag, into: Tag) -> str | None:
    """Return why two tags cannot be one."""
    if tag.id == into.id:
        return "不能并入自己"
    if tag.merged_into_id is not None:
        return f"“{tag.name}”已经并入别的标签"
    if into.is_retired or into.merged_into_id is not None:
        return f"“{into.name}”已经停用，请选择在用的标签"
    if (tag.tag_class == TagClass.OPERATIONAL) != (into.tag_class == TagClass.OPERATIONAL):
        return "运营类标签由系统计算，只能并入运营类标签"
    if tag.scope != into.scope or tag.care_team_id != into.care_team_id:
        return "两个标签的使用范围不同，合并会改变谁能看到，请先改成一致"
    rules = [rule for slot in library(session).index.slots for rule, _ in slot.rules]
    tree = tag_tree(session)
    parents = {one.key: one.parent_key for one in session.scalars(select(Tag))}
    if into.key != tag.parent_key and is_ring(tag.key, parents.get(into.key), parents):
        return f"“{into.name}”在“{tag.name}”的下级之中，请先移动"
    merged = tree.merged(tag.key, into.key)
    if circle_of((_as_of(rule, tag.key, into.key) for rule in rules), merged):
        return "合并后标签规则会互相依赖，形成循环"
    return None


def _as_of(rule: TagRule, old: str, new: str) -> TagRule:
    return replace(rule, tag=new) if rule.tag == old else rule


def _write(tag: Tag, draft: TagDraft, now: datetime) -> list[str]:
    told = {
        "name": draft.name.strip(),
        "tag_class": TagClass(draft.tag_class).value,
        "parent_key": draft.parent_key,
        "exclusion_group": draft.exclusion_group,
        "expires_days": draft.expires_days,
        "synonyms": list(draft.synonyms),
        "scope": draft.scope,
        "care_team_id": draft.care_team_id if draft.scope is TagScope.TEAM else None,
        "owner_id": draft.owner_id,
        "review_below": draft.review_below,
        "rules": [
            *(rule for rule in tag.rules if "pack" in rule),
            *({**rule, "tag": tag.key} for rule in draft.rules),
        ],
    }
    changed = [name for name, value in told.items() if getattr(tag, name) != value]
    for name in changed:
        setattr(tag, name, told[name])
    if tag.pack_key is not None:
        own = {*tag.own_fields, *(name for name in changed if name in _PACK_FIELDS)}
        tag.own_fields = sorted(own)
    if changed:
        tag.updated_at = now
    return changed


def _problems(session: Session, key: str, draft: TagDraft) -> dict[str, str]:
    others = {tag.key: tag for tag in session.scalars(select(Tag)) if tag.key != key}
    problems = _word_problems(draft, others.values()) | _place_problems(key, draft, others)
    if draft.scope is TagScope.TEAM and (
        draft.care_team_id is None or session.get(CareTeam, draft.care_team_id) is None
    ):
        problems["care_team"] = "只给一个团队使用时，请选择团队"
    if problem := _rule_problem(session, key, draft, others):
        problems["rules"] = problem
    return problems


def _word_problems(draft: TagDraft, others: Iterable[Tag]) -> dict[str, str]:
    problems = {}
    name = draft.name.strip()
    if not name or len(name) > _LONGEST_NAME:
        problems["name"] = f"名称请写1到{_LONGEST_NAME}个字"
    taken = {
        word: one.name for one in others if not one.is_retired for word in (one.name, *one.synonyms)
    }
    if name in taken:
        problems["name"] = f"“{name}”已经是标签“{taken[name]}”的名称或同义词"
    if len(draft.synonyms) > _MOST_SYNONYMS:
        problems["synonyms"] = f"同义词最多{_MOST_SYNONYMS}个"
    for word in draft.synonyms:
        if not word.strip() or len(word) > _LONGEST_NAME:
            problems["synonyms"] = f"每个同义词请写1到{_LONGEST_NAME}个字"
        elif word in taken:
            problems["synonyms"] = f"“{word}”已经是标签“{taken[word]}”的名称或同义词"
    if len(set(draft.synonyms) | {name}) != len(draft.synonyms) + 1:
        problems.setdefault("synonyms", "同义词有重复，或与名称相同")
    return problems


def _place_problems(key: str, draft: TagDraft, others: Mapping[str, Tag]) -> dict[str, str]:
    problems = {}
    if draft.tag_class not in set(TagClass):
        problems["tag_class"] = "请选择四类中的一类"
    if draft.expires_days is not None and not 1 <= draft.expires_days <= _LONGEST_LIFE:
        problems["expires_days"] = f"有效天数请写1到{_LONGEST_LIFE}，长期有效请留空"
    if not 0 < draft.review_below <= 1:
        problems["review_below"] = "把握请写大于0、不超过1的数，如0.8"
    group = draft.exclusion_group
    if group is not None and (not KEY.fullmatch(group) or len(group) > 64):
        problems["exclusion_group"] = "互斥组请用小写英文字母、数字和连字符，如 hba1c"
    parent = draft.parent_key
    if parent is None:
        return problems
    if parent != key and (parent not in others or others[parent].is_retired):
        problems["parent"] = "上级标签不存在或已经停用"
    elif is_ring(key, parent, {one.key: one.parent_key for one in others.values()}):
        problems["parent"] = "不能放到自己或自己的下级下面"
    return problems


def _rule_problem(
    session: Session, key: str, draft: TagDraft, others: Mapping[str, Tag]
) -> str | None:
    if len(draft.rules) > _MOST_RULES:
        return f"一个标签最多{_MOST_RULES}条规则"
    rules = [rule for tag in others.values() for rule in rules_of(tag)]
    for place, told in enumerate(draft.rules, 1):
        try:
            rules.append(parse_tag_rule({**told, "tag": key}, ""))
        except InvalidDefinition as wrong:
            return f"第{place}条规则写得不对：{wrong}"
    if circle := circle_of(rules, tag_tree(session).moved(key, draft.parent_key)):
        names = "、".join(others[one].name if one in others else draft.name for one in circle)
        return f"规则互相依赖，形成循环：{names}"
    return None
