"""The same numbered thing under both records of one person: its greatest version stands."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Table, and_, select, update
from sqlalchemy.orm import Session

from app.encryption import Encrypted
from app.models import (
    AllergyIntolerance,
    DiagnosticReport,
    Immunization,
    MedicationRequest,
    MoveDeed,
    RecordLink,
    RelatedPerson,
    ServiceRequest,
)
from app.services.intake.patient_index import ledger
from app.services.intake.patient_index.treatments import MOVES, owner_of, table_of


def settle_numbered(
    session: Session, link: RecordLink, table: str, retired: int, head: int, at: datetime
) -> None:
    """Keep the newer one with the head and the other with the retired record.

    What only the other one says, or says in a newer version, the newer one shows too: that is
    how it would read had all been told under one number.
    """
    for ours, theirs in _pairs(session, link, table, retired, head):
        if theirs.version > ours.version:
            filled = _fill(session, table, winner=theirs.id, loser=ours.id)
            swap(session, link, table, to_head=theirs.id, to_retired=ours.id, at=at, before=filled)
            loser, winner, deed, owner = ours.id, theirs.id, MoveDeed.CHANGED, head
        else:
            filled = _fill(session, table, winner=ours.id, loser=theirs.id)
            ledger.note(session, link, table, [theirs.id], MoveDeed.STAYED, at)
            if filled:
                ledger.note(session, link, table, [ours.id], MoveDeed.CHANGED, at, filled)
            loser, winner, deed, owner = theirs.id, ours.id, MoveDeed.MOVED, retired
        if table == "diagnostic_report":
            _repoint_results(session, link, loser, winner, owner, deed, at)


def swap(
    session: Session,
    link: RecordLink,
    table: str,
    *,
    to_head: int,
    to_retired: int,
    at: datetime,
    before: Mapping[str, Any] | None = None,
) -> None:
    """Exchange the owners of two rows that no key allows under one owner."""
    ledger.note(session, link, table, [to_retired], MoveDeed.PARKED, at, {"for": to_head})
    ledger.note(session, link, table, [to_head], MoveDeed.MOVED, at, before)
    exchange(session, table, to_head, to_retired)


def _fill(session: Session, table: str, *, winner: int, loser: int) -> dict[str, list[Any]]:
    """Complete one version of a thing from another; return what that changed in it."""
    model = _WITH_STAMPS.get(table)
    if model is None:
        return {}
    kept = table_of(table)
    row, other = (session.get_one(model, id_, populate_existing=True) for id_ in (winner, loser))
    old = session.execute(select(kept).where(kept.c.id == winner)).one()._mapping
    stamps = dict(row.stamps)
    for field in _fields(model):
        value = getattr(other, field)
        told = other.stamps.get(field, other.version)
        stood = stamps.get(field, row.version) if getattr(row, field) is not None else ""
        if value is not None and told > stood:
            setattr(row, field, value)
            stamps[field] = told
    row.stamps = {field: told for field, told in stamps.items() if told != row.version}
    if getattr(row, "encounter_id", 0) is None:
        row.encounter_id = other.encounter_id
    session.flush()
    new = session.execute(select(kept).where(kept.c.id == winner)).one()._mapping
    return ledger.changes(old, new)


def _fields(model: type[Any]) -> list[str]:
    """Return what a message may say of a thing, sealed text by its open name."""
    sealed = [name for name, value in vars(model).items() if isinstance(value, Encrypted)]
    plain = [column.key for column in table_of(model.__tablename__).columns]
    return sealed + [
        name for name in plain if name not in _FIXED and not name.endswith(("_sealed", "_index"))
    ]


_FIXED: Final = frozenset(
    {
        "id", "public_id", "patient_id", "encounter_id", "source", "issuer", "number", "identity",
        "version", "stamps", "inbound_id", "created_at",
    }
)  # fmt: skip
_WITH_STAMPS: Final[Mapping[str, type[Any]]] = {
    model.__tablename__: model
    for model in (
        AllergyIntolerance,
        DiagnosticReport,
        Immunization,
        MedicationRequest,
        RelatedPerson,
        ServiceRequest,
    )
}


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
        "preference": ("value", f"swapped-{row.id}"),
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
