"""The tag library as tagging reads it: rows of `tag`, compiled once per state of the library."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import Final, TypeAlias

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.definitions import InvalidDefinition
from app.domain.profile.tag_tree import TagTree
from app.domain.profile.tagging import TagClass, TagDefinition, TagIndex, TagRule, parse_tag_rule
from app.models.profile.tag import Tag

log = structlog.get_logger()

# How many tags, what they say, and which id bears what: a restored database has other ids.
State: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class TagLibrary:
    """Every tag in use with its rules; `ids` names the rows."""

    state: State
    index: TagIndex
    tree: TagTree
    ids: Mapping[str, int]
    keys: Mapping[int, str]
    # One number for all that decides who bears what: a new name needs no pass over all patients.
    stamp: int

    @property
    def tags(self) -> Mapping[str, TagDefinition]:
        return self.index.definitions


_STATE: Final = select(
    func.count(), func.sum(Tag.stamp), func.sum(Tag.id * (Tag.stamp % 65_521))
).select_from(Tag)
_lock = Lock()
_compiled: dict[State, TagLibrary] = {}


def library(session: Session) -> TagLibrary:
    """Return the library as it is now; it is compiled only when a tag changes."""
    state = state_of(session)
    with _lock:
        found = _compiled.get(state)
    if found is None:
        found = _compile(session.scalars(select(Tag).order_by(Tag.id)).all(), state)
        with _lock:
            _compiled.clear()
            _compiled[state] = found
    return found


def state_of(session: Session) -> State:
    """Return what names the state of the library: an index scan of some hundreds of rows."""
    session.flush()
    count, stamps, ids = session.execute(_STATE).one()
    return int(count), int(stamps or 0), int(ids or 0)


def rules_of(tag: Tag) -> list[TagRule]:
    """Return a tag's rules; one that cannot be read is left out and logged."""
    return read_rules(tag, tag.rules)


def read_rules(tag: Tag, written: Iterable[Mapping[str, object]]) -> list[TagRule]:
    rules = []
    for told in written:
        try:
            rules.append(parse_tag_rule({**_without_pack(told), "tag": tag.key}))
        except InvalidDefinition:
            log.warning("tag_rule_unreadable", tag_id=tag.id)
    return rules


def definition_of(tag: Tag) -> TagDefinition:
    return TagDefinition(
        key=tag.key,
        name=tag.name,
        tag_class=TagClass(tag.tag_class),
        parent=tag.parent_key,
        exclusion_group=tag.exclusion_group,
        expires_after=None if tag.expires_days is None else timedelta(days=tag.expires_days),
        review_below=tag.review_below,
        is_retired=tag.is_retired,
        synonyms=tuple(tag.synonyms),
    )


def _compile(rows: Iterable[Tag], state: State) -> TagLibrary:
    tags = list(rows)
    by_id = {tag.id: tag for tag in tags}
    in_use = [tag for tag in tags if tag.merged_into_id is None]
    return TagLibrary(
        state=state,
        index=TagIndex(
            map(definition_of, in_use),
            (rule for tag in in_use if not tag.is_retired for rule in rules_of(tag)),
        ),
        tree=TagTree(
            {tag.key: tag.parent_key for tag in tags},
            {tag.key: by_id[tag.merged_into_id].key for tag in tags if tag.merged_into_id},
        ),
        ids={tag.key: tag.id for tag in tags},
        keys={tag.id: tag.key for tag in tags},
        stamp=_stamp(tags),
    )


def _stamp(tags: Iterable[Tag]) -> int:
    said = [
        [
            tag.key, tag.parent_key, tag.exclusion_group, tag.expires_days,
            f"{tag.review_below.normalize():f}", tag.is_retired, tag.merged_into_id is not None,
            tag.rules,
        ]
        for tag in sorted(tags, key=lambda tag: tag.key)
    ]  # fmt: skip
    told = json.dumps(said, ensure_ascii=False, sort_keys=True)
    return int.from_bytes(hashlib.sha256(told.encode()).digest()[:6])


def _without_pack(told: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in told.items() if name != "pack"}
