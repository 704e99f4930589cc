"""AL1 and IAM: what the patient does not tolerate."""

from app.domain.intake.clinical_records import AllergyRecord
from app.domain.intake.hospital_records import PatientRecord
from app.integrations.hl7.people import Reading, read_coded
from app.integrations.hl7.segments import Message, Segment

# HL7 table 0128 says how bad a reaction was; only its ends say how dangerous the next would be.
_CRITICALITY = {"SV": "high", "MI": "low"}
# HL7 table 0438: erroneous, inactive.
_OVER = ("E", "I")


def read_allergies(
    message: Message, patient: PatientRecord, reading: Reading
) -> tuple[AllergyRecord, ...]:
    """Return the allergies of the message.

    AL1 has no number, and not every IAM: such an allergy is known by the patient and its code.
    """
    owner = patient.person_identifiers[0].value
    found = [_al1(segment, owner, reading) for segment in message.named("AL1")]
    found += [_iam(segment, owner, reading) for segment in message.named("IAM")]
    # Order messages repeat the list with each order.
    return tuple({allergy.number: allergy for allergy in found if allergy}.values())


def _al1(segment: Segment, owner: str, reading: Reading) -> AllergyRecord | None:
    code = read_coded(segment.first(3))
    if code is None:
        reading.doubt("allergy-without-code")
        return None
    return AllergyRecord(
        number=f"{owner}/{code.code}",
        code=code,
        criticality=_CRITICALITY.get(segment.text(4).upper(), ""),
        reaction=_reaction(segment),
        recorded_at=reading.instant(segment.text(6), "allergy-time-unreadable"),
    )


def _iam(segment: Segment, owner: str, reading: Reading) -> AllergyRecord | None:
    code = read_coded(segment.first(3))
    if code is None:
        reading.doubt("allergy-without-code")
        return None
    is_deleted = segment.text(6).upper() == "D"
    return AllergyRecord(
        number=segment.text(7) or f"{owner}/{code.code}",
        code=code,
        is_active=not is_deleted and segment.text(17).upper() not in _OVER,
        criticality=_CRITICALITY.get(segment.text(4).upper(), ""),
        reaction=_reaction(segment),
        recorded_at=reading.instant(
            segment.text(13) or segment.text(11), "allergy-time-unreadable"
        ),
    )


def _reaction(segment: Segment) -> str:
    values = segment.repetitions(5)
    return "\n".join(text for value in values if (text := value.text(2) or value.text(1)))
