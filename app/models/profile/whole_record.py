"""Everything that is kept of some patients, fetched at once: for export and for copies."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app.domain.outreach.messaging import TO_PATIENTS
from app.models.outreach.communication import Communication
from app.models.plans.care_plan import CarePlan, Task
from app.models.plans.questionnaire_response import QuestionnaireResponse, is_sent
from app.models.profile.clinical import (
    AllergyIntolerance,
    DiagnosticReport,
    Immunization,
    MedicationRequest,
    ServiceRequest,
)
from app.models.profile.encounter import Appointment, Condition, Encounter
from app.models.profile.observation import Observation
from app.models.profile.patient import Patient, RelatedPerson
from app.models.profile.patient_index import RecordLink, RecordLinkKind
from app.models.staff.alert import Alert
from app.models.trust.consent import Consent

Row = TypeVar("Row")

# What went to the patient; cards to staff are the hospital's own talk.


@dataclass(slots=True)
class WholeRecord:
    """One person's record: rows as they stand, each list in the order of its ids.

    `retired` are records that were merged into this one, `see_also` those that point to it.
    """

    patient: Patient
    retired: list[Patient] = field(default_factory=list)
    see_also: list[Patient] = field(default_factory=list)
    related_persons: list[RelatedPerson] = field(default_factory=list)
    encounters: list[Encounter] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    reports: list[DiagnosticReport] = field(default_factory=list)
    medications: list[MedicationRequest] = field(default_factory=list)
    service_requests: list[ServiceRequest] = field(default_factory=list)
    immunizations: list[Immunization] = field(default_factory=list)
    allergies: list[AllergyIntolerance] = field(default_factory=list)
    appointments: list[Appointment] = field(default_factory=list)
    forms: list[QuestionnaireResponse] = field(default_factory=list)
    care_plans: list[CarePlan] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    consents: list[Consent] = field(default_factory=list)
    communications: list[Communication] = field(default_factory=list)


def load_records(
    session: Session, patient_ids: Sequence[int], *, with_history: bool = False
) -> list[WholeRecord]:
    """Return the records of some patients, in the order asked for.

    `with_history` adds the versions of results that no longer stand. The number of queries does
    not grow with the number of patients; ask for a few dozen at a time.
    """
    patients = {
        patient.id: patient
        for patient in session.scalars(
            select(Patient)
            .where(Patient.id.in_(patient_ids))
            .options(selectinload(Patient.identifiers))
        )
    }
    owners = _family(session, patients)
    records = {key: WholeRecord(patient) for key, patient in patients.items()}
    for owner, retired in owners.retired.items():
        records[owner].retired = retired
    for owner, others in _see_also(session, patients).items():
        records[owner].see_also = others
    for name, found in _content(session, list(owners.of), with_history).items():
        for row in found:
            getattr(records[owners.of[row.patient_id]], name).append(row)
    return [records[key] for key in patient_ids if key in records]


@dataclass(slots=True)
class _Owners:
    """Whose record a row belongs to: the head's, also where it still hangs on a retired one."""

    of: dict[int, int]
    retired: dict[int, list[Patient]]


def _family(session: Session, patients: Mapping[int, Patient]) -> _Owners:
    """Follow merges downwards, of merged records too."""
    owners = _Owners({key: key for key in patients}, defaultdict(list))
    layer = list(patients)
    while layer:
        found = session.scalars(
            select(Patient)
            .where(Patient.merged_into_id.in_(layer))
            .options(selectinload(Patient.identifiers))
            .order_by(Patient.id)
        ).all()
        layer = []
        for retired in found:
            if retired.merged_into_id is not None and retired.id not in owners.of:
                head = owners.of[retired.merged_into_id]
                owners.of[retired.id] = head
                owners.retired[head].append(retired)
                layer.append(retired.id)
    return owners


def _see_also(session: Session, patients: Mapping[int, Patient]) -> dict[int, list[Patient]]:
    found: dict[int, list[Patient]] = defaultdict(list)
    links = session.execute(
        select(RecordLink.patient_id, Patient)
        .join(Patient, Patient.id == RecordLink.other_id)
        .where(
            RecordLink.patient_id.in_(list(patients)),
            RecordLink.kind == RecordLinkKind.SEE_ALSO,
            RecordLink.is_live.is_(True),
        )
        .options(selectinload(Patient.identifiers))
        .order_by(RecordLink.id)
    )
    for owner, other in links:
        found[owner].append(other)
    return found


def _content(
    session: Session, owners: Iterable[int], with_history: bool
) -> dict[str, Sequence[Any]]:
    """Return the rows of each kind; the versions of results that stand, unless all are wanted."""
    ids = list(owners)
    observations = select(Observation).where(Observation.patient_id.in_(ids))
    if not with_history:
        observations = observations.where(Observation.is_current.is_(True))
    communications = select(Communication).where(
        Communication.patient_id.in_(ids), Communication.channel.in_(TO_PATIENTS)
    )
    queries = {
        "observations": observations.order_by(Observation.id),
        "communications": communications.order_by(Communication.id),
    }
    found = {name: session.scalars(query).all() for name, query in queries.items()}
    for name, model in _MODELS.items():
        query = select(model).where(model.patient_id.in_(ids)).order_by(model.id)
        if model is QuestionnaireResponse:
            # A draft is the patient's own until they send it.
            query = query.where(is_sent()).options(
                selectinload(QuestionnaireResponse.questionnaire)
            )
        found[name] = session.scalars(query).all()
    return found


_MODELS: Final[Mapping[str, Any]] = {
    "related_persons": RelatedPerson,
    "encounters": Encounter,
    "conditions": Condition,
    "reports": DiagnosticReport,
    "medications": MedicationRequest,
    "service_requests": ServiceRequest,
    "immunizations": Immunization,
    "allergies": AllergyIntolerance,
    "appointments": Appointment,
    "forms": QuestionnaireResponse,
    "care_plans": CarePlan,
    "tasks": Task,
    "alerts": Alert,
    "consents": Consent,
}
