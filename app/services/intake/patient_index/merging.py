"""Merging and parting records: one row a pair, the newest word on it stands."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from app.domain.trust.access import Actor
from app.models import (
    CandidateStatus,
    Event,
    MatchCandidate,
    Patient,
    PatientLink,
    RecordLink,
    RecordLinkKind,
    WeChatAccount,
)
from app.models.profile.patient_index import cluster_of, head_id_of
from app.models.trust.audit import record
from app.services.intake.held import Held
from app.services.intake.patient_index import ledger, moving
from app.services.intake.patient_index.demographics import give_back, refresh


class MergeHeld(Held):
    """A merge that a person must decide; `propose` puts the question to one."""

    def __init__(self, reason: str, survivor_id: int, retired_id: int) -> None:
        super().__init__(reason)
        self.survivor_id = survivor_id
        self.retired_id = retired_id


@dataclass(frozen=True, slots=True)
class Parting:
    """What an unmerge did; `left` counts by table what could not be given back as it was."""

    is_done: bool
    left: Counter[str] = field(default_factory=Counter)


def merge(
    session: Session,
    survivor: Patient,
    retired: Patient,
    *,
    version: str,
    now: datetime,
    inbound_id: int | None = None,
    practitioner_id: int | None = None,
    reason: str | None = None,
    origin: str = "",
) -> RecordLink:
    """Let one record speak for both, and return the row that says so.

    The retired record keeps its numbers and its own data; what belongs to the person goes to the
    head of the survivor. News older than what is known of the pair changes nothing. Both clusters
    stay locked until the caller's transaction ends.

    :raises MergeHeld: it needs a person: `self-merge`, `merge-inverse`, `merge-elsewhere` (the
        retired record went to somebody else), `merge-both-bound` (other people's phones would see
        each other's record; a person may decide so, a message may not)
    """
    if survivor.id == retired.id:
        raise MergeHeld("self-merge", survivor.id, retired.id)
    lock_clusters(session, (survivor.id, retired.id))
    link = _pair(session, retired.id, survivor.id, RecordLinkKind.REPLACED_BY)
    is_old_news = version <= _last_word(session, retired.id, survivor.id, link)
    if link is None:
        link = _new_pair(session, retired.id, survivor.id, RecordLinkKind.REPLACED_BY, now)
    elif version <= link.version:
        return link
    link.version = version
    if is_old_news or link.is_live:
        session.flush()
        return link
    head = _head_for(session, survivor, retired, is_decided=practitioner_id is not None)
    if head is None:
        session.flush()
        return link
    link.is_live = True
    link.at, link.reason = now, reason
    link.inbound_id, link.practitioner_id = inbound_id, practitioner_id
    retired.merged_into_id = survivor.id
    session.flush()
    give_back(retired)
    moving.begin(session, link, head, now)
    news = moving.bring_over(session, link, head, now)
    refresh(session, session.get_one(Patient, head), now)
    _close_candidate(session, link, CandidateStatus.MERGED, now)
    session.add(Event.of("patient.merged", now, patient_id=head, other_id=retired.id))
    session.add_all(news)
    _audit(session, "merge", link, head, now, origin)
    return link


def unmerge(
    session: Session,
    link: RecordLink,
    *,
    version: str,
    now: datetime,
    practitioner_id: int | None = None,
    inbound_id: int | None = None,
    origin: str = "",
) -> Parting:
    """Part two records again: each gets what was its own, before the merge and since.

    Merges of the same person that were done later are undone first and done again after, so
    undoing one in the middle of a chain leaves the others right. Older news changes nothing.
    """
    lock_clusters(session, (link.patient_id, link.other_id))
    session.refresh(link)
    if version <= link.version:
        return Parting(is_done=False)
    link.version = version
    if not link.is_live:
        return Parting(is_done=False)
    head = head_id_of(session, link.other_id)
    merges = ledger.live_merges(session, cluster_of(session, head))
    place = next(place for place, (merge, _) in enumerate(merges) if merge.id == link.id)
    left = Counter[str]()
    for merge, to in reversed(merges[place:]):
        left.update(moving.take_back(session, merge, to))
    link.is_live = False
    link.at = now
    link.inbound_id, link.practitioner_id = inbound_id, practitioner_id
    retired = session.get_one(Patient, link.patient_id)
    retired.merged_into_id = None
    session.flush()
    _bring_again(session, merges[:place], [merge for merge, _ in merges[place + 1 :]])
    heads = (head_id_of(session, link.patient_id), head_id_of(session, link.other_id))
    for one, other in (heads, heads[::-1]):
        refresh(session, session.get_one(Patient, one), now)
        session.add(Event.of("patient.unmerged", now, patient_id=one, other_id=other))
    _audit(session, "unmerge", link, heads[1], now, origin)
    return Parting(is_done=True, left=left)


def link_records(
    session: Session,
    first: Patient,
    second: Patient,
    *,
    version: str,
    now: datetime,
    inbound_id: int | None = None,
    practitioner_id: int | None = None,
    reason: str | None = None,
    origin: str = "",
) -> RecordLink:
    """Say that two records are of one person and both stay in use (A24; FHIR `seealso`).

    :raises MergeHeld: `self-merge`
    """
    if first.id == second.id:
        raise MergeHeld("self-merge", first.id, second.id)
    lock_clusters(session, (first.id, second.id))
    return _say(
        session, first.id, second.id, is_live=True, version=version, now=now,
        inbound_id=inbound_id, practitioner_id=practitioner_id, reason=reason, origin=origin,
    )  # fmt: skip


def unlink_records(
    session: Session,
    first: Patient,
    second: Patient,
    *,
    version: str,
    now: datetime,
    inbound_id: int | None = None,
    practitioner_id: int | None = None,
    origin: str = "",
) -> RecordLink:
    """Say that two records are not of one person (A37): undo their merge or link.

    What is said stays: a merge of the two that is older and comes later does nothing.

    :raises MergeHeld: `unmerge-elsewhere`: a third record joins the two
    """
    if first.id == second.id:
        raise MergeHeld("self-merge", first.id, second.id)
    lock_clusters(session, (first.id, second.id))
    for retired, survivor in ((first, second), (second, first)):
        merged = _pair(session, retired.id, survivor.id, RecordLinkKind.REPLACED_BY)
        if merged is not None and merged.is_live:
            unmerge(
                session, merged, version=version, now=now, practitioner_id=practitioner_id,
                inbound_id=inbound_id, origin=origin,
            )  # fmt: skip
            if merged.is_live:
                return merged  # the merge is the newer word
    if head_id_of(session, first.id) == head_id_of(session, second.id):
        raise MergeHeld("unmerge-elsewhere", second.id, first.id)
    return _say(
        session, first.id, second.id, is_live=False, version=version, now=now,
        inbound_id=inbound_id, practitioner_id=practitioner_id, reason=None, origin=origin,
    )  # fmt: skip


def lock_clusters(session: Session, ids: Iterable[int]) -> None:
    """Lock all records of the persons concerned, lowest id first, and read them anew.

    Two merges of overlapping pairs take turns: the second sees what the first has done.
    """
    session.flush()
    wanted, locked = set(ids), set[int]()
    while not wanted <= locked:
        locked |= wanted
        session.scalars(
            select(Patient)
            .where(Patient.id.in_(sorted(locked)))
            .order_by(Patient.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).all()
        heads = {head_id_of(session, one) for one in ids}
        wanted = {one for head in heads for one in cluster_of(session, head)}


def _head_for(
    session: Session, survivor: Patient, retired: Patient, *, is_decided: bool
) -> int | None:
    """Return whose rows the retired record's become; None where they are that already."""
    head = head_id_of(session, survivor.id)
    if survivor.id in cluster_of(session, retired.id):
        raise MergeHeld("merge-inverse", survivor.id, retired.id)
    if retired.merged_into_id is not None:
        if head == head_id_of(session, retired.id):
            return None
        raise MergeHeld("merge-elsewhere", survivor.id, retired.id)
    if not is_decided:
        people = _bound_people(session, head), _bound_people(session, retired.id)
        if all(people) and people[0] != people[1]:
            raise MergeHeld("merge-both-bound", survivor.id, retired.id)
    return head


def _bound_people(session: Session, patient_id: int) -> set[str]:
    """Return who may open a record on a phone; one person may have an account in several apps."""
    accounts = session.scalars(
        select(WeChatAccount)
        .join(PatientLink, PatientLink.account_id == WeChatAccount.id)
        .where(PatientLink.patient_id == patient_id, PatientLink.is_live.is_(True))
    )
    return {account.unionid or f"account {account.id}" for account in accounts}


def _last_word(session: Session, one: int, other: int, merged: RecordLink | None) -> str:
    """Return the version of the newest word that the two are not one person."""
    words = session.scalars(
        select(RecordLink.version).where(
            or_(
                and_(RecordLink.patient_id == one, RecordLink.other_id == other),
                and_(RecordLink.patient_id == other, RecordLink.other_id == one),
            ),
            RecordLink.kind == RecordLinkKind.SEE_ALSO,
            RecordLink.is_live.is_(False),
        )
    ).all()
    return max([*words, "" if merged is None or merged.is_live else merged.version])


def _bring_again(
    session: Session, before: list[tuple[RecordLink, int]], again: list[RecordLink]
) -> None:
    """Do merges again in their order, as if the undone one had never been."""
    into = {merge.patient_id: merge.other_id for merge, _ in before}
    for merge in again:
        head = merge.other_id
        while head in into:
            head = into[head]
        into[merge.patient_id] = merge.other_id
        moving.begin(session, merge, head, merge.at)
        moving.bring_over(session, merge, head, merge.at)


def _say(
    session: Session,
    first: int,
    second: int,
    *,
    is_live: bool,
    version: str,
    now: datetime,
    inbound_id: int | None,
    practitioner_id: int | None,
    reason: str | None,
    origin: str,
) -> RecordLink:
    one, other = sorted((first, second))
    link = _pair(session, one, other, RecordLinkKind.SEE_ALSO)
    if link is None:
        link = _new_pair(session, one, other, RecordLinkKind.SEE_ALSO, now)
    elif version <= link.version:
        return link
    link.is_live, link.version, link.at, link.reason = is_live, version, now, reason
    link.inbound_id, link.practitioner_id = inbound_id, practitioner_id
    if is_live:
        _close_candidate(session, link, CandidateStatus.LINKED, now)
    session.flush()
    _audit(session, "link" if is_live else "unlink", link, head_id_of(session, one), now, origin)
    return link


def _pair(session: Session, one: int, other: int, kind: RecordLinkKind) -> RecordLink | None:
    return session.scalar(select(RecordLink).filter_by(patient_id=one, other_id=other, kind=kind))


def _new_pair(
    session: Session, one: int, other: int, kind: RecordLinkKind, now: datetime
) -> RecordLink:
    link = RecordLink(patient_id=one, other_id=other, kind=kind, is_live=False, version="", at=now)
    session.add(link)
    return link


def _close_candidate(
    session: Session, link: RecordLink, status: CandidateStatus, now: datetime
) -> None:
    low, high = sorted((link.patient_id, link.other_id))
    session.execute(
        update(MatchCandidate)
        .where(MatchCandidate.patient_id == low, MatchCandidate.other_id == high)
        .values(status=status, practitioner_id=link.practitioner_id, decided_at=now)
    )


def _audit(
    session: Session, action: str, link: RecordLink, head: int, now: datetime, origin: str
) -> None:
    """Say in the trail who joined or parted what: a message, or a person."""
    actor = (
        Actor("practitioner", link.practitioner_id, origin)
        if link.practitioner_id
        else Actor("job", None, origin or f"inbound:{link.inbound_id or ''}")
    )
    record(
        session, actor, action, "patient-index", now, patient_id=head,
        detail={"retired_id": link.patient_id, "survivor_id": link.other_id, "link_id": link.id},
    )  # fmt: skip
