"""Observation and DiagnosticReport."""

from collections.abc import Iterable
from typing import Final

from app.domain.intake.hospital_records import Coded
from app.domain.intake.senders import sender_of
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.integrations.fhir import naming
from app.integrations.fhir.reader.results import COMPUTED, REPORT, RESULT
from app.integrations.fhir.reader.values import UNIT
from app.integrations.fhir.writer.writing import (
    Resource,
    Writing,
    coded,
    concept,
    patient_reference,
    put,
    quantity,
)
from app.models import Device, DiagnosticReport, Observation, Origin, Patient, Reporter

_INTERPRETATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_SECTION: Final = "http://terminology.hl7.org/CodeSystem/v2-0074"
HOME: Final = "home"


def result_name(row: Observation) -> Resource | None:
    """Return what names a result for good: its laboratory, order, code and place in the order."""
    if row.order_number is None:
        return None
    sender = sender_of(row.issuer or "")
    parts = (*sender, row.order_number, row.local_code or row.code, row.sub_id or "")
    return naming.name_of(RESULT, *parts)


def write_observation(row: Observation, patient: Patient, writing: Writing) -> Resource:
    """Return one version of one result or home measurement."""
    is_home = row.origin is Origin.HOME
    name = result_name(row)
    kind = OBSERVATION_KINDS.get(row.code)
    is_ucum = kind is not None and kind.unit == row.unit
    found = writing.resource("Observation", row, row.version or "", is_ours=name is None)
    if is_home and row.source:
        put(found["meta"], source=f"{naming.OURS}feed:{row.source}")
    put(
        found,
        identifier=[name] if name else None,
        status=row.status.value,
        category=[
            coded(Coded("vital-signs", "", _CATEGORY)),
            coded(Coded(HOME, "", f"{naming.OURS}category")),
        ]
        if is_home
        else None,
        code=concept(row.code, row.code_system, row.local_code, row.display),
        subject=patient_reference(patient),
        encounter=writing.encounter(row.encounter_id),
        effectiveDateTime=writing.instant(row.effective_at),
        issued=writing.instant(row.issued_at),
        performer=_performer(row, patient) if is_home else None,
        valueQuantity=quantity(row.value, row.unit, row.comparator, is_ucum=is_ucum)
        if row.value is not None
        else None,
        interpretation=_interpretation(row),
        note=[{"text": row.note}] if row.note and row.note.strip() else None,
        specimen={"display": row.specimen} if row.specimen else None,
        device=_device(row.device) if row.device else None,
        referenceRange=[{"text": row.reference_range}] if row.reference_range else None,
    )
    if row.value is None:
        put(found, valueString=row.text or row.off_scale)
    extensions = []
    if row.context:
        extensions.append({"url": f"{naming.OURS}context", "valueCode": row.context})
    if row.unit and row.value is None:
        # Words have no unit in R4; the laboratory's is kept beside them.
        extensions.append({"url": UNIT, "valueString": row.unit})
    if row.doubt:
        # Why it is preliminary: kept, shown, and judged by nobody.
        extensions.append({"url": f"{naming.OURS}doubt", "valueCode": row.doubt.value})
    put(found, extension=extensions)
    return found


def _performer(row: Observation, patient: Patient) -> list[Resource] | None:
    """Return who asserts a value from home; of what a device told, `device` says it."""
    if row.reporter is Reporter.DEVICE:
        return None
    if row.reporter is Reporter.FAMILY:
        return [{"display": "family"}]
    return [patient_reference(patient)]


def _device(device: Device) -> Resource:
    """Return a reference to a device by its serial number: it means the same everywhere."""
    number = {"system": f"{naming.OURS}device:{device.vendor}", "value": device.serial}
    return {"type": "Device", "identifier": number, "display": device.words}


def _interpretation(row: Observation) -> list[Resource]:
    """Return the laboratory's flag, and ours beside it under a name that nobody takes for it."""
    found = []
    if row.interpretation:
        found.append(coded(Coded(row.interpretation, "", _INTERPRETATION)))
    if row.computed_interpretation:
        ours = {"system": COMPUTED, "code": row.computed_interpretation}
        found.append({"coding": [ours], "text": row.computed_by or "computed"})
    return found


def write_report(
    row: DiagnosticReport, results: Iterable[Observation], patient: Patient, writing: Writing
) -> Resource:
    """Return a report that lists its `results`."""
    listed = list(results)
    sender = next((one.issuer for one in listed if one.issuer), "")
    application = sender_of(sender)[0]
    return put(
        writing.resource("DiagnosticReport", row, row.version),
        identifier=[
            naming.name_of(REPORT, application, row.issuer, row.number),
            {"system": naming.system_of(row.issuer), "value": row.number},
        ],
        status=row.status.value,
        category=[coded(Coded(row.category, "", _SECTION))] if row.category else None,
        code=concept(row.code, row.code_system, row.local_code, row.display),
        subject=patient_reference(patient),
        encounter=writing.encounter(row.encounter_id),
        effectiveDateTime=writing.instant(row.effective_at),
        issued=writing.instant(row.issued_at),
        result=[_reference(one) for one in listed],
        conclusion=row.conclusion,
    )


def _reference(row: Observation) -> Resource:
    found: Resource = {"reference": f"Observation/{naming.fhir_id(row.public_id)}"}
    return put(found, identifier=result_name(row))
