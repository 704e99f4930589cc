"""What happened, in the transaction that made it happen; and how far each reaction has read."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import (
    CARE,
    OPERATION,
    Base,
    Big,
    PlatformId,
    key_column,
)

MAX_DEPTH = 5  # a change that sets off a change that… ends here


class ChainTooDeep(Exception):
    """A chain of events longer than `MAX_DEPTH`: the rules or tags go round in a circle."""


class Event(Base):
    """A fact with ids only: what it is about is read from the rows it names."""

    __tablename__ = "event"
    __table_args__ = (Index(None, "patient_id", "id"),)

    id: Mapped[int] = key_column()
    kind: Mapped[str] = mapped_column(PlatformId(64), index=True, info=CARE)
    patient_id: Mapped[int | None] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    payload: Mapped[dict[str, Any]] = mapped_column(info=OPERATION)
    depth: Mapped[int] = mapped_column(default=0, info=OPERATION)
    at: Mapped[datetime] = mapped_column(info=OPERATION)

    @classmethod
    def of(
        cls,
        kind: str,
        now: datetime,
        *,
        patient_id: int | None = None,
        cause: "Event | None" = None,
        **ids: int | str | None,
    ) -> "Event":
        """Return the fact that `kind` happened to a patient; `cause` is the event behind it.

        :raises ChainTooDeep: one change sets off the next without end
        """
        depth = 0 if cause is None else cause.depth + 1
        if depth > MAX_DEPTH:
            raise ChainTooDeep(kind)
        return cls(kind=kind, patient_id=patient_id, payload=ids, depth=depth, at=now)


class ReactionCursor(Base):
    """How far one reaction has read the events.

    Ids are given before commit, so a lower id may appear after a higher one: `gaps` are the ids
    passed over, each with the time it was first missed.
    """

    __tablename__ = "reaction_cursor"

    reaction: Mapped[str] = mapped_column(PlatformId(64), primary_key=True, info=OPERATION)
    position: Mapped[int] = mapped_column(Big, default=0, info=OPERATION)
    gaps: Mapped[list[Any]] = mapped_column(default=list, info=OPERATION)
    updated_at: Mapped[datetime] = mapped_column(info=OPERATION)


class ReactionFailure(Base):
    """An event that a reaction could not digest: tried again, then left for a person."""

    __tablename__ = "reaction_failure"
    __table_args__ = (UniqueConstraint("reaction", "event_id"),)

    id: Mapped[int] = key_column()
    reaction: Mapped[str] = mapped_column(PlatformId(64), info=OPERATION)
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id"), info=OPERATION)
    tries: Mapped[int] = mapped_column(default=0, info=OPERATION)
    error: Mapped[str] = mapped_column(info=OPERATION)  # the exception's class and place
    retry_at: Mapped[datetime | None] = mapped_column(index=True, info=OPERATION)  # NULL: given up
    at: Mapped[datetime] = mapped_column(info=OPERATION)
