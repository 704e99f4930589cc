"""NK1: those close to the patient."""

from app.domain.intake.clinical_records import RelatedPersonRecord
from app.integrations.hl7.people import Reading, read_human_name, read_identifiers, read_phone
from app.integrations.hl7.segments import Message, Segment

# Words for HL7 table 0063 that senders use.
_RELATIONSHIPS = {
    "母亲": "MTH", "母": "MTH", "父亲": "FTH", "父": "FTH", "配偶": "SPO", "夫妻": "SPO",
    "子女": "CHD", "儿子": "SON", "女儿": "DAU", "兄弟": "BRO", "姐妹": "SIS", "祖父母": "GRP",
    "监护人": "GRD", "MOTHER": "MTH", "FATHER": "FTH", "SPOUSE": "SPO", "CHILD": "CHD",
}  # fmt: skip


def read_relatives(message: Message, reading: Reading) -> tuple[RelatedPersonRecord, ...]:
    """Return the relatives and contacts of NK1; one without name, phone and number is nobody."""
    found = [_relative(nk1, reading) for nk1 in message.named("NK1")]
    return tuple(one for one in found if one.name or one.phone or one.identifiers)


def _relative(nk1: Segment, reading: Reading) -> RelatedPersonRecord:
    relationship = nk1.text(3) or nk1.text(3, 2)
    names = [read_human_name(value, first=1) for value in nk1.repetitions(2)]
    phone = read_phone(nk1, 5) or read_phone(nk1, 40) or read_phone(nk1, 6)
    return RelatedPersonRecord(
        relationship=_RELATIONSHIPS.get(relationship.upper(), relationship),
        name=next((name for name in names if name), ""),
        phone=phone,
        identifiers=read_identifiers(nk1, 33, reading),
    )
