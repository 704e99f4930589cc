"""What a patient's tags become when a machine speaks of them, and whose word goes first.

A person's decision goes before every machine, in both directions. A machine that is less sure
than the tag asks for does not give it: it asks a person. Of an exclusion group one tag is borne,
the surest; what stands stays where two are equally sure. A machine ends only what it gave.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from app.domain.profile.tagging import TagDefinition


class TagSource(StrEnum):
    RULE = "rule"
    PERSON = "person"
    TEXT = "text"  # read in what somebody wrote
    MODEL = "model"  # a trained one


@dataclass(frozen=True, slots=True)
class FoundTag:
    """A tag that a machine found; `confidence` is 0 < c <= 1.

    `basis` names what found it (`rule:cds`, `text:chat@2`, `model:adherence@3`: no blanks, 96
    characters; what stands before the colon is the machine), `evidence` says why in words that
    staff can check (it is kept sealed), `evidence_of` names the rows it speaks of:
    `{"kind": "observation", "id": public id}`. Without `expires_at` the tag's own time counts
    from when it is given.
    """

    tag_key: str
    confidence: Decimal
    source: TagSource
    basis: str
    evidence: str
    evidence_of: tuple[Mapping[str, str], ...] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """Of which tags a machine now said all it has to say: what it no longer finds, it takes back.

    `tags` None means all; `basis` is how the basis of what it may take back begins, so that
    one reader of texts does not take back what another gave.
    """

    source: TagSource
    tags: Collection[str] | None = None
    basis: str = ""

    def covers(self, tag: str, source: TagSource, basis: str | None) -> bool:
        if source is not self.source or (self.tags is not None and tag not in self.tags):
            return False
        return (basis or self.basis).startswith(self.basis)


@dataclass(frozen=True, slots=True)
class KeptTag:
    """A tag that is borne, or that waits for a person."""

    tag: str
    source: TagSource
    basis: str | None = None
    confidence: Decimal = Decimal(1)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """One patient's tags: borne, waiting for a person, and what people decided (True: borne)."""

    borne: Mapping[str, KeptTag] = field(default_factory=dict)
    waiting: Mapping[str, KeptTag] = field(default_factory=dict)
    decided: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changes:
    """What must be done, in this order; empty where everything is as it should be."""

    end: tuple[str, ...] = ()
    give: tuple[FoundTag, ...] = ()
    renew: tuple[FoundTag, ...] = ()  # borne already: on other grounds, or for longer
    supersede: tuple[str, ...] = ()  # nothing asks any more
    ask: tuple[FoundTag, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.end or self.give or self.renew or self.supersede or self.ask)

    def weakened(self, before: Standing) -> frozenset[str]:
        """Tags for which less speaks than before: what was shut out may be heard now."""
        given = {one.tag_key for one in (*self.give, *self.ask)}
        lower = {
            one.tag_key
            for one in self.renew
            if one.confidence < before.borne[one.tag_key].confidence
        }
        return (frozenset(self.supersede) - given - before.decided.keys()) | lower

    @property
    def moved(self) -> frozenset[str]:
        """Tags that are borne now and were not, or the other way round."""
        return frozenset(self.end) ^ {one.tag_key for one in self.give}


def weigh(
    standing: Standing,
    found: Iterable[FoundTag],
    judged: Judged | None,
    tags: Mapping[str, TagDefinition],
    now: datetime,
) -> Changes:
    """Return what the words of one machine change; words of unknown or retired tags are unheard."""
    best = _surest(found, tags, now)
    end = [one.tag for one in standing.borne.values() if _is_over(one, standing, best, judged, now)]
    borne = {key: one for key, one in standing.borne.items() if key not in end}
    give: list[FoundTag] = []
    renew: list[FoundTag] = []
    ask: dict[str, FoundTag] = {}
    for one in best.values():
        tag = tags[one.tag_key]
        if one.tag_key in standing.decided:
            continue
        is_sure = one.confidence >= tag.review_below
        kept = borne.get(one.tag_key)
        if kept is not None and (is_sure or not _is_same_voice(one, kept)):
            if _is_same_voice(one, kept) and _is_news(one, kept):
                renew.append(one)
            continue
        if kept is not None:
            end.append(one.tag_key)  # it was surer when it gave the tag
            del borne[one.tag_key]
        rivals = rivals_of(tag, borne, tags)
        if any(
            key in standing.decided or borne[key].confidence >= one.confidence for key in rivals
        ):
            continue
        if not is_sure:
            asked = standing.waiting.get(one.tag_key)
            is_theirs = asked is not None and not _is_same_voice(one, asked)
            if asked is None or not is_theirs or one.confidence > asked.confidence:
                ask[one.tag_key] = one
            continue
        end += rivals
        borne = {key: other for key, other in borne.items() if key not in rivals}
        given = _with_expiry(one, tag, now)
        give.append(given)
        borne[one.tag_key] = _as_kept(given)
    waiting = standing.waiting
    return Changes(
        end=tuple(dict.fromkeys(end)),
        give=tuple(give),
        renew=tuple(renew),
        supersede=tuple(
            key
            for key, one in waiting.items()
            if key in borne
            or key in standing.decided
            or (key not in ask and judged is not None and judged.covers(key, one.source, one.basis))
            or (key in ask and _as_kept(ask[key]) != replace(one, expires_at=ask[key].expires_at))
        ),
        ask=tuple(
            one
            for key, one in ask.items()
            if key not in waiting
            or _as_kept(one) != replace(waiting[key], expires_at=one.expires_at)
        ),
    )


def after(standing: Standing, changes: Changes) -> Standing:
    """Return how a patient stands once the changes are done."""
    gone = {*changes.end}
    borne = {key: one for key, one in standing.borne.items() if key not in gone}
    borne |= {one.tag_key: _as_kept(one) for one in (*changes.give, *changes.renew)}
    settled = {*changes.supersede}
    waiting = {key: one for key, one in standing.waiting.items() if key not in settled}
    waiting |= {one.tag_key: _as_kept(one) for one in changes.ask}
    return replace(standing, borne=borne, waiting=waiting)


def _surest(
    found: Iterable[FoundTag], tags: Mapping[str, TagDefinition], now: datetime
) -> dict[str, FoundTag]:
    """Return the surest word on each tag, the surest first; equally sure ones in their order."""
    heard = [
        one
        for one in found
        if one.tag_key in tags
        and not tags[one.tag_key].is_retired
        and (one.expires_at is None or one.expires_at > now)
    ]
    best: dict[str, FoundTag] = {}
    for one in sorted(heard, key=lambda one: -one.confidence):
        best.setdefault(one.tag_key, one)
    return best


def _is_over(
    one: KeptTag,
    standing: Standing,
    best: Mapping[str, FoundTag],
    judged: Judged | None,
    now: datetime,
) -> bool:
    if standing.decided.get(one.tag) is True:
        return False  # a person's word; one with a date is ended by the clock
    if standing.decided.get(one.tag) is False or (
        one.expires_at is not None and one.expires_at <= now
    ):
        return True
    if one.source is TagSource.PERSON or judged is None or one.tag in best:
        return False
    return judged.covers(one.tag, one.source, one.basis)


def rivals_of(
    tag: TagDefinition, borne: Iterable[str], tags: Mapping[str, TagDefinition]
) -> list[str]:
    """Return those of the borne tags that this one's exclusion group does not allow beside it."""
    if tag.exclusion_group is None:
        return []
    return [
        key
        for key in borne
        if key != tag.key and key in tags and tags[key].exclusion_group == tag.exclusion_group
    ]


def _is_same_voice(one: FoundTag, kept: KeptTag) -> bool:
    """Tell whether both come from one machine; what a plan gave is not for tag rules to renew."""
    if one.source is not kept.source:
        return False
    return kept.basis is None or kept.basis.partition(":")[0] == one.basis.partition(":")[0]


def _is_news(one: FoundTag, kept: KeptTag) -> bool:
    if one.expires_at is not None and one.expires_at != kept.expires_at:
        return True
    return one.confidence != kept.confidence or one.basis != kept.basis


def _with_expiry(one: FoundTag, tag: TagDefinition, now: datetime) -> FoundTag:
    if one.expires_at is not None or tag.expires_after is None:
        return one
    return replace(one, expires_at=now + tag.expires_after)


def _as_kept(one: FoundTag) -> KeptTag:
    return KeptTag(one.tag_key, one.source, one.basis, one.confidence, one.expires_at)
