"""What a pack brings into the tag library, without writing over what the hospital changed.

Rules follow the pack: those it brought before go, those of the hospital and of other packs stay.
Of the rest of a tag the pack's word stands only where the hospital has not written its own
(`Tag.own_fields`): a name, a threshold or a place in the tree that somebody chose here is kept.
A retired or merged tag stays so; its rules are kept up, in case it comes back.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.profile.tagging import TagDefinition
from app.models.profile.tag import Tag


def install_tags(
    session: Session,
    pack_key: str,
    definitions: Sequence[TagDefinition],
    rules: Sequence[Mapping[str, Any]],
    now: datetime,
) -> None:
    """Bring the tags of a pack's version in force, and the rules that give them, as data."""
    kept = {tag.key: tag for tag in session.scalars(select(Tag))}
    brought = {tag.key for tag in definitions}
    for definition in definitions:
        tag = kept.get(definition.key)
        if tag is None:
            tag = Tag(key=definition.key, pack_key=pack_key, rules=[], own_fields=[])
            session.add(tag)
            kept[definition.key] = tag
        given = [{**rule, "pack": pack_key} for rule in rules if rule["tag"] == definition.key]
        _write(tag, definition, given + _others(tag, pack_key), now)
    for key, tag in kept.items():
        if key not in brought:  # an earlier version of the pack may have had rules for it
            _set(tag, {"rules": _others(tag, pack_key)}, now)
    session.flush()


def _write(tag: Tag, definition: TagDefinition, rules: list[Any], now: datetime) -> None:
    span = definition.expires_after
    told = {
        "name": definition.name,
        "tag_class": definition.tag_class,
        "parent_key": definition.parent,
        "exclusion_group": definition.exclusion_group,
        "expires_days": span.days if span else None,
        "review_below": definition.review_below,
        "synonyms": list(definition.synonyms),
    }
    own = {name: value for name, value in told.items() if name not in tag.own_fields}
    _set(tag, {**own, "rules": rules}, now)


def _others(tag: Tag, pack_key: str) -> list[Any]:
    return [rule for rule in tag.rules if rule.get("pack") != pack_key]


def _set(tag: Tag, values: Mapping[str, object], now: datetime) -> None:
    changed = {name: value for name, value in values.items() if getattr(tag, name) != value}
    for name, value in changed.items():
        setattr(tag, name, value)
    if changed:
        tag.updated_at = now
