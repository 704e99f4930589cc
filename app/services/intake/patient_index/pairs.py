"""Rows of two records of one person that no key allows under one owner."""

from typing import Any

from sqlalchemy import Table, and_, select
from sqlalchemy.orm import Session

from app.models import RecordLink
from app.services.intake.patient_index import ledger
from app.services.intake.patient_index.treatments import table_of


def pairs(
    session: Session, link: RecordLink, table: str, key: tuple[str, ...], retired: int, head: int
) -> list[tuple[Any, Any]]:
    """Return the rows of head and retired record that no key allows under one owner."""
    kept: Table = table_of(table)
    ours, theirs = kept.alias(), kept.alias()
    found = session.execute(
        select(ours.c.id, theirs.c.id)
        .join(theirs, and_(*(ours.c[name] == theirs.c[name] for name in key)))
        .where(
            ours.c.patient_id == head,
            theirs.c.patient_id == retired,
            theirs.c.id.not_in(ledger.noted(link.id, table)),
        )
        .order_by(theirs.c.id)
    ).all()
    ids = [row_id for pair in found for row_id in pair]
    rows = {row.id: row for row in session.execute(select(kept).where(kept.c.id.in_(ids)))}
    return [(rows[our_id], rows[their_id]) for our_id, their_id in found]
