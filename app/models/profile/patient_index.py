"""Which records are one person: merges and links with their history, and doubts for a person."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    ForeignKey,
    Index,
    ScalarSelect,
    Select,
    UniqueConstraint,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.database import CARE, OPERATION, Base, Big, PlatformId, key_column, public_id_column
from app.models.profile.patient import Patient


def head_of(session: Session, patient: Patient) -> Patient:
    """Return the record that speaks for this person: the end of the chain of merges."""
    while patient.merged_into_id is not None:
        patient = session.get_one(Patient, patient.merged_into_id)
    return patient


def head_id_of(session: Session, patient_id: int) -> int:
    """Return the id of the record that speaks for a person, read from the database."""
    found: int = session.scalars(_ends_of_chains(Patient.id == patient_id)).one()
    return found


def cluster_of(session: Session, head_id: int) -> list[int]:
    """Return the ids of all records of one person, the head's among them, in their order.

    Of a retired record they are its own and those merged into it.
    """
    cluster = select(Patient.id).where(Patient.id == head_id).cte("cluster", recursive=True)
    cluster = cluster.union_all(
        select(Patient.id).join(cluster, Patient.merged_into_id == cluster.c.id)
    )
    return list(session.scalars(select(cluster.c.id).order_by(cluster.c.id)))


def head_named(public_id: str | BindParameter[str]) -> ScalarSelect[int]:
    """Select the id of the record that answers to a public id: a retired one forwards.

    For queries that open a patient by what the outside calls them:
    `Patient.id == head_named(public_id)` with the same conditions as ever on that patient.
    """
    return _ends_of_chains(Patient.public_id == public_id).scalar_subquery()


def heads_of(patients: Select[int]) -> Select[int]:
    """Select the ids of the records that speak for the patients selected."""
    return _ends_of_chains(Patient.id.in_(patients))


def _ends_of_chains(start: ColumnElement[bool]) -> Select[int]:
    chain = select(Patient.id, Patient.merged_into_id).where(start).cte("chain", recursive=True)
    chain = chain.union_all(
        select(Patient.id, Patient.merged_into_id).join(chain, Patient.id == chain.c.merged_into_id)
    )
    return select(chain.c.id).where(chain.c.merged_into_id.is_(None))


class RecordLinkKind(StrEnum):
    """FHIR Patient.link.type, seen from the first record."""

    REPLACED_BY = "replaced-by"
    SEE_ALSO = "seealso"


class RecordLink(Base):
    """That one patient record was merged into another, or points to it; the row is the history.

    One row for a pair and kind, whatever the order in which the news came: `version` is that of
    the newest merge or unmerge, older news changes nothing.
    """

    __tablename__ = "record_link"
    __table_args__ = (
        UniqueConstraint("patient_id", "other_id", "kind"),
        Index(None, "other_id", "is_live"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)  # retired
    other_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)  # survivor
    kind: Mapped[RecordLinkKind] = mapped_column(info=OPERATION)
    is_live: Mapped[bool] = mapped_column(info=OPERATION)
    version: Mapped[str] = mapped_column(info=OPERATION)
    inbound_id: Mapped[int | None] = mapped_column(Big, info=OPERATION)
    practitioner_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), info=OPERATION
    )
    reason: Mapped[str | None] = mapped_column(info=OPERATION)
    at: Mapped[datetime] = mapped_column(info=OPERATION)


class MoveDeed(StrEnum):
    """What a merge did to one row."""

    BEGAN = "began"  # the merge itself: `before["to"]` is the head that the rows went to
    MOVED = "moved"  # from the retired record to the head
    STAYED = "stayed"  # the head has the same thing in a newer version
    PARKED = "parked"  # the head's row, put aside with the retired one for the same reason
    CHANGED = "changed"  # the head's row: stays with its owner, `before` says what is different
    MADE = "made"  # did not exist before


class RecordMove(Base):
    """One row that a merge moved to the survivor; undoing the merge moves it back.

    Rows that came later under the retired number are noted too. The ids tell in which order
    merges were done: they are undone from the last.
    """

    __tablename__ = "record_move"
    __table_args__ = (
        UniqueConstraint("link_id", "table_name", "row_id"),
        Index(None, "table_name", "row_id"),
    )

    id: Mapped[int] = key_column()
    link_id: Mapped[int] = mapped_column(ForeignKey("record_link.id"), info=OPERATION)
    table_name: Mapped[str] = mapped_column(PlatformId(64), info=OPERATION)
    row_id: Mapped[int] = mapped_column(Big, info=OPERATION)
    deed: Mapped[MoveDeed] = mapped_column(default=MoveDeed.MOVED, info=OPERATION)
    # What the move changed besides the owner, to be put back (an ended plan, a closed alert):
    # column → [as it was, as the merge made it].
    before: Mapped[dict[str, Any]] = mapped_column(default=dict, info=CARE)
    at: Mapped[datetime] = mapped_column(info=OPERATION)


class CandidateStatus(StrEnum):
    OPEN = "open"
    MERGED = "merged"
    LINKED = "linked"
    DISMISSED = "dismissed"


class MatchCandidate(Base):
    """Two records that may be one person: a person decides, never the machine."""

    __tablename__ = "match_candidate"
    __table_args__ = (
        UniqueConstraint("patient_id", "other_id"),  # the lower id first
        Index(None, "status", "score"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    other_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True, info=OPERATION)
    score: Mapped[int] = mapped_column(info=OPERATION)  # 0–100
    # What agrees and what does not: national-id, name, birth-date, phone, gender, identifiers.
    reasons: Mapped[list[Any]] = mapped_column(default=list, info=OPERATION)
    status: Mapped[CandidateStatus] = mapped_column(info=OPERATION)
    # A merge that a message asked for and that waits for a person.
    inbound_id: Mapped[int | None] = mapped_column(Big, info=OPERATION)
    practitioner_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), info=OPERATION
    )
    found_at: Mapped[datetime] = mapped_column(info=OPERATION)
    decided_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
