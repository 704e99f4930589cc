"""Small FHIR resources for tests."""

import json
from collections.abc import Iterable
from typing import Any

from app.domain.intake.hospital_message import HospitalMessage
from app.domain.intake.rejections import Rejected
from app.integrations.fhir.json_text import dump
from app.integrations.fhir.reader import Reader

MR = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}
UUID_ZHANG = "urn:uuid:082fd114-0415-4ce4-8293-0caebb0fe9de"
UUID_VISIT = "urn:uuid:9e7d16a3-321b-4b4b-bb47-2808402af30d"

Resource = dict[str, Any]


def patient(number: str = "MR0001", **more: Any) -> Resource:
    return {
        "resourceType": "Patient",
        "id": f"p-{number}",
        "identifier": [{"type": MR, "system": "urn:x-careloop:issuer:HIS", "value": number}],
        "name": [{"use": "official", "family": "张", "given": ["小明"]}],
        "gender": "male",
        "birthDate": "1960-02-29",
        **more,
    }


def visit(number: str = "V1", **more: Any) -> Resource:
    return {
        "resourceType": "Encounter",
        "id": f"e-{number}",
        "identifier": [{"system": "urn:x-careloop:issuer:HIS", "value": number}],
        "status": "finished",
        "class": {"code": "IMP"},
        "subject": {"reference": UUID_ZHANG},
        "period": {"start": "2026-04-01T08:00:00+08:00", "end": "2026-04-08T10:00:00+08:00"},
        **more,
    }


def result(id_: str = "o-1", **more: Any) -> Resource:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3", "display": "钾"}]},
        "subject": {"reference": UUID_ZHANG},
        "effectiveDateTime": "2026-04-02T07:00:00+08:00",
        "issued": "2026-04-02T09:00:00+08:00",
        "valueQuantity": {"value": 4.1, "unit": "mmol/L"},
        **more,
    }


def bundle(*entries: Resource, kind: str = "collection", **more: Any) -> Resource:
    urls = {"Patient": UUID_ZHANG, "Encounter": UUID_VISIT}
    return {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [
            {
                "fullUrl": urls.get(one["resourceType"], f"http://emr.example/{one.get('id')}"),
                "resource": one,
            }
            for one in entries
        ],
        **more,
    }


def read(resource: Resource, source: str = "emr") -> tuple[HospitalMessage, ...] | Rejected:
    return Reader()(source, dump(resource).encode())


def said(resource: Resource, source: str = "emr") -> tuple[HospitalMessage, ...]:
    """Return the messages of a resource that must be readable."""
    told = read(resource, source)
    assert not isinstance(told, Rejected), told
    return told


def all_of(messages: Iterable[HospitalMessage], name: str) -> list[Any]:
    return [one for message in messages for one in getattr(message, name)]


def as_json(resource: Resource) -> bytes:
    return json.dumps(resource, ensure_ascii=False).encode()
