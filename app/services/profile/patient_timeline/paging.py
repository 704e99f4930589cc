"""A page over all sources: one statement finds the keys, one for each kind on it reads the rows."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from app.database import Instant
from app.domain.profile.record_views import RULES, EntryKind, View, kinds_of
from app.services.profile.patient_timeline.doings import DOINGS
from app.services.profile.patient_timeline.entries import PAGE, Entry, Source, Timeline
from app.services.profile.patient_timeline.sources import SOURCES

_ALL: Final = (*SOURCES, *DOINGS)
# In the order in which entries of one instant are shown.
_ORDER: Final = tuple(sorted(_ALL, key=lambda one: list(EntryKind).index(one.kind)))
_RANK: Final = {one.key: rank for rank, one in enumerate(_ORDER)}
# A new result is graded within seconds; until then nobody knows whether a clinician must see it
# before the patient.
SETTLING: Final = timedelta(minutes=15)

_Edge: TypeAlias = tuple[datetime, int, int]
_NOW: Final = bindparam("now", type_=Instant())


def read_timeline(
    session: Session,
    patient_id: int,
    now: datetime,
    before: str | None = None,
    *,
    view: View = View.STAFF,
    kinds: Collection[EntryKind] = (),
    practitioner_id: int | None = None,
) -> Timeline:
    """Return the newest entries up to `now`, or those older than the entry named `before`.

    `kinds` narrows to some kinds; those that the view does not show are left out. Tags of a team
    alone are shown to `practitioner_id` of that team. At most two statements and one for each kind
    on the page. The caller has checked that the asker may see this patient.
    """
    shown = [kind for kind in kinds_of(view) if not kinds or kind in kinds]
    ranks = tuple(rank for rank, one in enumerate(_ORDER) if one.kind in shown)
    if not ranks:
        return Timeline((), None)
    asked: dict[str, Any] = {
        "patient_id": patient_id,
        "practitioner_id": practitioner_id or 0,
        "now": now,
        "settled": now - SETTLING,
    }
    edge = _edge(session, before, asked) if before else None
    if edge is not None:
        asked |= dict(zip(("edge_at", "edge_rank", "edge_id"), edge, strict=True))
    keys = session.execute(_newest(ranks, view, edge is not None), asked).all()
    page = keys[:PAGE]
    entries = _read(session, patient_id, page, view)
    more = len(keys) > PAGE
    last = f"{_ORDER[page[-1].rank].key}.{entries[-1].public_id}" if more else None
    return Timeline(entries, last)


def _edge(session: Session, name: str, asked: dict[str, Any]) -> _Edge | None:
    """Return time, rank and id of the entry a page ended with."""
    key, _, public_id = name.partition(".")
    rank = _RANK.get(key)
    if rank is None:
        return None
    source = _ORDER[rank]
    wanted: Any = public_id
    if source.day is not None:
        try:
            wanted = date.fromisoformat(public_id)
        except ValueError:
            return None
    found = _keys(source, rank).where(source.public_id == wanted)
    row = session.execute(found, asked).one_or_none()
    return None if row is None else (row.at, rank, row.id)


@lru_cache(maxsize=256)
def _newest(ranks: tuple[int, ...], view: View, is_older: bool) -> CompoundSelect[Any]:
    """Build the statement that finds the keys of a page; built once for each sort of page."""
    parts = [_page_of(_ORDER[rank], rank, view, is_older).subquery() for rank in ranks]
    everything = union_all(*(select(part.c.at, part.c.rank, part.c.id) for part in parts))
    return everything.order_by(
        literal_column("1").desc(), literal_column("2"), literal_column("3").desc()
    ).limit(PAGE + 1)


def _page_of(source: Source, rank: int, view: View, is_older: bool) -> Select[Any]:
    query = _keys(source, rank)
    if view is View.PATIENT:
        query = query.where(*source.patient_sees)
    at, key = _place(source)
    if is_older:
        edge = _is_older(at, key, rank)
        query = query.where(edge) if source.day is None else query.having(edge)
    return query.order_by(at.desc(), key.desc()).limit(PAGE + 1)


def _keys(source: Source, rank: int) -> Select[Any]:
    at, key = _place(source)
    base = source.keys if source.keys is not None else source.rows
    query: Select[Any] = base.with_only_columns(
        at.label("at"), literal_column(str(rank)).label("rank"), key.label("id")
    ).where(source.patient == bindparam("patient_id"), source.at <= _NOW)
    return query if source.day is None else query.group_by(source.day)


def _place(source: Source) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return what an entry is sorted by: of a day, the last thing on it."""
    if source.day is None:
        return source.at, source.id
    return func.max(source.at), func.max(source.id)


def _is_older(at: ColumnElement[Any], key: ColumnElement[Any], rank: int) -> ColumnElement[bool]:
    edge_at = bindparam("edge_at", type_=Instant())
    mine: ColumnElement[int] = literal_column(str(rank))
    behind = or_(
        mine > bindparam("edge_rank"),
        and_(mine == bindparam("edge_rank"), key < bindparam("edge_id")),
    )
    # Said twice, so that an index on the time is read from the edge on.
    return and_(at <= edge_at, or_(at < edge_at, behind))


def _read(session: Session, patient_id: int, page: Any, view: View) -> tuple[Entry, ...]:
    ids: dict[int, list[int]] = defaultdict(list)
    for row in page:
        ids[row.rank].append(row.id)
    found: dict[tuple[int, int], Any] = {}
    for rank, wanted in ids.items():
        found |= {(rank, key): row for key, row in _rows(session, patient_id, rank, wanted)}
    return tuple(
        _as_seen(_ORDER[row.rank].read(found[row.rank, row.id], row.at), view) for row in page
    )


def _rows(session: Session, patient_id: int, rank: int, ids: list[int]) -> list[tuple[int, Any]]:
    source = _ORDER[rank]
    if source.day is None:
        rows = session.execute(source.rows.where(source.id.in_(ids)))
        return [(row.id, row) for row in rows]
    days = (
        select(source.day).where(source.id.in_(ids), source.patient == patient_id).scalar_subquery()
    )
    of_days = source.rows.where(source.patient == patient_id, source.day.in_(days))
    whole: dict[Any, list[Any]] = defaultdict(list)
    for row in session.execute(of_days):
        whole[row.day].append(row)
    return [(max(row.id for row in rows if row.id in ids), rows) for rows in whole.values()]


def _as_seen(entry: Entry, view: View) -> Entry:
    """Leave out what the view's rule for the kind keeps inside."""
    if view is View.STAFF:
        return entry
    rule = RULES[entry.kind]
    return Entry(
        kind=entry.kind, public_id=entry.public_id, at=entry.at, what=entry.what,
        state=entry.state, display=entry.display, value=entry.value, value_text=entry.value_text,
        unit=entry.unit, counts=entry.counts, reporter=entry.reporter, device=entry.device,
        who=entry.who if rule.who else None, note=entry.note if rule.note else None,
    )  # fmt: skip
