"""What a hospital system tells us, in one shape whether it came as HL7 v2, FHIR or a table.

Names are FHIR's. A field that a message did not mention is `UNCHANGED`; one that it deleted is
None: HL7 v2 sends an empty field for the first and `""` for the second, and to mix them up either
keeps a dead telephone number or wipes a living one.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Final, TypeAlias, TypeVar

T = TypeVar("T")


class Unchanged(Enum):
    """The type of `UNCHANGED`."""

    UNCHANGED = "unchanged"

    def __repr__(self) -> str:
        return "UNCHANGED"


UNCHANGED: Final = Unchanged.UNCHANGED
Stated: TypeAlias = T | Unchanged | None


def apply_stated(new: Stated[T], old: T | None) -> T | None:
    """Return what is known after a message: the old value unless the message said something."""
    return old if isinstance(new, Unchanged) else new


# Somebody is said to have died, and nobody says when: it counts from when it was told.
WHEN_TOLD: Final = datetime.min.replace(tzinfo=UTC)


class Gender(StrEnum):
    """FHIR AdministrativeGender."""

    MALE = "male"
    FEMALE = "female"
    OTHER = "other"
    UNKNOWN = "unknown"


class EncounterClass(StrEnum):
    """HL7 v3 ActCode: ambulatory, inpatient, emergency."""

    AMBULATORY = "AMB"
    INPATIENT = "IMP"
    EMERGENCY = "EMER"


class EncounterStatus(StrEnum):
    """FHIR Encounter.status, the part hospitals tell us."""

    PLANNED = "planned"
    IN_PROGRESS = "in-progress"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class ConditionStatus(StrEnum):
    """FHIR Condition.clinicalStatus, plus a diagnosis that was withdrawn."""

    ACTIVE = "active"
    RESOLVED = "resolved"
    ENTERED_IN_ERROR = "entered-in-error"


class ObservationStatus(StrEnum):
    """FHIR Observation.status."""

    REGISTERED = "registered"
    PRELIMINARY = "preliminary"
    FINAL = "final"
    AMENDED = "amended"
    CORRECTED = "corrected"
    CANCELLED = "cancelled"
    ENTERED_IN_ERROR = "entered-in-error"

    @property
    def rank(self) -> int:
        """How far a result has come; of two versions of one time the higher stands."""
        return _STATUS_RANK[self]


_STATUS_RANK = {
    ObservationStatus.REGISTERED: 0,
    ObservationStatus.PRELIMINARY: 1,
    ObservationStatus.FINAL: 2,
    ObservationStatus.AMENDED: 3,
    ObservationStatus.CORRECTED: 3,
    ObservationStatus.CANCELLED: 4,
    ObservationStatus.ENTERED_IN_ERROR: 4,
}


class ResultFlag(StrEnum):
    """HL7 v3 ObservationInterpretation, as laboratories flag a result."""

    NORMAL = "N"
    HIGH = "H"
    LOW = "L"
    CRITICALLY_HIGH = "HH"
    CRITICALLY_LOW = "LL"
    ABNORMAL = "A"
    CRITICALLY_ABNORMAL = "AA"


class AppointmentStatus(StrEnum):
    """FHIR Appointment.status, the part hospitals tell us."""

    BOOKED = "booked"
    ARRIVED = "arrived"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    NO_SHOW = "noshow"


@dataclass(frozen=True, slots=True)
class Identifier:
    """A number somebody issued; `type_code` is of HL7 table 0203 (MR, NI, SS, VN …)."""

    issuer: str
    type_code: str
    value: str


# Numbers of a visit or an account ride in the patient's list too, but they are not the person's.
_VISIT_TYPES = frozenset({"VN", "AN", "VS"})


@dataclass(frozen=True, slots=True)
class Coded:
    """A concept in somebody's code system."""

    code: str
    display: str = ""
    system: str = ""


@dataclass(frozen=True, slots=True)
class HumanName:
    """A name as one reads it; `use` is of HL7 table 0200 (L legal, P phonetic …)."""

    text: str
    use: str = ""


@dataclass(frozen=True, slots=True)
class PatientRecord:
    """Who the message is about, and what it says of them."""

    identifiers: tuple[Identifier, ...]
    names: Stated[tuple[HumanName, ...]] = UNCHANGED
    birth_date: Stated[date] = UNCHANGED
    gender: Stated[Gender] = UNCHANGED
    phone: Stated[str] = UNCHANGED
    address: Stated[str] = UNCHANGED
    # Province and city where the sender has fields for them; None: read them in the address.
    region: str | None = None
    deceased_at: Stated[datetime] = UNCHANGED  # WHEN_TOLD where nobody says when
    mother: Stated[Identifier] = UNCHANGED

    @property
    def name(self) -> Stated[str]:
        """The legal name, else the first one."""
        if self.names is None or isinstance(self.names, Unchanged):
            return self.names
        legal = [name for name in self.names if name.use == "L"]
        return (legal or list(self.names))[0].text

    @property
    def national_id(self) -> Stated[str]:
        """The citizen's number; a list without one says nothing, laboratories leave it out."""
        numbers = [i.value for i in self.identifiers if i.type_code == "NI"]
        return numbers[0] if numbers else UNCHANGED

    @property
    def person_identifiers(self) -> tuple[Identifier, ...]:
        """The identifiers that a person may be found by."""
        return tuple(i for i in self.identifiers if i.type_code not in _VISIT_TYPES)


@dataclass(frozen=True, slots=True)
class EncounterRecord:
    """One visit or stay; without `visit` it says where the patient is, not which stay this is."""

    visit: Identifier | None
    status: Stated[EncounterStatus] = UNCHANGED
    encounter_class: Stated[EncounterClass] = UNCHANGED
    department: Stated[Coded] = UNCHANGED
    location: Stated[str] = UNCHANGED
    attending: Stated[Coded] = UNCHANGED
    started_at: Stated[datetime] = UNCHANGED
    ended_at: Stated[datetime] = UNCHANGED


@dataclass(frozen=True, slots=True)
class ConditionRecord:
    """A diagnosis made in the message's encounter."""

    code: Coded
    status: ConditionStatus
    is_provisional: bool
    recorded_at: datetime | None
    visit: Identifier | None
    # What the sender's code means here (`terminology.translate`); None where nobody mapped it.
    standard_code: Coded | None = None


@dataclass(frozen=True, slots=True)
class ReferenceRange:
    """The interval printed on the report; the bounds are None where it is not an interval."""

    text: str
    low: Decimal | None = None
    high: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ObservationKey:
    """What makes two messages speak of one result: filler order, code and sub id."""

    order: str
    code: str
    sub_id: str


@dataclass(frozen=True, slots=True)
class ObservationRecord:
    """One result, in the version that this message carries.

    `value` is None where the laboratory sent none or a dash; `value_text` is always verbatim.
    `<0.5` is the value 0.5 with the comparator `<`. `codings` holds the local code first.
    """

    key: ObservationKey
    codings: tuple[Coded, ...]
    panel: Coded | None
    value: Decimal | Coded | str | None
    value_text: str
    comparator: str
    unit: str
    reference_range: ReferenceRange | None
    interpretation: ResultFlag | None
    flag_text: str
    status: ObservationStatus
    effective_at: datetime | None
    issued_at: datetime | None
    specimen: str
    note: str
    visit: Identifier | None
    # What the laboratory's code and unit mean here (`terminology.translate`): a LOINC coding, and
    # the value in the one UCUM unit in which that code is judged; None where no table leads there.
    standard_code: Coded | None = None
    standard_value: Decimal | None = None
    standard_unit: str = ""

    @property
    def code(self) -> Coded:
        """The laboratory's own code."""
        return self.codings[0]

    @property
    def loinc(self) -> str | None:
        """The LOINC code, where the laboratory gave one."""
        return next((c.code for c in self.codings if c.system == "LN"), None)


@dataclass(frozen=True, slots=True)
class AppointmentRecord:
    """A booked slot; `placer` and `filler` are both kept, a message may carry only one."""

    placer: Identifier | None
    filler: Identifier | None
    status: AppointmentStatus
    start_at: datetime | None
    end_at: datetime | None
    department: Coded | None
    practitioner: Coded | None

    @property
    def identifier(self) -> Identifier:
        """The number the appointment is known by; the interpreter made sure that there is one."""
        chosen = self.filler or self.placer
        if chosen is None:
            raise ValueError("an appointment without a number")
        return chosen
