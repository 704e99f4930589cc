"""Writing a working set: each kind of row in one go, what is pointed to before what points."""

from collections import defaultdict
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from app.database import Base, new_public_id
from app.models import Event, Observation, Patient
from app.services.intake import patient_index
from app.services.intake.inserting import insert_all
from app.services.intake.known import Draft, DraftResult, Known
from app.services.intake.result_versions import ResultVersion

_RESULTS = Base.metadata.tables[Observation.__tablename__]
_EVENTS = Base.metadata.tables[Event.__tablename__]


def write(session: Session, known: Known) -> None:
    """Write everything that the messages of a batch changed; the events come last."""
    for twin in known.dropped:
        session.delete(twin)
    session.add_all([*known.new_patients, *known.new_numbers])
    session.flush()
    _add(session, known.new_visits)
    for row, visit in known.visit_of.items():
        row.encounter_id = visit.id
        if hasattr(row, "encounter_key"):
            row.encounter_key = visit.id
    _add(session, known.new_rows)
    _change_results(session, known)
    _add_results(session, known)
    _add_events(session, known)
    _note_arrivals(session, known)
    for head in known.stirred:
        patient_index.refresh(session, head, known.now)


def _add(session: Session, drafts: list[Draft]) -> None:
    for draft in drafts:
        draft.row.patient_id = draft.owner.id
    session.add_all(draft.row for draft in drafts)
    session.flush()


def _change_results(session: Session, known: Known) -> None:
    """Change kept versions; the place of the current one must be free before it is taken."""
    alike: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for version, values in known.changed_results.items():
        if version.report is not None:
            values["report_id"] = version.report.id
        row = {f"to_{name}": value for name, value in values.items()}
        alike[tuple(sorted(values))].append({"of_id": version.id, **row})
    demoted = [
        version.id
        for version, values in known.changed_results.items()
        if values.get("is_current", True) is None
    ]
    if demoted:
        session.execute(update(_RESULTS).where(_RESULTS.c.id.in_(demoted)).values(is_current=None))
    for columns, rows in alike.items():
        session.connection().execute(
            update(_RESULTS)
            .where(_RESULTS.c.id == bindparam("of_id"))
            .values({name: bindparam(f"to_{name}") for name in columns}),
            rows,
        )


def _add_results(session: Session, known: Known) -> None:
    rows = [_result(draft) for draft in known.new_results]
    for draft, number in zip(known.new_results, insert_all(session, _RESULTS, rows), strict=True):
        draft.version.id = number


def _result(draft: DraftResult) -> dict[str, Any]:
    public_id = new_public_id()
    values = {**draft.version.values}
    report = draft.version.report
    text, note = values.pop("text"), values.pop("note")
    return {
        **values,
        "public_id": public_id,
        "patient_id": draft.owner.id,
        "encounter_id": draft.encounter.id if draft.encounter is not None else None,
        "report_id": report.id if report is not None else None,
        "source": draft.origin.source,
        "inbound_id": draft.origin.inbound_id,
        "is_current": True if draft.version.is_current else None,
        "text_sealed": Observation.text.seal(_RESULTS.name, public_id, text),
        "note_sealed": Observation.note.seal(_RESULTS.name, public_id, note),
    }


def _add_events(session: Session, known: Known) -> None:
    rows = [
        {
            "kind": event.kind,
            "patient_id": event.patient.id,
            "payload": {name: None if row is None else row.id for name, row in event.ids.items()},
            "depth": 0,
            "at": known.now,
        }
        for event in known.events
    ]
    if rows:
        session.connection().execute(insert(_EVENTS), rows)


def _note_arrivals(session: Session, known: Known) -> None:
    """Tell the index of rows that came under a retired number."""
    came: defaultdict[tuple[Patient, Patient], list[Any]] = defaultdict(list)
    for own, owner, row in known.arrivals:
        if known.head(own) is owner:
            came[own, owner].append(row)
    for (own, owner), rows in came.items():
        results = [row.id for row in rows if isinstance(row, ResultVersion)]
        others = [row for row in rows if not isinstance(row, ResultVersion)]
        others += session.scalars(select(Observation).where(Observation.id.in_(results)))
        patient_index.note_arrival(session, own, owner, others)
