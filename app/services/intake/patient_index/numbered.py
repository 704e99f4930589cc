"""The same numbered thing under both records of one person: its greatest version stands."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, and_, select, update
from sqlalchemy.orm import Session

from app.models import MoveDeed, RecordLink
from app.services.intake.patient_index import ledger
from app.services.intake.patient_index.treatments import MOVES, owner_of, table_of


def settle_numbered(
    session: Session, link: RecordLink, table: str, retired: int, head: int, at: datetime
) -> None:
    """Keep the newer one with the head and the other with the retired record."""
    for ours, theirs in _pairs(session, link, table, retired, head):
        if theirs.version > ours.version:
            swap(session, link, table, to_head=theirs.id, to_retired=ours.id, at=at)
            loser, winner, deed = ours.id, theirs.id, MoveDeed.CHANGED
        else:
            ledger.note(session, link, table, [theirs.id], MoveDeed.STAYED, at)
            loser, winner, deed = theirs.id, ours.id, MoveDeed.MOVED
        if table == "diagnostic_report":
            owner = head if deed is MoveDeed.CHANGED else retired
            _repoint_results(session, link, loser, winner, owner, deed, at)


def swap(
    session: Session, link: RecordLink, table: str, *, to_head: int, to_retired: int, at: datetime
) -> None:
    """Exchange the owners of two rows that no key allows under one owner."""
    ledger.note(session, link, table, [to_retired], MoveDeed.PARKED, at, {"for": to_head})
    ledger.note(session, link, table, [to_head], MoveDeed.MOVED, at)
    exchange(session, table, to_head, to_retired)


def exchange(session: Session, table: str, one: int, other: int) -> None:
    """Give each of two rows of one key the other's owner."""
    kept, owner = table_of(table), owner_of(table)
    rows = {row.id: row for row in session.execute(select(kept).where(kept.c.id.in_((one, other))))}
    name, spare = _spare_key(kept, rows[one])
    first, second = rows[one]._mapping[owner.name], rows[other]._mapping[owner.name]
    for row_id, values in (
        (one, {name: spare}),
        (other, {owner.name: first}),
        (one, {owner.name: second, name: rows[one]._mapping[name]}),
    ):
        session.execute(update(kept).where(kept.c.id == row_id).values(values))


def _spare_key(table: Table, row: Any) -> tuple[str, Any]:
    """Return a column of the key and a value that no row has, for the moment between two steps."""
    spare: dict[str, tuple[str, Any]] = {
        "condition": ("encounter_key", -row.id),
        "questionnaire_response": ("reference", f"swapped-{row.id}"),
        "tag_assignment": ("is_live", None),
    }
    return spare.get(table.name, ("identity", secrets.token_bytes(32)))


def _pairs(
    session: Session, link: RecordLink, table: str, retired: int, head: int
) -> list[tuple[Any, Any]]:
    kept = table_of(table)
    ours, theirs = kept.alias(), kept.alias()
    rows = session.execute(
        select(ours.c.id, ours.c.version, theirs.c.id, theirs.c.version)
        .join(
            theirs,
            and_(*(ours.c[column] == theirs.c[column] for column in MOVES[table].numbered)),
        )
        .where(
            ours.c.patient_id == head,
            theirs.c.patient_id == retired,
            theirs.c.id.not_in(ledger.noted(link.id, table)),
        )
        .order_by(theirs.c.id)
    )
    return [
        (_Version(our_id, our or ""), _Version(their_id, their or ""))
        for our_id, our, their_id, their in rows
    ]


@dataclass(frozen=True, slots=True)
class _Version:
    id: int
    version: str


def _repoint_results(
    session: Session,
    link: RecordLink,
    loser: int,
    winner: int,
    owner: int,
    deed: MoveDeed,
    at: datetime,
) -> None:
    """Let the results of a report that stays aside hang on the one that stands."""
    results = table_of("observation")
    hanging = select(results.c.id).where(
        results.c.report_id == loser,
        results.c.patient_id == owner,
        results.c.id.not_in(ledger.noted(link.id, "observation")),
    )
    for result in session.scalars(hanging).all():
        ledger.alter(session, link, "observation", result, deed, at, {"report_id": winner})
