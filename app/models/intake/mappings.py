"""Deciding what a source's code means: one verb for the page, the command line and the files."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.intake.hospital_records import Coded
from app.domain.intake.terminology import TermKind
from app.models.intake.terminology import ConceptMapping

# A decision that names no day holds for everything that ever came.
ALWAYS: Final = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class NewMapping:
    """That `source` (`*`: any) means `target` by its `code`, from a day on."""

    source: str
    kind: TermKind
    code: str
    display: str
    target: Coded
    starts_on: date = ALWAYS


def decide(
    session: Session, new: NewMapping, practitioner_id: int | None, now: datetime
) -> tuple[str, ...]:
    """Keep a decision and return the codes that the source's code meant until now.

    One that begins later ends the one before it the day before; one of the same first day replaces
    it. Every decision is a new row, whose number tells the compiled vocabulary that it is old.
    """
    _take_turns(session)
    before = session.scalars(
        select(ConceptMapping)
        .filter_by(source=new.source, kind=new.kind, code=new.code)
        .order_by(ConceptMapping.starts_on)
    ).all()
    for row in before:
        if row.starts_on >= new.starts_on:
            session.delete(row)
        elif row.ends_on is None or row.ends_on >= new.starts_on:
            row.ends_on = new.starts_on - timedelta(days=1)
    # The unique key of the replaced row must be free before it is taken.
    session.flush()
    session.add(
        ConceptMapping(
            source=new.source,
            kind=new.kind,
            code=new.code,
            display=new.display or None,
            target_system=new.target.system,
            target_code=new.target.code,
            target_display=new.target.display or None,
            starts_on=new.starts_on,
            practitioner_id=practitioner_id,
            decided_at=now,
        )
    )
    session.flush()
    return tuple(dict.fromkeys(row.target_code for row in before))


def _take_turns(session: Session) -> None:
    """Let one decision commit before the next one gets its number: numbers must grow in time."""
    session.execute(
        select(ConceptMapping.id).order_by(ConceptMapping.id).limit(1).with_for_update()
    )
