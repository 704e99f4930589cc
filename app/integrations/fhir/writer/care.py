"""What we do ourselves: CarePlan, Task, Flag, Consent and Communication. Given out, never read."""

import json
from typing import Final

from app.domain.intake.hospital_records import Coded
from app.domain.outreach.messaging import CommunicationState
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.staff.alerting import AlertStatus
from app.integrations.fhir import naming
from app.integrations.fhir.writer.writing import Resource, Writing, coded, patient_reference, put
from app.models import Alert, CarePlan, Communication, Consent, Patient, Task

_TASK: Final = {TaskStatus.MISSED: "failed"}
_SENT: Final = (CommunicationState.SENT, CommunicationState.DELIVERED)
_NOT_SENT: Final = (
    CommunicationState.REFUSED,
    CommunicationState.DEAD,
    CommunicationState.CANCELLED,
    CommunicationState.EXPIRED,
)
_SCOPE: Final = "http://terminology.hl7.org/CodeSystem/consentscope"
_CONSENT_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def write_care_plan(row: CarePlan, patient: Patient, writing: Writing) -> Resource:
    return put(
        writing.resource("CarePlan", row, "", is_ours=True),
        instantiatesUri=[f"{naming.OURS}plan:{row.plan_key}"],
        status=row.status.value,
        intent="plan",
        subject=patient_reference(patient),
        encounter=writing.encounter(row.encounter_id),
        period=put({"start": row.anchor_on.isoformat()}, end=writing.instant(row.ended_at)),
        created=writing.instant(row.created_at),
    )


def write_task(
    row: Task, patient: Patient, plans: dict[int, CarePlan], writing: Writing
) -> Resource:
    plan = plans.get(row.care_plan_id) if row.care_plan_id is not None else None
    based_on = f"CarePlan/{naming.fhir_id(plan.public_id)}" if plan else None
    return put(
        writing.resource("Task", row, "", is_ours=True),
        basedOn=[{"reference": based_on}] if based_on else None,
        status=_TASK.get(row.status, row.status.value),
        statusReason={"text": row.status_reason} if row.status_reason else None,
        intent="plan",
        code={"text": row.kind},
        description=row.title,
        for_=patient_reference(patient),
        executionPeriod={
            "start": writing.instant(row.starts_at),
            "end": writing.instant(row.ends_at),
        },
        authoredOn=writing.instant(row.created_at),
        lastModified=writing.instant(row.finished_at or row.created_at),
        note=[{"text": row.note}] if row.note and row.note.strip() else None,
    )


def write_flag(row: Alert, patient: Patient, writing: Writing) -> Resource:
    """Return an alert; one whose value was withdrawn was entered in error."""
    if row.status is AlertStatus.WITHDRAWN:
        status = "entered-in-error"
    else:
        status = "active" if row.is_open else "inactive"
    return put(
        writing.resource("Flag", row, "", is_ours=True),
        status=status,
        category=[coded(Coded(row.grade.value, "", f"{naming.OURS}grade"))],
        code=put(coded(Coded(row.episode, "", f"{naming.OURS}episode")), text=row.explanation),
        subject=patient_reference(patient),
        period=put({"start": writing.instant(row.opened_at)}, end=writing.instant(row.closed_at)),
    )


def write_consent(row: Consent, patient: Patient, writing: Writing) -> Resource:
    """Return a yes or no; each is a resource of its own, the newest of a purpose holds."""
    return put(
        writing.resource("Consent", row, "", is_ours=True),
        status="active" if row.is_given else "rejected",
        scope=coded(Coded("patient-privacy", "", _SCOPE)),
        category=[coded(Coded("INFA", "", _CONSENT_CATEGORY))],
        patient=patient_reference(patient),
        dateTime=writing.instant(row.at),
        policyRule=coded(Coded(row.text_version, "", f"{naming.OURS}consent-text")),
        provision={
            "type": "permit" if row.is_given else "deny",
            "code": [coded(Coded(row.purpose, "", f"{naming.OURS}consent-purpose"))],
        },
    )


def write_communication(row: Communication, patient: Patient, writing: Writing) -> Resource:
    if row.state in _SENT:
        status = "completed"
    else:
        status = "not-done" if row.state in _NOT_SENT else "preparation"
    words = _words(row.content)
    return put(
        writing.resource("Communication", row, "", is_ours=True),
        status=status,
        category=[{"text": row.kind}],
        medium=[{"text": row.channel.value}],
        subject=patient_reference(patient),
        sent=writing.instant(row.sent_at),
        received=writing.instant(row.opened_at or row.delivered_at),
        payload=[{"contentString": words}] if words else None,
    )


def _words(content: str | None) -> str:
    """Return what the person read, without the addresses and keys that the channel needs."""
    try:
        parsed = json.loads(content or "{}")
    except ValueError:
        return ""
    if not isinstance(parsed, dict):
        return ""
    lines = (parsed.get("title"), parsed.get("text"))
    return "\n".join(line for line in lines if isinstance(line, str) and line.strip())
