"""What the record says, without a trace of how it came to say so.

Two databases that were told the same, in whatever order and however often, have equal states:
every clinical row through the head of its patient, with its version, without surrogate keys and
without the times at which messages reached us.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app.database import Base
from app.encryption import Encrypted
from app.models import (
    AllergyIntolerance,
    Appointment,
    Condition,
    DiagnosticReport,
    Encounter,
    Immunization,
    MedicationRequest,
    Observation,
    Patient,
    PatientIdentifier,
    QuestionnaireResponse,
    RecordLink,
    RelatedPerson,
    ServiceRequest,
)

_OF_PERSONS: tuple[type[Base], ...] = (
    AllergyIntolerance, Appointment, Condition, DiagnosticReport, Encounter, Immunization,
    MedicationRequest, Observation, QuestionnaireResponse, RelatedPerson, ServiceRequest,
)  # fmt: skip
# Keys of our own, and which feed and message happened to be first or last.
_HOW = frozenset(
    {
        "id", "public_id", "patient_id", "encounter_id", "encounter_key", "report_id", "task_id",
        "questionnaire_id", "author_account_id", "merged_into_id", "inbound_id", "source",
        "created_at", "updated_at", "received_at", "other_id", "practitioner_id", "at", "reason",
    }
)  # fmt: skip

State = Mapping[str, list[tuple[Any, ...]]]


def record_state(session: Session) -> State:
    """Return by table what each row says; a person is named by the numbers of all their records."""
    patients = {row.id: row for row in session.scalars(select(Patient))}
    numbers: dict[int, set[str]] = {}
    for row in session.scalars(select(PatientIdentifier)):
        name = f"{row.issuer}/{row.type_code}/{row.value}"
        numbers.setdefault(row.patient_id, set()).add(name)
    heads = {number: _head(patients, number) for number in patients}
    named: dict[int, str] = {}
    for head in set(heads.values()):
        cluster = (number for number, other in heads.items() if other == head)
        named[head] = " ".join(sorted(one for member in cluster for one in numbers.get(member, ())))
    visits = {
        row.id: f"{row.issuer}/{row.visit_number}" for row in session.scalars(select(Encounter))
    }
    reports = {
        row.id: f"{row.issuer}/{row.number}" for row in session.scalars(select(DiagnosticReport))
    }
    state = {
        "patient": _sorted(
            (" ".join(sorted(numbers.get(row.id, ()))), named[heads[row.id]], *_said(row))
            for row in patients.values()
        ),
        "record_link": _sorted(
            (*(" ".join(sorted(numbers.get(one, ()))) for one in (row.patient_id, row.other_id)),
             *_said(row))
            for row in session.scalars(select(RecordLink))
        ),
    }  # fmt: skip
    for model in _OF_PERSONS:
        state[model.__tablename__] = _sorted(
            (
                named[row.patient_id],
                visits.get(getattr(row, "encounter_id", None) or 0, ""),
                reports.get(getattr(row, "report_id", None) or 0, ""),
                *_said(row),
            )
            # What a merge left aside is with the retired record; the person's is with the head.
            for row in session.scalars(select(model))
            if row.patient_id in named
        )
    return state


def difference(one: State, other: State) -> str:
    """Return the first rows that only one of two states has, for the message of a failed test."""
    lines = []
    for table in one:
        ours, theirs = map(str, one[table]), map(str, other[table])
        left, right = set(ours), set(theirs)
        lines += [f"- {table} {row}" for row in sorted(left - right)[:3]]
        lines += [f"+ {table} {row}" for row in sorted(right - left)[:3]]
    return "\n".join(lines)


def _head(patients: Mapping[int, Patient], number: int) -> int:
    while (into := patients[number].merged_into_id) is not None:
        number = into
    return number


def _said(row: Any) -> tuple[Any, ...]:
    model = type(row)
    sealed = {name for name in vars(model) if isinstance(vars(model)[name], Encrypted)}
    hidden = {f"{name}_sealed" for name in sealed} | {f"{name}_index" for name in sealed}
    plain = [c.key for c in inspect(model).columns if c.key not in _HOW | hidden]
    return tuple((name, _plain(getattr(row, name))) for name in sorted({*plain, *sealed}))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(sorted(value.items()))
    return value.hex() if isinstance(value, bytes) else value


def _sorted(rows: Any) -> list[tuple[Any, ...]]:
    return sorted(rows, key=str)
