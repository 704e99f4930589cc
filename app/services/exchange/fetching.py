"""One thing of one person's record, for another system that may read."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
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
    PublicationStatus,
    Questionnaire,
    QuestionnaireResponse,
    RelatedPerson,
    ServiceRequest,
)
from app.models.profile.whole_record import WholeRecord, load_records

# Name of the resource: its table, and its place in a record.
_KINDS: Final[Mapping[str, tuple[Any, str]]] = {
    "RelatedPerson": (RelatedPerson, "related_persons"),
    "Encounter": (Encounter, "encounters"),
    "Condition": (Condition, "conditions"),
    "Observation": (Observation, "observations"),
    "DiagnosticReport": (DiagnosticReport, "reports"),
    "MedicationRequest": (MedicationRequest, "medications"),
    "ServiceRequest": (ServiceRequest, "service_requests"),
    "Immunization": (Immunization, "immunizations"),
    "AllergyIntolerance": (AllergyIntolerance, "allergies"),
    "Appointment": (Appointment, "appointments"),
    "QuestionnaireResponse": (QuestionnaireResponse, "forms"),
}
FETCHABLE: Final = frozenset({"Patient", *_KINDS})


def fetch_person(session: Session, public_id: str) -> WholeRecord:
    """Return the whole record of a person; a retired id leads to the one that replaced it.

    :raises NotFound: there is none
    """
    key = session.scalar(select(Patient.id).filter_by(public_id=public_id))
    if key is None:
        raise NotFound
    (found,) = load_records(session, [_head(session, key)])
    return found


def fetch_thing(session: Session, kind: str, public_id: str) -> WholeRecord:
    """Return a record that holds one thing, and what that refers to, and nothing else.

    :raises NotFound: there is no such thing, or it is not one that we give out
    """
    if kind == "Patient":
        whole = fetch_person(session, public_id)
        return WholeRecord(whole.patient, whole.retired, whole.see_also)
    if kind not in _KINDS:
        raise NotFound
    model, place = _KINDS[kind]
    row = session.scalar(select(model).filter_by(public_id=public_id))
    if row is None:
        raise NotFound
    found = WholeRecord(session.get_one(Patient, _head(session, row.patient_id)))
    getattr(found, place).append(row)
    encounter_id = getattr(row, "encounter_id", None)
    if encounter_id is not None:
        found.encounters.append(session.get_one(Encounter, encounter_id))
    if isinstance(row, DiagnosticReport):
        listed = select(Observation).filter_by(report_id=row.id, is_current=True)
        found.observations += session.scalars(listed.order_by(Observation.id))
    return found


def fetch_form(session: Session, public_id: str) -> Questionnaire:
    """Return one version of a form of ours.

    :raises NotFound: there is none, or nobody has approved it yet
    """
    form = session.scalar(select(Questionnaire).filter_by(public_id=public_id))
    if form is None or form.status is PublicationStatus.DRAFT:
        raise NotFound
    return form


def thing_of_message(session: Session, kind: str, message_id: int, patient_id: int) -> str | None:
    """Return the public id of what a message made or changed; None where it changed nothing."""
    if kind == "Patient":
        return session.scalar(select(Patient.public_id).filter_by(id=patient_id))
    if kind not in _KINDS:
        return None
    model, _ = _KINDS[kind]
    made = select(model.public_id).where(model.inbound_id == message_id).order_by(model.id).limit(1)
    found: str | None = session.scalar(made)
    return found


def _head(session: Session, key: int) -> int:
    into = session.scalar(select(Patient.merged_into_id).filter_by(id=key))
    return key if into is None else _head(session, into)
