"""What hospitals and meters tell of a patient: results, reports, orders, visits."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, exists, func, or_, select, true
from sqlalchemy.orm import joinedload

from app.database import Instant, start_of
from app.domain.intake.clinical_records import ReportStatus, RequestStatus
from app.domain.intake.hospital_records import ObservationStatus
from app.domain.profile.record_views import EntryKind
from app.models import (
    Alert,
    AlertStep,
    AllergyIntolerance,
    Appointment,
    Condition,
    DiagnosticReport,
    Encounter,
    Immunization,
    MedicationRequest,
    Observation,
    Origin,
    ServiceRequest,
)
from app.services.profile.patient_timeline.entries import Entry, Source

_VOID_RESULT: Final = (ObservationStatus.ENTERED_IN_ERROR, ObservationStatus.CANCELLED)
_ISSUED: Final = (
    ReportStatus.FINAL, ReportStatus.AMENDED, ReportStatus.CORRECTED, ReportStatus.APPENDED,
)  # fmt: skip
_NOT_ORDERED: Final = (RequestStatus.DRAFT, RequestStatus.ENTERED_IN_ERROR)


def _observation(row: Any, at: datetime) -> Entry:
    one: Observation = row.Observation
    return Entry(
        kind=EntryKind.OBSERVATION,
        public_id=one.public_id,
        at=at,
        what=one.code,
        display=one.display,
        state=one.doubt or one.interpretation or one.computed_interpretation or "",
        value=one.value,
        value_text=one.off_scale or one.text,
        unit=one.unit,
        note=one.note,
        reporter=one.reporter,
        device=one.device.words if one.device else None,
    )


_WAITS_FOR_A_WORD: Final = exists().where(
    AlertStep.observation_id == Observation.id,
    AlertStep.alert_id == Alert.id,
    Alert.tells_patient.is_(False),
)

OBSERVATIONS: Final = Source(
    "observation",
    EntryKind.OBSERVATION,
    select(Observation, Observation.id)
    .where(Observation.is_current == true())
    .options(joinedload(Observation.device)),
    Observation.patient_id.expression,
    Observation.public_id.expression,
    Observation.effective_at.expression,
    Observation.id.expression,
    _observation,
    patient_sees=(
        Observation.status.not_in(_VOID_RESULT),
        ~_WAITS_FOR_A_WORD,
        or_(
            Observation.origin == Origin.HOME,
            Observation.received_at <= bindparam("settled", type_=Instant()),
        ),
    ),
)


def _report(row: Any, at: datetime) -> Entry:
    one: DiagnosticReport = row.DiagnosticReport
    return Entry(
        EntryKind.REPORT, one.public_id, at, one.display or one.code, one.status,
        display=one.category, note=one.conclusion,
    )  # fmt: skip


REPORTS: Final = Source(
    "report",
    EntryKind.REPORT,
    select(DiagnosticReport, DiagnosticReport.id),
    DiagnosticReport.patient_id.expression,
    DiagnosticReport.public_id.expression,
    func.coalesce(
        DiagnosticReport.issued_at, DiagnosticReport.effective_at, DiagnosticReport.created_at,
        type_=DiagnosticReport.created_at.type,
    ),
    DiagnosticReport.id.expression,
    _report,
    patient_sees=(DiagnosticReport.status.in_(_ISSUED),),
)  # fmt: skip


def _prescription(row: Any, at: datetime) -> Entry:
    one: MedicationRequest = row.MedicationRequest
    return Entry(
        EntryKind.PRESCRIPTION, one.public_id, at, one.display or one.code, one.status,
        display=one.frequency, value=one.dose, unit=one.dose_unit, note=one.dosage,
    )  # fmt: skip


PRESCRIPTIONS: Final = Source(
    "prescription",
    EntryKind.PRESCRIPTION,
    select(MedicationRequest, MedicationRequest.id),
    MedicationRequest.patient_id.expression,
    MedicationRequest.public_id.expression,
    func.coalesce(
        MedicationRequest.authored_at, MedicationRequest.starts_at,
        MedicationRequest.dispensed_at, MedicationRequest.created_at,
        type_=MedicationRequest.created_at.type,
    ),
    MedicationRequest.id.expression,
    _prescription,
    patient_sees=(MedicationRequest.status.not_in(_NOT_ORDERED),),
)  # fmt: skip


def _order(row: Any, at: datetime) -> Entry:
    one: ServiceRequest = row.ServiceRequest
    return Entry(
        EntryKind.ORDER, one.public_id, at, one.display or one.code, one.status,
        display=one.category, who=one.requester_name, note=one.note,
    )  # fmt: skip


ORDERS: Final = Source(
    "order",
    EntryKind.ORDER,
    select(ServiceRequest, ServiceRequest.id),
    ServiceRequest.patient_id.expression,
    ServiceRequest.public_id.expression,
    func.coalesce(
        ServiceRequest.authored_at, ServiceRequest.occurs_at, ServiceRequest.created_at,
        type_=ServiceRequest.created_at.type,
    ),
    ServiceRequest.id.expression,
    _order,
    patient_sees=(ServiceRequest.status.not_in(_NOT_ORDERED),),
)  # fmt: skip


def _vaccination(row: Any, at: datetime) -> Entry:
    one: Immunization = row.Immunization
    dose = f"第{one.dose_number}剂" if one.dose_number else None
    return Entry(
        EntryKind.VACCINATION, one.public_id, at, one.display or one.code, one.status, display=dose
    )


VACCINATIONS: Final = Source(
    "vaccination",
    EntryKind.VACCINATION,
    select(Immunization, Immunization.id),
    Immunization.patient_id.expression,
    Immunization.public_id.expression,
    func.coalesce(
        start_of(Immunization.occurred_on), Immunization.created_at,
        type_=Immunization.created_at.type,
    ),
    Immunization.id.expression,
    _vaccination,
    patient_sees=(Immunization.status != "entered-in-error",),
)  # fmt: skip


def _allergy(row: Any, at: datetime) -> Entry:
    one: AllergyIntolerance = row.AllergyIntolerance
    return Entry(
        EntryKind.ALLERGY, one.public_id, at, one.display or one.code,
        "active" if one.is_active else "inactive", display=one.criticality, note=one.reaction,
    )  # fmt: skip


ALLERGIES: Final = Source(
    "allergy",
    EntryKind.ALLERGY,
    select(AllergyIntolerance, AllergyIntolerance.id),
    AllergyIntolerance.patient_id.expression,
    AllergyIntolerance.public_id.expression,
    func.coalesce(
        AllergyIntolerance.recorded_at, AllergyIntolerance.created_at,
        type_=AllergyIntolerance.created_at.type,
    ),
    AllergyIntolerance.id.expression,
    _allergy,
)  # fmt: skip


def _condition(row: Any, at: datetime) -> Entry:
    one: Condition = row.Condition
    state = "provisional" if one.is_provisional else "active" if one.is_active else "inactive"
    return Entry(
        EntryKind.CONDITION, one.public_id, at, one.display or one.code, state, display=one.code
    )


CONDITIONS: Final = Source(
    "condition",
    EntryKind.CONDITION,
    select(Condition, Condition.id),
    Condition.patient_id.expression,
    Condition.public_id.expression,
    Condition.recorded_at.expression,
    Condition.id.expression,
    _condition,
    patient_sees=(Condition.is_provisional.is_(False),),
)


def _appointment(row: Any, at: datetime) -> Entry:
    one: Appointment = row.Appointment
    return Entry(
        EntryKind.APPOINTMENT, one.public_id, at, one.department_name or "", one.status,
        who=one.practitioner_name,
    )  # fmt: skip


APPOINTMENTS: Final = Source(
    "appointment",
    EntryKind.APPOINTMENT,
    select(Appointment, Appointment.id),
    Appointment.patient_id.expression,
    Appointment.public_id.expression,
    func.coalesce(Appointment.starts_at, Appointment.created_at, type_=Appointment.created_at.type),
    Appointment.id.expression,
    _appointment,
)


def _encounter(row: Any, at: datetime) -> Entry:
    one: Encounter = row.Encounter
    return Entry(
        EntryKind.ENCOUNTER, one.public_id, at, one.encounter_class, one.status,
        display=one.department_name, who=one.attending_name,
    )  # fmt: skip


ENCOUNTERS: Final = Source(
    "encounter",
    EntryKind.ENCOUNTER,
    select(Encounter, Encounter.id),
    Encounter.patient_id.expression,
    Encounter.public_id.expression,
    func.coalesce(
        Encounter.ended_at, Encounter.started_at, Encounter.created_at,
        type_=Encounter.created_at.type,
    ),
    Encounter.id.expression,
    _encounter,
)  # fmt: skip

SOURCES: Final = (
    OBSERVATIONS, REPORTS, PRESCRIPTIONS, ORDERS, VACCINATIONS, ALLERGIES, CONDITIONS,
    APPOINTMENTS, ENCOUNTERS,
)  # fmt: skip
