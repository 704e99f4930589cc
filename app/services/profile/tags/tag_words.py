"""What people say of a patient's tags: it goes before every machine until they take it back.

Each word is a row of `tag_decision`; the newest is live, the earlier ones stay. A word notes
which rows it changed (`before`), so that undoing it brings back what was.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import DomainError, NotFound
from app.domain.profile.tag_standing import FoundTag, TagSource, rivals_of
from app.domain.profile.tagging import TagClass
from app.domain.trust.access import Actor
from app.models import Patient, ProposalStatus, Tag, TagAssignment, TagDecision, TagProposal
from app.models.profile.tag_library import TagLibrary, library
from app.models.profile.tag_reading import visible_to
from app.models.profile.tagging import TagRows
from app.models.trust.audit import record


class TagNotForHands(DomainError):
    """What the system computes is not given or taken by hand."""

    code = "tag-not-for-hands"
    title = "运营类标签由系统计算，不能手工添加或移除"


class TagRetired(DomainError):
    code = "tag-retired"
    title = "这个标签已经停用"


class NothingToUndo(DomainError):
    code = "nothing-to-undo"
    title = "这个标签没有可以撤销的人工操作"


class ProposalSettled(DomainError):
    """Somebody was faster, or nothing speaks for it any more."""

    code = "proposal-settled"
    title = "这条建议已经处理过，或依据已经变化"


def give_tag(
    session: Session,
    patient_id: int,
    tag_key: str,
    actor: Actor,
    now: datetime,
    *,
    reason: str = "",
    until: datetime | None = None,
) -> TagDecision:
    """Say that a patient bears a tag; no machine ends it. Its rivals of the group end.

    With `until` the word ends by then; otherwise it holds until somebody takes it back.

    :raises NotFound: no such tag, or it belongs to another team
    :raises TagRetired: not given any more
    :raises TagNotForHands: the system computes it
    """
    return _Word(session, patient_id, tag_key, actor, now).give(reason, until)


def take_tag(
    session: Session,
    patient_id: int,
    tag_key: str,
    actor: Actor,
    now: datetime,
    *,
    reason: str = "",
) -> TagDecision:
    """Say that a patient does not bear a tag; no machine gives it.

    :raises NotFound: as `give_tag`
    :raises TagNotForHands: as `give_tag`
    """
    return _Word(session, patient_id, tag_key, actor, now).take(reason)


def unlock_tag(
    session: Session, patient_id: int, tag_key: str, actor: Actor, now: datetime
) -> TagDecision:
    """Leave the tag to the machines again; an event has them asked anew.

    :raises NothingToUndo: nobody said anything of it
    """
    return _Word(session, patient_id, tag_key, actor, now).unlock()


def undo_word(session: Session, patient_id: int, tag_key: str, actor: Actor, now: datetime) -> None:
    """Take back the last word on a tag: what it changed is as it was before.

    :raises NothingToUndo: nobody said anything of it
    """
    _Word(session, patient_id, tag_key, actor, now).undo()


def accept_proposal(session: Session, proposal_id: str, actor: Actor, now: datetime) -> TagDecision:
    """Give what a machine proposed; the person answers for it.

    :raises ProposalSettled: it is not open any more
    """
    proposal, key = _open_proposal(session, proposal_id)
    return _Word(session, proposal.patient_id, key, actor, now).give(
        "", None, evidence=proposal.evidence or "", evidence_of=proposal.evidence_of,
        proposal=proposal,
    )  # fmt: skip


def decline_proposal(
    session: Session, proposal_id: str, actor: Actor, now: datetime
) -> TagDecision:
    """Refuse what a machine proposed; it is not proposed again.

    :raises ProposalSettled: it is not open any more
    """
    proposal, key = _open_proposal(session, proposal_id)
    return _Word(session, proposal.patient_id, key, actor, now).take("", proposal=proposal)


def _open_proposal(session: Session, public_id: str) -> tuple[TagProposal, str]:
    row = session.execute(
        select(TagProposal, Tag.key).join(Tag).where(TagProposal.public_id == public_id)
    ).one_or_none()
    if row is None:
        raise NotFound
    proposal, key = row
    # In the order of every other writer: the patient's row first.
    session.get_one(Patient, proposal.patient_id, with_for_update=True)
    session.refresh(proposal)
    if proposal.is_open is None:
        raise ProposalSettled
    return proposal, key


@dataclass
class _Before:
    """Ids of the rows that a word changed."""

    made: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    silenced: list[int] = field(default_factory=list)  # earlier words
    settled: list[int] = field(default_factory=list)  # proposals

    def plain(self) -> dict[str, Any]:
        return {"made": self.made, "ended": self.ended, "silenced": self.silenced,
                "settled": self.settled}  # fmt: skip


class _Word:
    """One word on one tag of one patient, under the lock of the patient's row."""

    def __init__(
        self, session: Session, patient_id: int, tag_key: str, actor: Actor, now: datetime
    ) -> None:
        self.session, self.patient_id, self.actor, self.now = session, patient_id, actor, now
        session.get_one(Patient, patient_id, with_for_update=True)
        self.known: TagLibrary = library(session)
        self.key = self.known.tree.now_called(tag_key)
        self.tag = session.scalar(select(Tag).where(Tag.key == self.key, visible_to(actor.id)))
        if self.tag is None:
            raise NotFound
        if self.tag.tag_class == TagClass.OPERATIONAL:
            raise TagNotForHands
        self.rows = TagRows(session, patient_id, self.known)
        self.before = _Before()
        self.was_borne = frozenset(self.rows.borne)

    def give(
        self,
        reason: str,
        until: datetime | None,
        *,
        evidence: str = "",
        evidence_of: list[Any] | None = None,
        proposal: TagProposal | None = None,
    ) -> TagDecision:
        if self.known.tags[self.key].is_retired:
            raise TagRetired
        for rival in rivals_of(self.known.tags[self.key], self.rows.borne, self.known.tags):
            self._end(rival)
            self._silence(rival)
        if self.key in self.rows.borne:
            self._end(self.key)
        self._settle(ProposalStatus.ACCEPTED if proposal else ProposalStatus.SUPERSEDED)
        word = self._say(True, reason)
        found = FoundTag(
            self.key, Decimal(1), TagSource.PERSON, "person", evidence or reason,
            tuple(evidence_of or ()), until,
        )  # fmt: skip
        made = self.rows.give(found, self.now, practitioner_id=self.actor.id, is_told=False)
        self.session.flush()
        self.before.made.append(made.id)
        return self._finish(word, "give-tag")

    def take(self, reason: str, *, proposal: TagProposal | None = None) -> TagDecision:
        if self.key in self.rows.borne:
            self._end(self.key)
        self._settle(ProposalStatus.DECLINED if proposal else ProposalStatus.SUPERSEDED)
        return self._finish(self._say(False, reason), "take-tag")

    def unlock(self) -> TagDecision:
        said = self.rows.decided.get(self.key)
        if said is None or said.is_borne is None:
            raise NothingToUndo
        if self.key in self.rows.borne:
            self._end(self.key)
        word = self._finish(self._say(None, ""), "unlock-tag")
        self.rows.say("tag.unlocked", self.key, self.now, None)
        return word

    def undo(self) -> None:
        word = self.rows.decided.get(self.key)
        if word is None:
            raise NothingToUndo
        word.is_live, word.undone_at = None, self.now
        for row in self._rows(TagAssignment, "made", word):
            if row.is_live:
                row.is_live, row.ends_at = None, self.now
        self.session.flush()
        taken = {row.tag_id for row in self.rows.borne.values() if row.is_live}
        for row in self._rows(TagAssignment, "ended", word):
            if row.tag_id not in taken and not self._is_shut_out(row):
                row.is_live, row.ends_at = True, None
        spoken = {row.tag_id for row in self.rows.decided.values() if row.is_live}
        for said in self._rows(TagDecision, "silenced", word):
            if said.tag_id not in spoken:
                said.is_live = True
        for asked in self._rows(TagProposal, "settled", word):
            if self.known.keys[asked.tag_id] not in self.rows.waiting:
                asked.is_open, asked.status = True, ProposalStatus.OPEN
                asked.practitioner_id = asked.decided_at = None
        self.session.flush()
        # Machines may have learnt something since.
        self.rows.say("tag.unlocked", self.key, self.now, None)
        self._tell("undo-tag")

    def _is_shut_out(self, row: TagAssignment) -> bool:
        """Tell whether a rival of the group came to be borne since."""
        key = self.known.keys[row.tag_id]
        live = [one for one, kept in self.rows.borne.items() if kept.is_live]
        return key in self.known.tags and bool(
            rivals_of(self.known.tags[key], live, self.known.tags)
        )

    def _rows(self, model: type[Any], what: str, word: TagDecision) -> list[Any]:
        ids = word.before.get(what, [])
        rows = select(model).where(model.id.in_(ids), model.patient_id == self.patient_id)
        return list(self.session.scalars(rows)) if ids else []

    def _end(self, key: str) -> None:
        row = self.rows.borne.pop(key)
        row.is_live, row.ends_at = None, self.now
        self.before.ended.append(row.id)

    def _silence(self, key: str) -> None:
        said = self.rows.decided.pop(key, None)
        if said is not None:
            said.is_live = None
            self.before.silenced.append(said.id)

    def _settle(self, status: ProposalStatus) -> None:
        if self.key in self.rows.waiting:
            row = self.rows.settle(self.key, status, self.now, practitioner_id=self.actor.id)
            self.before.settled.append(row.id)

    def _say(self, is_borne: bool | None, reason: str) -> TagDecision:
        self._silence(self.key)
        self.session.flush()  # the next of its unique key follows
        word = TagDecision(
            patient_id=self.patient_id, tag_id=self.known.ids[self.key], is_borne=is_borne,
            practitioner_id=self.actor.id, reason=reason or None, at=self.now,
        )  # fmt: skip
        self.session.add(word)
        return word

    def _finish(self, word: TagDecision, action: str) -> TagDecision:
        word.before = self.before.plain()
        self.session.flush()
        self._tell(action)
        return word

    def _tell(self, action: str) -> None:
        """Write what changed as events, and who did it into the trail."""
        is_borne = set(TagRows(self.session, self.patient_id, self.known).borne)
        for key in sorted(self.was_borne - is_borne):
            self.rows.say("tag.removed", key, self.now, None)
        for key in sorted(is_borne - self.was_borne):
            self.rows.say("tag.assigned", key, self.now, None)
        record(
            self.session, self.actor, action, "tag", self.now, patient_id=self.patient_id,
            detail={"tag": self.key},
        )  # fmt: skip
