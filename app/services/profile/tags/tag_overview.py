"""The library as its keepers see it: the tree with how much is used, and a rule tried out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.criteria.compiler import compile_criterion
from app.domain.criteria.names import Names
from app.domain.criteria.needs import FactNeeds
from app.domain.criteria.tree import HasTag
from app.domain.criteria.wording import describe
from app.domain.profile.tagging import TagClass, TagRule
from app.models import CareTeam, Patient, Practitioner, Tag, TagAssignment
from app.models.profile.patient_facts import load_facts
from app.models.profile.tag_library import library, read_rules

# Counting millions for a list helps nobody: above this the list says "more than".
COUNTED: Final = 2000
SAMPLE: Final = 100


@dataclass(frozen=True, slots=True)
class Branch:
    """A tag in the tree of its class; `uses` is at most `COUNTED` + 1."""

    tag: Tag
    depth: int
    uses: int
    owner: str
    team: str
    merged_into: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What rules would do to a sample of patients; nothing was written."""

    patients: int
    borne: int
    would_give: int
    would_end: int
    stay: int


def overview(session: Session) -> Mapping[TagClass, list[Branch]]:
    """Return every tag by class, each under the one it belongs to."""
    tags = session.scalars(select(Tag).order_by(Tag.is_retired, Tag.name)).all()
    by_id = {tag.id: tag for tag in tags}
    names = {who.id: who.name for who in session.scalars(_owners(tags))}
    teams = dict(session.execute(select(CareTeam.id, CareTeam.name)).all())
    children: dict[str | None, list[Tag]] = {}
    known = {tag.key for tag in tags}
    for tag in tags:
        parent = tag.parent_key if tag.parent_key in known else None
        children.setdefault(parent, []).append(tag)
    found: dict[TagClass, list[Branch]] = {one: [] for one in TagClass}

    def grow(tag: Tag, depth: int, seen: frozenset[str]) -> None:
        into = by_id.get(tag.merged_into_id or 0)
        found[TagClass(tag.tag_class)].append(
            Branch(
                tag, depth, count_uses(session, tag.id), names.get(tag.owner_id or 0, ""),
                teams.get(tag.care_team_id or 0, ""), into.name if into else "",
            )
        )  # fmt: skip
        for child in children.get(tag.key, ()):
            if child.key not in seen:
                same = child.tag_class == tag.tag_class
                grow(child, depth + 1 if same else 0, seen | {child.key})

    for root in children.get(None, ()):
        grow(root, 0, frozenset({root.key}))
    return found


def count_uses(session: Session, tag_id: int, most: int | None = COUNTED) -> int:
    """Return how many patients bear a tag, counting no further than one above `most`."""
    live = select(TagAssignment.id).filter_by(tag_id=tag_id, is_live=True)
    if most is not None:
        live = live.limit(most + 1)
    return session.scalar(select(func.count()).select_from(live.subquery())) or 0


def rules_in_words(tag: Tag, names: Names) -> list[tuple[str, TagRule, bool]]:
    """Return each rule as a sentence, with the rule and whether a pack brought it."""
    found = []
    for told in tag.rules:
        found += [
            (describe(rule.when, names), rule, "pack" in told) for rule in read_rules(tag, [told])
        ]
    return found


def try_rules(
    session: Session, tag: Tag, rules: Iterable[TagRule], now: datetime, zone: ZoneInfo
) -> Trial:
    """Ask rules of a sample of patients and count what would change; people's words not heard."""
    checks = [(compile_criterion(rule.when), rule) for rule in rules]
    needs = FactNeeds.of(*(rule.when for _, rule in checks), HasTag(tag.key))
    tree = library(session).tree
    borne = give = end = stay = 0
    sample = _sample(session)
    for patient_id in sample:
        facts = load_facts(session, patient_id, now, zone, needs)
        facts = replace(facts, tags=tree.with_above(facts.tags))
        holds = any(check(facts) is not None for check, _ in checks)
        is_borne = tag.key in facts.tags
        borne += is_borne
        give += holds and not is_borne
        end += is_borne and not holds
        stay += holds and is_borne
        session.expunge_all()
    return Trial(len(sample), borne, give, end, stay)


def _sample(session: Session) -> list[int]:
    """Return patients spread evenly over all."""
    total = session.scalar(select(func.count(Patient.id)).filter_by(merged_into_id=None)) or 0
    every = max(1, total // SAMPLE)
    return list(
        session.scalars(
            select(Patient.id)
            .where(Patient.merged_into_id.is_(None), Patient.id % every == 0)
            .order_by(Patient.id)
            .limit(SAMPLE)
        )
    )


def _owners(tags: Iterable[Tag]) -> Any:
    ids = {tag.owner_id for tag in tags if tag.owner_id is not None}
    return select(Practitioner).where(Practitioner.id.in_(ids))
