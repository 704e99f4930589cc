"""Things that a system numbers: of each, the newest version stands."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.domain.intake.hospital_records import Identifier
from app.models import Patient
from app.services.intake.known import Known
from app.services.intake.visits import known_visit


@dataclass(frozen=True, slots=True)
class Thing:
    """A report, an order, a form… as one message tells it.

    `key` is the column and value that, with the patient, name it. A value of None says nothing: a
    dispensing does not repeat the dosage. `birth` is what no version changes.
    """

    model: type[Any]
    key: tuple[str, Any]
    version: str
    values: Mapping[str, Any]
    birth: Mapping[str, Any] = field(default_factory=dict)
    visit: Identifier | None = None
    event: str | None = None


def tell_of_things(known: Known, owner: Patient, things: Iterable[Thing]) -> None:
    """Keep each thing in its newest version; late news fills only what newer news left open."""
    for thing in things:
        column, key = thing.key
        visit = known_visit(known, owner, thing.visit)
        row = known.thing(thing.model, owner, key)
        is_new = row is None
        if row is None:
            row = thing.model(**{column: key}, **thing.birth, version="")
            known.add_thing(row, owner, key)
        changed = _tell(row, thing)
        if changed or known.is_rereading:
            known.touch(row)
        if visit is not None and (is_new or changed):
            known.set_visit(row, visit)
        if thing.event and (is_new or changed):
            known.event(f"{thing.event}.recorded", owner, **{_payload(thing.event): row})


def _payload(event: str) -> str:
    return f"{event.replace('-', '_')}_id"


def _tell(row: Any, thing: Thing) -> bool:
    """Write what is news; return whether anything was.

    `stamps` holds the versions of those fields alone that the newest message did not mention.
    """
    before, version = row.version, thing.version
    stamps = dict(getattr(row, "stamps", None) or {})
    changed = False
    for column, value in thing.values.items():
        old = getattr(row, column)
        stood = stamps.get(column, before) if old is not None else ""
        if value is None:
            if old is not None and version > before:
                stamps.setdefault(column, before)
        elif version > stood:
            if old != value:
                setattr(row, column, value)
                changed = True
            stamps[column] = version
    newest = max(before, version)
    row.version = newest
    if hasattr(row, "stamps"):
        exceptions = {c: v for c, v in stamps.items() if v != newest}
        if exceptions != row.stamps:
            row.stamps = exceptions
    return changed or version > before
