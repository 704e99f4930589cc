"""One patient's whole record as resources, or as one bundle."""

from collections.abc import Iterator
from datetime import datetime, tzinfo

from app.integrations.fhir.timestamps import write_instant
from app.integrations.fhir.writer.care import (
    write_care_plan,
    write_communication,
    write_consent,
    write_flag,
    write_task,
)
from app.integrations.fhir.writer.forms import write_form
from app.integrations.fhir.writer.orders import (
    write_allergy,
    write_immunization,
    write_medication,
    write_service_request,
)
from app.integrations.fhir.writer.people import write_patients, write_related_person
from app.integrations.fhir.writer.results import write_observation, write_report
from app.integrations.fhir.writer.visits import (
    write_appointment,
    write_condition,
    write_encounter,
)
from app.integrations.fhir.writer.writing import Resource, Writing
from app.models import Observation
from app.models.profile.whole_record import WholeRecord


def resources(record: WholeRecord, zone: tzinfo) -> Iterator[Resource]:
    """Yield every resource of a record; what refers comes after what it refers to."""
    writing = Writing(zone, {row.id: row for row in record.encounters})
    patient = record.patient
    yield from write_patients(record, writing)
    yield from (write_related_person(row, patient, writing) for row in record.related_persons)
    yield from (write_encounter(row, patient, writing) for row in record.encounters)
    yield from (write_condition(row, patient, writing) for row in record.conditions)
    yield from (write_observation(row, patient, writing) for row in record.observations)
    of_report: dict[int | None, list[Observation]] = {}
    for observation in record.observations:
        if observation.is_current:
            of_report.setdefault(observation.report_id, []).append(observation)
    for report in record.reports:
        yield write_report(report, of_report.get(report.id, ()), patient, writing)
    yield from (write_medication(row, patient, writing) for row in record.medications)
    yield from (write_service_request(row, patient, writing) for row in record.service_requests)
    yield from (write_immunization(row, patient, writing) for row in record.immunizations)
    yield from (write_allergy(row, patient, writing) for row in record.allergies)
    yield from (write_appointment(row, patient, writing) for row in record.appointments)
    yield from (write_form(row, patient, writing) for row in record.forms)
    plans = {row.id: row for row in record.care_plans}
    yield from (write_care_plan(row, patient, writing) for row in record.care_plans)
    yield from (write_task(row, patient, plans, writing) for row in record.tasks)
    yield from (write_flag(row, patient, writing) for row in record.alerts)
    yield from (write_consent(row, patient, writing) for row in record.consents)
    yield from (write_communication(row, patient, writing) for row in record.communications)


def bundle(record: WholeRecord, base: str, zone: tzinfo, now: datetime) -> Resource:
    """Return a record as a Bundle of type collection; `base` is the address of our FHIR API."""
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": write_instant(now, zone),
        "entry": [
            {"fullUrl": f"{base}/{one['resourceType']}/{one['id']}", "resource": one}
            for one in resources(record, zone)
        ],
    }
