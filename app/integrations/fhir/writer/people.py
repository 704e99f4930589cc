"""Patient and RelatedPerson."""

from app.domain.intake.hospital_records import Coded, Identifier
from app.integrations.fhir import naming
from app.integrations.fhir.reader.people import DEPARTMENT
from app.integrations.fhir.writer.writing import (
    Resource,
    Writing,
    coded,
    day,
    newest_last,
    numbers_of,
    patient_reference,
    put,
    stamps_text,
)
from app.models import Patient, RelatedPerson
from app.models.profile.whole_record import WholeRecord


def write_patients(record: WholeRecord, writing: Writing) -> list[Resource]:
    """Return the person's Patient, and one for every record that was merged into it."""
    # The department last seen in is news of the visits too: none of them may seem to be newer.
    visits = "\n".join(stamps_text(row.stamps) for row in record.encounters)
    head = _patient(record.patient, writing, visits)
    links = [
        {"other": patient_reference(retired), "type": "replaces"} for retired in record.retired
    ]
    links += [{"other": patient_reference(other), "type": "seealso"} for other in record.see_also]
    put(head, link=links)
    found = [head]
    for retired in record.retired:
        one = _patient(retired, writing)
        one["active"] = False
        one["link"] = [{"other": patient_reference(record.patient), "type": "replaced-by"}]
        found.append(one)
    return found


def _patient(patient: Patient, writing: Writing, also_told: str = "") -> Resource:
    told = newest_last(f"{stamps_text(patient.stamps)}\n{also_told}".splitlines())
    department = {"url": DEPARTMENT, "valueString": patient.department_code}
    return put(
        writing.resource("Patient", patient, told),
        extension=[department] if patient.department_code else None,
        identifier=[naming.identifier(number) for number in numbers_of(patient)],
        active=True,
        name=[{"use": "official", "text": patient.name}] if _said(patient.name) else None,
        telecom=_phone(patient.phone),
        gender=patient.gender.value,
        birthDate=day(patient.birth_date),
        deceasedDateTime=writing.instant(patient.deceased_at),
        address=[{"text": patient.address}] if _said(patient.address) else None,
    )


def write_related_person(row: RelatedPerson, patient: Patient, writing: Writing) -> Resource:
    number = None
    if row.number:
        number = Identifier(row.issuer or "", row.type_code or "MR", row.number)
    return put(
        writing.resource("RelatedPerson", row, row.version),
        identifier=[naming.identifier(number)] if number else None,
        active=True,
        patient=patient_reference(patient),
        relationship=[coded(_relationship(row.relationship_code))]
        if row.relationship_code
        else None,
        name=[{"text": row.name}] if _said(row.name) else None,
        telecom=_phone(row.phone),
    )


def _relationship(code: str) -> Coded:
    return Coded(code, "", "http://terminology.hl7.org/CodeSystem/v2-0063")


def _phone(number: str | None) -> list[Resource] | None:
    return [{"system": "phone", "value": number}] if _said(number) else None


def _said(text: str | None) -> bool:
    return bool(text and text.strip())
