"""What a person sees of doubles and merges, and what they decide."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from app.domain.errors import DomainError, NotFound
from app.domain.intake.versions import version_of
from app.domain.profile.masking import masked_name, masked_phone
from app.domain.trust.access import Actor
from app.models import (
    CandidateStatus,
    Encounter,
    Gender,
    MatchCandidate,
    Patient,
    PatientIdentifier,
    PatientLink,
    Practitioner,
    RecordLink,
    RecordLinkKind,
)
from app.models.profile.patient import normal_phone
from app.models.profile.patient_index import cluster_of, head_id_of
from app.models.trust.audit import record
from app.services.intake.patient_index.merging import Parting, link_records, merge, unmerge
from app.services.intake.patient_index.treatments import MOVES, owner_of, table_of

PAGE: Final = 50


class MergeReason(StrEnum):
    """Why somebody says that two records are one person."""

    ASKED = "patient-confirmed"
    DOCUMENTS = "documents-checked"
    HOSPITAL = "hospital-confirmed"


class DismissReason(StrEnum):
    """Why somebody says that they are not."""

    OTHER_PEOPLE = "different-people"
    TWINS = "twins-or-siblings"
    PARENTS_NUMBER = "parents-number"


class DoubleDecided(DomainError):
    """Somebody else was faster."""

    code = "double-decided"
    title = "这一对记录刚刚已经处理过"


@dataclass(frozen=True, slots=True)
class Side:
    """One of two records, as far as one must see it to decide; nothing in full."""

    patient_id: int
    id: str
    name: str
    gender: Gender
    birth_date: date | None
    phone: str | None
    citizen_numbers: tuple[str, ...]
    numbers: tuple[tuple[str, str], ...]  # issuer and masked number
    records: int  # how many records have been merged into this one
    encounters: int
    last_seen_at: datetime | None
    is_bound: bool


@dataclass(frozen=True, slots=True)
class Double:
    """Two records that may be one person."""

    id: str
    score: int
    findings: tuple[tuple[str, str], ...]
    is_asked_by_message: bool
    found_at: datetime
    first: Side
    second: Side

    def side(self, public_id: str) -> Side:
        """:raises NotFound: it is neither of the two"""
        for side in (self.first, self.second):
            if side.id == public_id:
                return side
        raise NotFound


@dataclass(frozen=True, slots=True)
class DoneMerge:
    """A merge that stands, and who did it: a person, or a message of the hospital."""

    id: str
    survivor: str
    retired: str
    who: str | None
    reason: str | None
    at: datetime


def list_doubles(session: Session) -> list[Double]:
    """Return the pairs that wait for a decision, the likeliest first."""
    one, other = aliased(Patient), aliased(Patient)
    rows = session.scalars(
        select(MatchCandidate)
        .join(one, one.id == MatchCandidate.patient_id)
        .join(other, other.id == MatchCandidate.other_id)
        .where(
            MatchCandidate.status == CandidateStatus.OPEN,
            or_(
                MatchCandidate.inbound_id.is_not(None),
                one.merged_into_id.is_(None) & other.merged_into_id.is_(None),
            ),
        )
        .order_by(MatchCandidate.score.desc(), MatchCandidate.id)
        .limit(PAGE)
    ).all()
    doubles = (_double(session, row) for row in rows)
    return [double for double in doubles if double.first.id != double.second.id]


def read_double(session: Session, public_id: str) -> Double:
    """:raises NotFound: there is none that waits for a decision"""
    return _double(session, _open(session, public_id))


def what_moves(session: Session, patient_public_id: str) -> dict[str, int]:
    """Return how many rows of each table would go to the other record."""
    patient = session.scalars(select(Patient).filter_by(public_id=patient_public_id)).one()
    counts = {
        table: session.scalar(
            select(func.count()).select_from(table_of(table)).where(owner_of(table) == patient.id)
        )
        or 0
        for table in MOVES
    }
    return {table: number for table, number in counts.items() if number}


def merge_double(
    session: Session,
    public_id: str,
    keep: str,
    reason: MergeReason,
    practitioner_id: int,
    now: datetime,
    origin: str = "",
) -> None:
    """Merge a pair into the record `keep`.

    :raises NotFound: there is no such pair, or `keep` is not of it
    :raises DoubleDecided: somebody was faster
    :raises MergeHeld: it would go round in a circle
    """
    candidate = _locked(session, public_id)
    heads = _heads(session, candidate)
    kept = [one for one in heads if one.public_id == keep]
    retired = [one for one in heads if one.public_id != keep]
    if len(kept) != 1 or len(retired) != 1:
        raise NotFound
    _close(candidate, CandidateStatus.MERGED, practitioner_id, now)
    merge(
        session, kept[0], retired[0], version=version_of(now), now=now,
        practitioner_id=practitioner_id, reason=reason, origin=origin,
    )  # fmt: skip


def link_double(
    session: Session, public_id: str, practitioner_id: int, now: datetime, origin: str = ""
) -> None:
    """Say that a pair is one person and both records stay in use.

    :raises NotFound: there is no such pair
    :raises DoubleDecided: somebody was faster
    """
    candidate = _locked(session, public_id)
    first, second = _heads(session, candidate)
    _close(candidate, CandidateStatus.LINKED, practitioner_id, now)
    link_records(
        session, first, second, version=version_of(now), now=now,
        practitioner_id=practitioner_id, origin=origin,
    )  # fmt: skip


def dismiss_double(
    session: Session,
    public_id: str,
    reason: DismissReason,
    practitioner_id: int,
    now: datetime,
    origin: str = "",
) -> None:
    """Say that a pair is two people: it is not proposed again.

    :raises NotFound: there is no such pair
    :raises DoubleDecided: somebody was faster
    """
    candidate = _locked(session, public_id)
    _close(candidate, CandidateStatus.DISMISSED, practitioner_id, now)
    record(
        session, Actor("practitioner", practitioner_id, origin), "dismiss", "patient-index", now,
        patient_id=candidate.patient_id,
        detail={"other_id": candidate.other_id, "reason": reason, "candidate": candidate.id},
    )  # fmt: skip


def list_merges(session: Session) -> list[DoneMerge]:
    """Return the merges that stand, the newest first."""
    rows = session.execute(
        select(RecordLink, Practitioner)
        .outerjoin(Practitioner, Practitioner.id == RecordLink.practitioner_id)
        .where(RecordLink.kind == RecordLinkKind.REPLACED_BY, RecordLink.is_live.is_(True))
        .order_by(RecordLink.at.desc(), RecordLink.id.desc())
        .limit(PAGE)
    ).all()
    return [_done(session, link, who) for link, who in rows]


def read_merge(session: Session, public_id: str) -> DoneMerge:
    """:raises NotFound: there is no such merge, or it is undone"""
    return _done(session, *_live_merge(session, public_id))


def undo_merge(
    session: Session, public_id: str, practitioner_id: int, now: datetime, origin: str = ""
) -> Parting:
    """Part two records again, and say what could not be given back.

    :raises NotFound: there is no such merge, or somebody has undone it
    """
    link, _ = _live_merge(session, public_id)
    # A message's clock may run ahead of ours: a person's word is the last one all the same.
    version = max(version_of(now), link.version + "~")
    return unmerge(
        session, link, version=version, now=now, practitioner_id=practitioner_id, origin=origin
    )


def _double(session: Session, row: MatchCandidate) -> Double:
    first, second = _heads(session, row)
    return Double(
        id=row.public_id,
        score=row.score,
        findings=tuple(_split(row.reasons)),
        is_asked_by_message=row.inbound_id is not None,
        found_at=row.found_at,
        first=_side(session, first),
        second=_side(session, second),
    )


def _split(reasons: Iterable[str]) -> Iterable[tuple[str, str]]:
    for reason in reasons:
        feature, _, finding = reason.partition(":")
        yield feature, finding


def _side(session: Session, patient: Patient) -> Side:
    cluster = cluster_of(session, patient.id)
    identifiers = session.scalars(
        select(PatientIdentifier)
        .where(PatientIdentifier.patient_id.in_(cluster))
        .order_by(PatientIdentifier.id)
        .limit(20)
    ).all()
    visits = session.execute(
        select(func.count(), func.max(Encounter.started_at)).where(
            Encounter.patient_id == patient.id
        )
    ).one()
    bound = select(PatientLink.id).filter_by(patient_id=patient.id, is_live=True).limit(1)
    return Side(
        patient_id=patient.id,
        id=patient.public_id,
        name=masked_name(patient.name) if patient.name else "未登记姓名",
        gender=patient.gender,
        birth_date=patient.birth_date,
        phone=masked_phone(normal_phone(patient.phone)) if patient.phone else None,
        citizen_numbers=tuple(
            _masked_number(one.value) for one in identifiers if one.type_code == "NI"
        ),
        numbers=tuple(
            (one.issuer, _masked_number(one.value)) for one in identifiers if one.type_code != "NI"
        ),
        records=len(cluster) - 1,
        encounters=visits[0],
        last_seen_at=visits[1],
        is_bound=session.scalar(bound) is not None,
    )


def _label(patient: Patient) -> str:
    """Return a record in few words, as far as one must tell it from others."""
    name = masked_name(patient.name) if patient.name else "未登记姓名"
    phone = masked_phone(normal_phone(patient.phone)) if patient.phone else "无手机号"
    return f"{name}，{patient.birth_date or '出生日期未登记'}，{phone}"


def _masked_number(number: str | None) -> str:
    """Return the end of a number: enough to tell two apart."""
    return f"…{number[-4:]}" if number and len(number) > 6 else "…"


def _done(session: Session, link: RecordLink, who: Practitioner | None) -> DoneMerge:
    survivor = session.get_one(Patient, link.other_id)
    retired = session.get_one(Patient, link.patient_id)
    return DoneMerge(
        id=link.public_id,
        survivor=_label(survivor),
        retired=_label(retired),
        who=who.name if who else None,
        reason=link.reason,
        at=link.at,
    )


def _heads(session: Session, row: MatchCandidate) -> tuple[Patient, Patient]:
    first, second = (
        session.get_one(Patient, head_id_of(session, one)) for one in (row.patient_id, row.other_id)
    )
    return first, second


def _open(session: Session, public_id: str) -> MatchCandidate:
    candidate = session.scalar(
        select(MatchCandidate).filter_by(public_id=public_id, status=CandidateStatus.OPEN)
    )
    if candidate is None:
        raise NotFound
    return candidate


def _locked(session: Session, public_id: str) -> MatchCandidate:
    candidate = session.scalar(
        select(MatchCandidate).filter_by(public_id=public_id).with_for_update()
    )
    if candidate is None:
        raise NotFound
    if candidate.status is not CandidateStatus.OPEN:
        raise DoubleDecided
    return candidate


def _close(
    candidate: MatchCandidate, status: CandidateStatus, practitioner_id: int, now: datetime
) -> None:
    candidate.status = status
    candidate.practitioner_id = practitioner_id
    candidate.decided_at = now


def _live_merge(session: Session, public_id: str) -> tuple[RecordLink, Practitioner | None]:
    row = session.execute(
        select(RecordLink, Practitioner)
        .outerjoin(Practitioner, Practitioner.id == RecordLink.practitioner_id)
        .where(
            RecordLink.public_id == public_id,
            RecordLink.kind == RecordLinkKind.REPLACED_BY,
            RecordLink.is_live.is_(True),
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    return row[0], row[1]
