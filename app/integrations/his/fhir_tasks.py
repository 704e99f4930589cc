"""What a Task for the pharmacy carries: one input for each thing that is to be known.

R4 has no codes for these; the names are ours (`urn:careloop:medicine`), each with Chinese words.
"""

from datetime import datetime, tzinfo
from typing import Any, Final

from app.domain.exchange.documents import DocumentKind
from app.domain.exchange.medicine_documents import MedicineDelivery, MedicinePickup, RefillRequest
from app.domain.intake.hospital_records import Coded
from app.integrations.his.flat import told_by_patient

SYSTEM: Final = "urn:careloop:medicine"
_CODES: Final = {
    DocumentKind.REFILL_REQUEST: Coded("refill", "长处方续方", SYSTEM),
    DocumentKind.MEDICINE_DELIVERY: Coded("delivery", "送药到家", SYSTEM),
    DocumentKind.MEDICINE_PICKUP: Coded("pickup", "代配药", SYSTEM),
    DocumentKind.MEDICINE_CANCELLATION: Coded("cancellation", "取消", SYSTEM),
}

Resource = dict[str, Any]


def task_code_of(kind: DocumentKind) -> Coded:
    return _CODES[kind]


def inputs_of(
    content: RefillRequest | MedicineDelivery | MedicinePickup, zone: tzinfo
) -> list[Resource]:
    """Return the inputs of a request: its medicines first, each by the hospital's number."""
    medicines = [
        _input(
            "medicine", "药品",
            valueReference={
                "type": "MedicationRequest",
                "identifier": {"value": one.prescription.value}
                | ({"system": one.prescription.issuer} if one.prescription.issuer else {}),
                "display": f"{one.name} {one.dosage}".strip(),
            },
        )
        for one in content.medicines
    ]  # fmt: skip
    match content:
        case RefillRequest():
            about = [
                _input("weeks", "续方周数", valuePositiveInt=content.weeks),
                _input("stated", "患者自述", valueString=told_by_patient(content)),
            ]
            if content.is_confirmed:
                about.append(_input("confirmed", "患者确认超过四周", valueBoolean=True))
        case MedicineDelivery():
            about = [
                _input("recipient", "收药人", valueString=content.recipient),
                _input("phone", "电话", valueContactPoint=_phone(content.phone)),
                _input("address", "地址", valueAddress={"text": content.address}),
                _input(
                    "window", "送药时间",
                    valuePeriod={
                        "start": _instant(content.starts_at, zone),
                        "end": _instant(content.ends_at, zone),
                    },
                ),
            ]  # fmt: skip
        case MedicinePickup():
            until = _instant(content.code_expires_at, zone)
            about = [
                _input("proxy", "代取人", valueString=content.proxy_name),
                _input("relation", "与患者关系", valueString=content.proxy_relation),
                _input("phone", "电话", valueContactPoint=_phone(content.proxy_phone)),
                _input("identity-tail", "证件后四位", valueString=content.identity_tail),
                _input("code", "取药码", valueString=content.code),
                _input("code-until", "取药码有效至", valueDateTime=until),
            ]  # fmt: skip
    return [*medicines, *about]


def _input(code: str, text: str, **value: Any) -> Resource:
    return {"type": {"coding": [{"system": SYSTEM, "code": code}], "text": text}, **value}


def _phone(number: str) -> Resource:
    return {"system": "phone", "value": number}


def _instant(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).isoformat(timespec="seconds")
