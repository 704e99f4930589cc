"""The mappings in force, compiled once per process; and the note of what they do not explain."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import Any, Final

from sqlalchemy import case, func, select
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.database import Base, new_public_id
from app.domain.intake.terminology import Meaning, TermKind, Unmapped, Vocabulary, system_of
from app.models.intake.terminology import ConceptMapping, TermStatus
from app.models.staff.practitioner import Department

_TERMS: Final = Base.metadata.tables["unmapped_term"]
_MOST_ROWS: Final = 500
_LONGEST_TEXT: Final = 255

_Stamp = tuple[object, ...]
_lock = Lock()
_compiled: dict[_Stamp, Vocabulary] = {}


def vocabulary(session: Session) -> Vocabulary:
    """Return what the sources' words mean now; it is compiled anew only when they changed.

    Every decision is a new row (`term_mapping`), so the newest one and the count tell whether
    anything changed. Ask once per batch: it costs two short statements.
    """
    stamp = _stamp(session)
    with _lock:
        found = _compiled.get(stamp)
    if found is None:
        found = _compile(session)
        with _lock:
            _compiled.clear()
            _compiled[stamp] = found
    return found


def note_unmapped(
    session: Session, source: str, unmapped: Iterable[Unmapped], now: datetime
) -> None:
    """Count codes that nothing explains, in one statement: new ones appear in the queue.

    Give those of a whole batch, repeats included, as the last statement before the commit: common
    codes are rows that everybody counts on. They are locked in one order, so that two batches wait
    for each other and do not deadlock. One that was mapped and is unexplained again is open again.
    """
    found = list(unmapped)
    uses = Counter((one.kind, one.code) for one in found)
    newest = {(one.kind, one.code): one for one in found}
    rows = [
        {
            "public_id": new_public_id(),
            "source": system_of(source),
            "kind": kind,
            "code": code,
            "display": newest[kind, code].display[:_LONGEST_TEXT] or None,
            "unit": newest[kind, code].unit[:_LONGEST_TEXT] or None,
            "uses": times,
            "status": TermStatus.OPEN,
            "first_seen_at": now,
            "last_seen_at": now,
        }
        for (kind, code), times in sorted(uses.items())
    ]
    session.flush()
    for start in range(0, len(rows), _MOST_ROWS):
        _count(session, rows[start : start + _MOST_ROWS])


def _count(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        insert = sqlite.insert(_TERMS).values(rows)
        connection.execute(
            insert.on_conflict_do_update(
                index_elements=["source", "kind", "code"], set_=_changes(insert.excluded)
            )
        )
        return
    kept = mysql.insert(_TERMS).values(rows)
    connection.execute(kept.on_duplicate_key_update(_changes(kept.inserted)))


def _changes(new: Any) -> dict[str, Any]:
    return {
        "uses": _TERMS.c.uses + new.uses,
        "display": func.coalesce(new.display, _TERMS.c.display),
        "unit": func.coalesce(new.unit, _TERMS.c.unit),
        "last_seen_at": new.last_seen_at,
        "status": case(
            (_TERMS.c.status == TermStatus.MAPPED, TermStatus.OPEN.value), else_=_TERMS.c.status
        ),
    }


def _stamp(session: Session) -> _Stamp:
    count, newest = session.execute(
        select(func.count(ConceptMapping.id), func.max(ConceptMapping.id))
    ).one()
    # Not the number alone: a restored database gives the same one to another row.
    name = session.scalar(select(ConceptMapping.public_id).where(ConceptMapping.id == newest))
    departments = session.execute(
        select(Department.code, Department.name).order_by(Department.code)
    )
    return (count, name, *(tuple(row) for row in departments))


def _compile(session: Session) -> Vocabulary:
    meanings: dict[tuple[str, TermKind, str], list[Meaning]] = {}
    for row in session.scalars(select(ConceptMapping)):
        meanings.setdefault((system_of(row.source), row.kind, row.code), []).append(
            Meaning(
                system=row.target_system,
                code=row.target_code,
                display=row.target_display or "",
                starts_on=row.starts_on,
                ends_on=row.ends_on,
                local_display=row.display or "",
            )
        )
    departments = {
        row.code: row.name for row in session.execute(select(Department.code, Department.name))
    }
    return Vocabulary(zone=HOSPITAL, meanings=meanings, departments=departments)
