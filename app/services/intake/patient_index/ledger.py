"""The ledger of one merge: what it did to which row, so that it can be undone."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Date,
    Numeric,
    Select,
    Table,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy import Enum as Choice
from sqlalchemy.orm import Session

from app.database import Digest, Instant, Sealed
from app.models import MoveDeed, RecordLink, RecordMove
from app.services.intake.patient_index.treatments import owner_of, table_of

_LEDGER = table_of("record_move")


def noted(link_id: int, table: str, *deeds: MoveDeed) -> Select[int]:
    """Select the ids of the rows of a table that a merge did something to."""
    rows = select(RecordMove.row_id).where(
        RecordMove.link_id == link_id, RecordMove.table_name == table
    )
    return rows.where(RecordMove.deed.in_(deeds)) if deeds else rows


def entries(session: Session, link_id: int, table: str, *deeds: MoveDeed) -> list[RecordMove]:
    return list(
        session.scalars(
            select(RecordMove)
            .where(
                RecordMove.link_id == link_id,
                RecordMove.table_name == table,
                RecordMove.deed.in_(deeds),
            )
            .order_by(RecordMove.id)
        )
    )


def note(
    session: Session,
    link: RecordLink,
    table: str,
    row_ids: Iterable[int],
    deed: MoveDeed,
    at: datetime,
    before: Mapping[str, Any] | None = None,
) -> None:
    rows = [
        {
            "link_id": link.id,
            "table_name": table,
            "row_id": row_id,
            "deed": deed,
            "before": dict(before or {}),
            "at": at,
        }
        for row_id in row_ids
    ]
    if rows:
        session.execute(insert(_LEDGER), rows)


def note_all(
    session: Session, link: RecordLink, table: str, whose: ColumnElement[bool], at: datetime
) -> None:
    """Note as moved all rows of a table that are not noted yet, in one statement."""
    kept = table_of(table)
    session.execute(
        insert(_LEDGER).from_select(
            ["link_id", "table_name", "row_id", "deed", "before", "at"],
            select(
                literal(link.id),
                literal(table),
                kept.c.id,
                literal(MoveDeed.MOVED, _LEDGER.c.deed.type),
                literal({}, _LEDGER.c.before.type),
                literal(at, _LEDGER.c.at.type),
            ).where(whose, kept.c.id.not_in(noted(link.id, table))),
        )
    )


def hand_over(session: Session, link: RecordLink, table: str, old: int, new: int) -> int:
    """Give the rows noted as moved from one record to another; return how many it were."""
    owner = owner_of(table)
    done = session.execute(
        update(table_of(table))
        .where(owner == old, table_of(table).c.id.in_(noted(link.id, table, MoveDeed.MOVED)))
        .values({owner.name: new})
    )
    return int(done.rowcount)  # type: ignore[attr-defined]


def alter(
    session: Session,
    link: RecordLink,
    table: str,
    row_id: int,
    deed: MoveDeed,
    at: datetime,
    values: Mapping[str, Any],
    **why: int,
) -> None:
    """Change a row and note how it was; `why` names the row on whose account it was changed."""
    kept = table_of(table)
    old = session.execute(select(kept).where(kept.c.id == row_id)).one()._mapping
    session.execute(update(kept).where(kept.c.id == row_id).values(dict(values)))
    note(session, link, table, [row_id], deed, at, {**changes(old, values), **why})


def changes(old: Mapping[Any, Any], new: Mapping[Any, Any]) -> dict[str, list[Any]]:
    """Return what is different in `new`: column → [as it was, as it is]."""
    return {
        str(name): [_plain(old[name]), _plain(value)]
        for name, value in new.items()
        if old[name] != value
    }


def put_back(session: Session, move: RecordMove) -> bool:
    """Undo what a merge changed in a row; leave what somebody changed since.

    Return whether everything is as it was.
    """
    kept = table_of(move.table_name)
    row = session.execute(select(kept).where(kept.c.id == move.row_id)).one_or_none()
    if row is None:
        return False
    changed = {name: pair for name, pair in move.before.items() if isinstance(pair, list)}
    if any(_plain(row._mapping[name]) != made for name, (_, made) in changed.items()):
        return False
    values = {name: _typed(kept, name, was) for name, (was, _) in changed.items()}
    if values:
        session.execute(update(kept).where(kept.c.id == row.id).values(values))
    return True


def forget(session: Session, link: RecordLink) -> None:
    session.execute(delete(_LEDGER).where(_LEDGER.c.link_id == link.id))


def count(session: Session, link_id: int, table: str, deed: MoveDeed) -> int:
    rows = noted(link_id, table, deed).subquery()
    return session.scalar(select(func.count()).select_from(rows)) or 0


def count_all(session: Session, link_id: int) -> int:
    """Return how many rows a merge has touched so far."""
    touched = select(func.count(RecordMove.id)).where(RecordMove.link_id == link_id)
    return session.scalar(touched) or 0


def live_merges(session: Session, cluster: Iterable[int]) -> list[tuple[RecordLink, int]]:
    """Return the merges among the records of one person, in the order in which they were done.

    With each comes the record that was the head at that time: its rows went there.
    """
    members = list(cluster)
    rows = session.execute(
        select(RecordLink, RecordMove)
        .join(RecordMove, RecordMove.link_id == RecordLink.id)
        .where(
            RecordMove.deed == MoveDeed.BEGAN,
            or_(RecordLink.patient_id.in_(members), RecordLink.other_id.in_(members)),
        )
        .order_by(RecordMove.id)
    )
    return [(link, move.before["to"]) for link, move in rows]


def _plain(value: Any) -> Any:
    """Return a column's value as JSON keeps it; what is sealed stays so."""
    if isinstance(value, date):  # an instant is one too
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    return value.value if isinstance(value, Enum) else value


def _typed(table: Table, name: str, value: Any) -> Any:
    kind = table.c[name].type
    if value is None:
        return None
    for column_type, read in _READERS:
        if isinstance(kind, column_type):
            return read(value)
    return kind.enum_class(value) if isinstance(kind, Choice) and kind.enum_class else value


_READERS: Final[tuple[tuple[type, Callable[[str], Any]], ...]] = (
    (Instant, datetime.fromisoformat),
    (Date, date.fromisoformat),
    (Numeric, Decimal),
    (Sealed, bytes.fromhex),
    (Digest, bytes.fromhex),
)
