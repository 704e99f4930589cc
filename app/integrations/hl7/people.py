"""PID, PV1 and the identifiers, names and codes they are made of."""

from datetime import date, datetime, tzinfo

from app.domain.intake.hospital_records import (
    UNCHANGED,
    Coded,
    EncounterClass,
    EncounterRecord,
    EncounterStatus,
    Gender,
    HumanName,
    Identifier,
    PatientRecord,
    Stated,
)
from app.domain.intake.rejections import Rejected, RejectionReason
from app.domain.profile.places import region_of_parts
from app.integrations.hl7.segments import Repetition, Segment
from app.integrations.hl7.timestamps import read_date, read_instant

# HL7 table 0001, and GB/T 2261.1 (0 unknown, 1 male, 2 female, 9 not stated).
_GENDERS = {
    "M": Gender.MALE, "1": Gender.MALE, "男": Gender.MALE,
    "F": Gender.FEMALE, "2": Gender.FEMALE, "女": Gender.FEMALE,
    "O": Gender.OTHER, "A": Gender.OTHER, "N": Gender.OTHER,
    "U": Gender.UNKNOWN, "0": Gender.UNKNOWN, "9": Gender.UNKNOWN, "未知": Gender.UNKNOWN,
}  # fmt: skip
# HL7 table 0004.
_CLASSES = {
    "I": EncounterClass.INPATIENT, "P": EncounterClass.INPATIENT, "B": EncounterClass.INPATIENT,
    "住院": EncounterClass.INPATIENT,
    "O": EncounterClass.AMBULATORY, "R": EncounterClass.AMBULATORY,
    "门诊": EncounterClass.AMBULATORY,
    "E": EncounterClass.EMERGENCY, "急诊": EncounterClass.EMERGENCY,
}  # fmt: skip
# Senders' own spellings of HL7 table 0203.
_IDENTIFIER_TYPES = {"": "MR", "MRN": "MR", "PK": "MR", "NIN": "NI", "NNCHN": "NI"}
_MOBILE_USES = ("CP", "MC")


class Reading:
    """What holds for a whole message while it is read: its zone, whose numbers, what was odd."""

    def __init__(self, zone: tzinfo, default_issuer: str) -> None:
        self.zone = zone
        self.default_issuer = default_issuer
        self.issues: list[str] = []

    def doubt(self, issue: str) -> None:
        """Remember that something could not be read; the rest of the message stands."""
        if issue not in self.issues:
            self.issues.append(issue)

    def instant(self, text: str, issue: str) -> datetime | None:
        """Return the instant, or None with a doubt where the text is none."""
        moment = read_instant(text, self.zone) if text else None
        if text and moment is None:
            self.doubt(issue)
        return moment

    def stated_instant(self, segment: Segment, field: int, issue: str) -> Stated[datetime]:
        """Return the instant of a field that may be deleted or left unsaid."""
        if segment.is_null(field):
            return None
        return self.instant(segment.text(field), issue) or UNCHANGED


def read_identifier(value: Repetition, reading: Reading, type_code: str = "") -> Identifier | None:
    """Return a CX; without an assigning authority the number is the sending facility's."""
    number = value.text(1)
    if not number:
        return None
    named = value.text(5).upper() or type_code
    issuer = value.text(4) or value.text(4, 2) or reading.default_issuer
    return Identifier(issuer, _IDENTIFIER_TYPES.get(named, named), number)


def read_identifiers(segment: Segment, field: int, reading: Reading) -> tuple[Identifier, ...]:
    """Return the CX list of a field, without repeats."""
    found = (read_identifier(value, reading) for value in segment.repetitions(field))
    return tuple(dict.fromkeys(identifier for identifier in found if identifier))


def read_patient(segment: Segment, reading: Reading, recorded_at: datetime | None) -> PatientRecord:
    """Return who PID names; a death without a time counts from when it was recorded.

    :raises Rejected: it holds no number to find the person by
    """
    # PID-2 was the place of the number up to version 2.3.
    identifiers = read_identifiers(segment, 3, reading) or read_identifiers(segment, 2, reading)
    mothers = read_identifiers(segment, 21, reading)
    patient = PatientRecord(
        identifiers=identifiers,
        names=_names(segment),
        birth_date=_birth_date(segment, reading),
        gender=_gender(segment, reading),
        phone=_phone(segment),
        address=_address(segment),
        region=_region(segment),
        deceased_at=_deceased_at(segment, reading, recorded_at),
        mother=mothers[0] if mothers else UNCHANGED,
    )
    if not patient.person_identifiers:
        raise Rejected(RejectionReason.NO_PATIENT_IDENTIFIER)
    return patient


def read_encounter(
    segment: Segment, reading: Reading, status: Stated[EncounterStatus] = UNCHANGED
) -> EncounterRecord:
    """Return the visit of PV1, with the status that the message's event gives it."""
    encounter_class = _CLASSES.get(segment.text(2).upper(), UNCHANGED)
    if segment.text(2) and encounter_class is UNCHANGED and segment.text(2) not in ("N", "U", "C"):
        reading.doubt("encounter-class-unknown")
    where = "-".join(part for part in segment.first(3).components()[:3] if part)
    return EncounterRecord(
        visit=read_identifier(segment.first(19), reading, "VN"),
        status=status,
        encounter_class=encounter_class,
        department=_department(segment),
        location=None if segment.is_null(3) else where or UNCHANGED,
        attending=_practitioner(segment, 7),
        started_at=reading.stated_instant(segment, 44, "admit-time-unreadable"),
        ended_at=reading.stated_instant(segment, 45, "discharge-time-unreadable"),
    )


def read_human_name(value: Repetition, first: int) -> str:
    """Return a name as it is read: hanzi run on from the family name, others begin with the given.

    Hanzi and what belongs to them begin at U+2E80.
    """
    family, given, middle = (value.text(first + n) for n in range(3))
    if any(character >= "\u2e80" for character in family + given):
        return family + given + middle
    return " ".join(part for part in (given, middle, family) if part)


def read_phone(segment: Segment, field: int) -> str:
    """Return the mobile number, else the first; WeChat and calls need one that is carried."""
    values = segment.repetitions(field)
    mobiles = [value for value in values if value.text(3) in _MOBILE_USES]
    numbers = [value.text(1) or value.text(12) or value.text(7) for value in mobiles + values]
    return next((number for number in numbers if number), "")


def read_person(value: Repetition) -> Coded | None:
    """Return an XCN: the number and the name of a member of staff."""
    code, name = value.text(1), read_human_name(value, first=2)
    return Coded(code, name) if code or name else None


def read_coded(value: Repetition) -> Coded | None:
    """Return the first coding of a CE or CWE."""
    codings = read_codings(value)
    return codings[0] if codings else None


def read_codings(value: Repetition) -> tuple[Coded, ...]:
    """Return the coding and the alternate coding of a CE or CWE; LOINC's system reads `LN`."""
    found = []
    for start in (1, 4):
        code, display, system = (value.text(start + n) for n in range(3))
        if code or display:
            found.append(Coded(code or display, display, "LN" if system == "LOINC" else system))
    return tuple(found)


def _names(segment: Segment) -> Stated[tuple[HumanName, ...]]:
    if segment.is_null(5):
        return None
    names = [HumanName(read_human_name(v, first=1), v.text(7)) for v in segment.repetitions(5)]
    return tuple(name for name in names if name.text) or UNCHANGED


def _birth_date(segment: Segment, reading: Reading) -> Stated[date]:
    if segment.is_null(7):
        return None
    day = read_date(segment.text(7))
    if segment.text(7) and day is None:
        # A bare year is no day; one invented for it would be believed.
        reading.doubt("birth-date-partial")
    return day or UNCHANGED


def _gender(segment: Segment, reading: Reading) -> Stated[Gender]:
    stated = segment.stated(8)
    if stated is None or stated is UNCHANGED:
        return stated
    gender = _GENDERS.get(str(stated).upper())
    if gender is None:
        reading.doubt("gender-unknown")
    return gender or UNCHANGED


def _phone(segment: Segment) -> Stated[str]:
    return None if segment.is_null(13) else read_phone(segment, 13) or UNCHANGED


def _address(segment: Segment) -> Stated[str]:
    if segment.is_null(11):
        return None
    # Street, other, city, province, postcode: Chinese senders fill them in reading order.
    parts = [part for part in segment.first(11).components()[:5] if part]
    if any(character >= "\u2e80" for part in parts for character in part):
        return "".join(part for part in parts if not part.isdigit()) or UNCHANGED
    return ", ".join(parts) or UNCHANGED


def _region(segment: Segment) -> str | None:
    """Return the region of PID-11.4 (state or province) and PID-11.3 (city)."""
    parts = [*segment.first(11).components(), "", "", "", ""]
    return region_of_parts(parts[3], parts[2])


def _deceased_at(
    segment: Segment, reading: Reading, recorded_at: datetime | None
) -> Stated[datetime]:
    """Return PID-29, else the time of a Y in PID-30; N takes a death back."""
    died_at = reading.stated_instant(segment, 29, "death-time-unreadable")
    if segment.text(30).upper() == "N":
        return None
    if died_at is UNCHANGED and segment.text(30).upper() == "Y":
        return recorded_at or UNCHANGED
    return died_at


def _department(segment: Segment) -> Stated[Coded]:
    """Return the point of care of PV1-3 with its description; PV1-10 is a service, not a place."""
    if segment.is_null(3):
        return None
    place = segment.first(3)
    code, name = place.text(1), place.text(9)
    return Coded(code, name) if code or name else UNCHANGED


def _practitioner(segment: Segment, field: int) -> Stated[Coded]:
    if segment.is_null(field):
        return None
    return read_person(segment.first(field)) or UNCHANGED
