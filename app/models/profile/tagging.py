"""The one door through which machines give, take and propose a patient's tags.

Services that find tags (rules, readers of text, trained models) call `propose`; what people
decided goes before it (`app.domain.profile.tag_standing`). Every change is an event.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeVar

import structlog
from sqlalchemy import BindParameter, bindparam, select
from sqlalchemy.orm import Session

from app.domain.profile.tag_standing import (
    Changes,
    FoundTag,
    Judged,
    KeptTag,
    Standing,
    TagSource,
    weigh,
)
from app.models.event import Event
from app.models.profile.patient import Patient
from app.models.profile.tag import ProposalStatus, TagAssignment, TagDecision, TagProposal
from app.models.profile.tag_library import TagLibrary, library

__all__ = ["FoundTag", "Judged", "TagSource", "bear", "propose"]

log = structlog.get_logger()

# Asked for every event of every patient: built once.
_OF: Final[BindParameter[int]] = bindparam("patient_id")
_BORNE: Final = select(TagAssignment).where(
    TagAssignment.patient_id == _OF, TagAssignment.is_live.is_(True)
)
_WAITING: Final = select(TagProposal).where(
    TagProposal.patient_id == _OF, TagProposal.is_open.is_(True)
)
_DECIDED: Final = select(TagDecision).where(
    TagDecision.patient_id == _OF, TagDecision.is_live.is_(True)
)

Row = TypeVar("Row", TagAssignment, TagProposal, TagDecision)


def propose(
    session: Session,
    patient_id: int,
    found: Iterable[FoundTag],
    now: datetime,
    *,
    judged: Judged | None = None,
    cause: Event | None = None,
) -> Changes:
    """Let a machine say what it found; return what that changed.

    What it is sure enough of is given, the rest waits for a person in the review queue. With
    `judged` it also takes back what its source gave before, of these tags and on such a basis,
    and does not find now; without it nothing ends. Unknown and retired tags are left out, merged
    ones are read as what they were merged into. The patient's row is locked until commit.
    """
    session.get_one(Patient, patient_id, with_for_update=True)
    known = library(session)
    heard = [replace(one, tag_key=known.tree.now_called(one.tag_key)) for one in found]
    for one in heard:
        if one.tag_key not in known.tags:
            log.warning("tag_unknown", patient_id=patient_id)
    rows = TagRows(session, patient_id, known)
    changes = weigh(rows.standing, heard, judged, known.tags, now)
    rows.apply(changes, now, cause)
    return changes


def bear(
    session: Session,
    patient_id: int,
    tag_key: str,
    evidence: str,
    now: datetime,
    *,
    basis: str,
    since: datetime | None = None,
    cause: Event | None = None,
) -> None:
    """Give a patient a tag that belongs to something begun (a plan), unless people say no.

    A tag that ends by itself counts from `since`, or from now; one whose time is over is not given.
    """
    known = library(session)
    tag = known.tags.get(known.tree.now_called(tag_key))
    expires_at = since + tag.expires_after if since and tag and tag.expires_after else None
    if expires_at is not None and expires_at <= now:
        return
    found = FoundTag(tag_key, Decimal(1), TagSource.RULE, basis, evidence, expires_at=expires_at)
    propose(session, patient_id, [found], now, cause=cause)


class TagRows:
    """The rows behind one patient's tags, read once and changed as `weigh` says."""

    def __init__(self, session: Session, patient_id: int, known: TagLibrary) -> None:
        self._session, self._patient_id, self.known = session, patient_id, known
        of = {"patient_id": patient_id}
        self.borne: dict[str, TagAssignment] = self._by_key(session.scalars(_BORNE, of))
        self.waiting: dict[str, TagProposal] = self._by_key(session.scalars(_WAITING, of))
        self.decided: dict[str, TagDecision] = self._by_key(session.scalars(_DECIDED, of))

    def _by_key(self, rows: Iterable[Row]) -> dict[str, Row]:
        return {self.known.keys[row.tag_id]: row for row in rows}

    @property
    def standing(self) -> Standing:
        locked = {key: True for key, row in self.borne.items() if row.is_locked}
        said = {key: row.is_borne for key, row in self.decided.items() if row.is_borne is not None}
        return Standing(
            borne={key: _kept(key, row) for key, row in self.borne.items()},
            waiting={key: _kept(key, row) for key, row in self.waiting.items()},
            decided=locked | said,
        )

    def apply(self, changes: Changes, now: datetime, cause: Event | None) -> None:
        """Do what was weighed; each tag that comes or goes is an event."""
        weakened = changes.weakened(self.standing)
        for key in changes.end:
            self.end(key, now, cause)
        for key in changes.supersede:
            self.settle(key, ProposalStatus.SUPERSEDED, now)
        if changes.end or changes.supersede:
            self._session.flush()  # a row of the same unique key may follow
        for one in changes.give:
            self.give(one, now, cause)
        for one in changes.renew:
            row = self.borne[one.tag_key]
            row.confidence, row.basis, row.evidence = one.confidence, one.basis, one.evidence
            row.evidence_of = list(one.evidence_of)
            if one.expires_at is not None:
                row.expires_at = one.expires_at
        for one in changes.ask:
            self.ask(one, now)
        for key in sorted(weakened):
            self.say("tag.weakened", key, now, cause)
        self._session.flush()

    def end(self, key: str, now: datetime, cause: Event | None = None) -> None:
        row = self.borne.pop(key)
        row.is_live, row.ends_at = None, now
        self.say("tag.removed", key, now, cause)

    def give(
        self,
        one: FoundTag,
        now: datetime,
        cause: Event | None = None,
        *,
        practitioner_id: int | None = None,
        is_told: bool = True,
    ) -> TagAssignment:
        """Add an assignment; a practitioner's is locked."""
        row = TagAssignment(
            patient_id=self._patient_id, tag_id=self.known.ids[one.tag_key], source=one.source,
            evidence=one.evidence, confidence=one.confidence, basis=one.basis,
            evidence_of=list(one.evidence_of), starts_at=now, expires_at=one.expires_at,
            is_locked=practitioner_id is not None, practitioner_id=practitioner_id,
        )  # fmt: skip
        self._session.add(row)
        self.borne[one.tag_key] = row
        if is_told:
            self.say("tag.assigned", one.tag_key, now, cause)
        return row

    def ask(self, one: FoundTag, now: datetime) -> None:
        row = TagProposal(
            patient_id=self._patient_id, tag_id=self.known.ids[one.tag_key], source=one.source,
            basis=one.basis, evidence=one.evidence, evidence_of=list(one.evidence_of),
            confidence=one.confidence, proposed_at=now,
        )  # fmt: skip
        self._session.add(row)
        self.waiting[one.tag_key] = row

    def settle(
        self,
        key: str,
        status: ProposalStatus,
        now: datetime,
        *,
        practitioner_id: int | None = None,
    ) -> TagProposal:
        row = self.waiting.pop(key)
        row.is_open, row.status, row.decided_at = None, status, now
        row.practitioner_id = practitioner_id
        return row

    def say(self, kind: str, key: str, now: datetime, cause: Event | None) -> None:
        self._session.add(Event.of(kind, now, patient_id=self._patient_id, cause=cause, tag=key))


def _kept(key: str, row: TagAssignment | TagProposal) -> KeptTag:
    expires_at = row.expires_at if isinstance(row, TagAssignment) else None
    return KeptTag(key, row.source, row.basis, row.confidence, expires_at)
