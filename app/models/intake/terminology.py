"""What the words of each source mean, and the words nobody has explained yet."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import CARE, OPERATION, Base, Big, PlatformId, key_column, public_id_column
from app.domain.intake.terminology import TermKind as TermKind


class ConceptMapping(Base):
    """That a source's code means a standard one, from a day until a day (FHIR ConceptMap).

    `target_code` is of LOINC, UCUM, ICD-10 or our own department list; a source `*` is any.
    """

    __tablename__ = "concept_mapping"
    __table_args__ = (UniqueConstraint("source", "kind", "code", "starts_on"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    source: Mapped[str] = mapped_column(PlatformId(64), info=OPERATION)
    kind: Mapped[TermKind] = mapped_column(info=OPERATION)
    code: Mapped[str] = mapped_column(info=CARE)
    display: Mapped[str | None] = mapped_column(info=CARE)
    target_system: Mapped[str] = mapped_column(info=OPERATION)
    target_code: Mapped[str] = mapped_column(info=CARE)
    target_display: Mapped[str | None] = mapped_column(info=CARE)
    starts_on: Mapped[date] = mapped_column(info=OPERATION)
    ends_on: Mapped[date | None] = mapped_column(info=OPERATION)
    practitioner_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), info=OPERATION
    )
    decided_at: Mapped[datetime] = mapped_column(info=OPERATION)


class TermStatus(StrEnum):
    OPEN = "open"
    MAPPED = "mapped"
    IGNORED = "ignored"


class UnmappedTerm(Base):
    """A code that a source used and no mapping explains, with how often it came."""

    __tablename__ = "unmapped_term"
    __table_args__ = (
        UniqueConstraint("source", "kind", "code"),
        Index(None, "status", "uses"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    source: Mapped[str] = mapped_column(PlatformId(64), info=OPERATION)
    kind: Mapped[TermKind] = mapped_column(info=OPERATION)
    code: Mapped[str] = mapped_column(info=CARE)
    display: Mapped[str | None] = mapped_column(info=CARE)
    unit: Mapped[str | None] = mapped_column(info=CARE)  # helps a person to recognise a test
    uses: Mapped[int] = mapped_column(default=1, info=OPERATION)
    status: Mapped[TermStatus] = mapped_column(info=OPERATION)
    first_seen_at: Mapped[datetime] = mapped_column(info=OPERATION)
    last_seen_at: Mapped[datetime] = mapped_column(info=OPERATION)


class TermRereading(Base):
    """The messages to be read again because a term was given another meaning, and how far we are.

    They are read in the order in which they came: `position` is the last one done.
    """

    __tablename__ = "term_rereading"

    id: Mapped[int] = key_column()
    term_id: Mapped[int] = mapped_column(ForeignKey("unmapped_term.id"), index=True, info=OPERATION)
    position: Mapped[int] = mapped_column(Big, default=0, info=OPERATION)
    messages: Mapped[int] = mapped_column(info=OPERATION)  # how many there were at the decision
    done: Mapped[int] = mapped_column(default=0, info=OPERATION)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)
    finished_at: Mapped[datetime | None] = mapped_column(index=True, info=OPERATION)
