"""Which records are one person: merges and links with their history, and doubts for a person."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import OPERATION, Base, Big, PlatformId, key_column, public_id_column


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


class RecordMove(Base):
    """One row that a merge moved to the survivor; undoing the merge moves it back.

    Rows that came later under the retired number are noted too.
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
    # What the move changed besides the owner, to be put back (an ended plan, a closed alert).
    before: Mapped[dict[str, Any]] = mapped_column(default=dict, info=OPERATION)
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
