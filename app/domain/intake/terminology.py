"""What a source's codes and units mean here: pure translation of one message.

A mapping that somebody decided for the source comes first, then what the sender says in a standard
code, then our defaults for any source (`*`), and those only where code and name agree. What none
of them explains is reported as unmapped; a name alone decides nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, tzinfo
from decimal import Decimal
from enum import StrEnum
from typing import Final

from app.domain.intake.clinical_records import MedicationRecord
from app.domain.intake.hospital_message import HospitalMessage
from app.domain.intake.hospital_records import (
    AppointmentRecord,
    Coded,
    ConditionRecord,
    EncounterRecord,
    ObservationRecord,
)
from app.domain.intake.term_names import names_of, plain
from app.domain.profile.laboratory import judged_code
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.profile.unit_spellings import read_unit
from app.domain.profile.units import UnitNotConvertible, standardise

LOINC: Final = "http://loinc.org"
ICD_10: Final = "http://hl7.org/fhir/sid/icd-10"
ATC: Final = "http://www.whocc.no/atc"
UCUM: Final = "http://unitsofmeasure.org"
OUR_DEPARTMENTS: Final = "department"

ANY_SOURCE: Final = "*"
LONGEST_CODE: Final = 255
# The ways into intake; feeds of one name are one system and share its words.
_WAYS: Final = ("hl7", "fhir", "table")
# A finding in sentences is read by people; nobody needs to say what its code means.
_LONGEST_RESULT_WORD: Final = 40

_LOINC_SYSTEMS: Final = frozenset({"LN", "LOINC", LOINC})
_ICD_SYSTEM: Final = re.compile(r"(?:ICD[-_ ]?10|I10)(?![0-9]).*", re.IGNORECASE)
_ICD_CODE: Final = re.compile(r"[A-Z][0-9]{2}(?:\.[0-9xX].*|[+*†])?")
_MEDICINE_SYSTEMS: Final = frozenset({"ATC", ATC, "http://www.nlm.nih.gov/research/umls/rxnorm"})


class TermKind(StrEnum):
    """What a term names."""

    DEPARTMENT = "department"
    OBSERVATION = "observation"
    UNIT = "unit"
    CONDITION = "condition"
    MEDICATION = "medication"


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A code that nothing explains; `unit` helps a person to recognise a test."""

    kind: TermKind
    code: str
    display: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one mapping says, from a day to a day, both included.

    `local_display` is what the source calls it; empty where nobody noted that.
    """

    system: str
    code: str
    display: str
    starts_on: date
    ends_on: date | None = None
    local_display: str = ""

    def holds_on(self, on: date | None) -> bool:
        """Tell whether it holds on a day; of an undated record, whether it still does."""
        if on is None:
            return self.ends_on is None
        return self.starts_on <= on and (self.ends_on is None or on <= self.ends_on)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Every mapping by system, kind and code; our departments by code; the hospital's days."""

    zone: tzinfo
    meanings: Mapping[tuple[str, TermKind, str], Sequence[Meaning]] = field(default_factory=dict)
    departments: Mapping[str, str] = field(default_factory=dict)

    def meaning(self, system: str, kind: TermKind, code: str, on: date | None) -> Meaning | None:
        """Return what `code` means on a day; of several the one decided to begin last."""
        holding = [
            one
            for one in self.meanings.get((system, kind, term_code(code)), ())
            if one.holds_on(on)
        ]
        return max(holding, key=lambda one: one.starts_on, default=None)

    def begins_later(self, system: str, kind: TermKind, code: str, on: date | None) -> bool:
        """Tell whether somebody decided what `code` means, but only from a later day on."""
        found = self.meanings.get((system, kind, term_code(code)), ())
        return on is not None and any(one.starts_on > on for one in found)


def term_code(code: str) -> str:
    """Return a sender's code as mappings know it: bare, and no longer than its column."""
    return code.strip()[:LONGEST_CODE]


def system_of(source: str) -> str:
    """Return the name of the system behind a feed: `his` of `hl7:his` and of `his`."""
    return source.rpartition(":")[2]


def feeds_of(system: str) -> tuple[str, ...]:
    """Return what rows may carry as the source of a system."""
    return (system, *(f"{way}:{system}" for way in _WAYS))


def is_icd_10(code: Coded) -> bool:
    """Tell whether a diagnosis is coded in ICD-10 or a Chinese edition of it.

    I10.x00 (国临版) and I10.x00x002 (医保版) stay as they are: rules compare how they begin.
    """
    if not _ICD_CODE.fullmatch(code.code):
        return False
    system = code.system.rpartition("/")[2]
    return not system or _ICD_SYSTEM.fullmatch(system) is not None


def translate(
    message: HospitalMessage, vocabulary: Vocabulary
) -> tuple[HospitalMessage, tuple[Unmapped, ...]]:
    """Return the message with what its codes and units mean here, and what nothing explains.

    Observations get `standard_code`, `standard_value` and `standard_unit`; a value without a known
    unit gets none and is never judged. Departments become ours. Nothing the sender said is lost:
    codes, values and units stay beside their translation.
    """
    reading = _Reading(vocabulary, system_of(message.source), message.recorded_at)
    translated = replace(
        message,
        encounter=reading.encounter(message.encounter),
        conditions=tuple(reading.condition(one) for one in message.conditions),
        observations=tuple(reading.observation(one) for one in message.observations),
        medications=tuple(reading.medication(one) for one in message.medications),
        appointments=tuple(reading.appointment(one) for one in message.appointments),
    )
    return translated, tuple(reading.unmapped)


def is_explained(
    vocabulary: Vocabulary, source: str, kind: TermKind, code: str, display: str
) -> bool:
    """Tell whether a mapping that still holds explains a code of a source."""
    sent, system = Coded(code, display), system_of(source)
    if kind is TermKind.UNIT:
        return any(vocabulary.meaning(one, kind, code, None) for one in (system, ANY_SOURCE))
    return means_of(vocabulary, system, kind, sent, None) is not None


def means_of(
    vocabulary: Vocabulary, system: str, kind: TermKind, sent: Coded, on: date | None
) -> Meaning | None:
    """Return what was decided for the system, else a default for any that the name supports."""
    decided = vocabulary.meaning(system, kind, sent.code, on)
    return decided or _default(vocabulary, kind, sent, on)


def _default(
    vocabulary: Vocabulary, kind: TermKind, sent: Coded, on: date | None
) -> Meaning | None:
    """Return our default for any source, unless the sender's name says something else.

    Another laboratory's PCT is procalcitonin here and plateletcrit there.
    """
    means = vocabulary.meaning(ANY_SOURCE, kind, sent.code, on)
    if means is None:
        return None
    known = names_of(means.code) | {plain(means.display), plain(means.local_display)}
    return means if plain(sent.display) in known | {""} else None


class _Reading:
    """The translation of one message; what was not understood collects in `unmapped`, once."""

    def __init__(self, vocabulary: Vocabulary, system: str, recorded_at: datetime | None) -> None:
        self.unmapped: dict[Unmapped, None] = {}
        self._vocabulary = vocabulary
        self._system = system
        self._recorded_at = recorded_at

    def observation(self, record: ObservationRecord) -> ObservationRecord:
        on = self._day(record.effective_at or record.issued_at)
        code = self._test(record, on)
        if code is None:
            if _is_result(record):
                self._note(TermKind.OBSERVATION, record.code, on, record.unit)
            return record
        kind = OBSERVATION_KINDS.get(judged_code(code.code))
        if kind is None:
            return replace(record, standard_code=code)
        standard = replace(record, standard_code=Coded(kind.code, kind.name, LOINC))
        if not isinstance(record.value, Decimal) or record.comparator:
            return standard
        unit = self._unit(record.unit, on)
        try:
            value, judged_in = standardise(code.code, record.value, unit)
        except UnitNotConvertible:
            if record.unit and read_unit(unit) is None:
                printed = Coded(record.unit, record.code.display)
                self._note(TermKind.UNIT, printed, on, record.unit)
            return standard
        return replace(standard, standard_value=value, standard_unit=judged_in)

    def condition(self, record: ConditionRecord) -> ConditionRecord:
        on = self._day(record.recorded_at)
        means = self._means(TermKind.CONDITION, record.code, on)
        # A record that came back to us, or that its sender mapped, says itself what is meant.
        meant = _coded(means) or record.standard_code
        if meant is None and not is_icd_10(record.code):
            self._note(TermKind.CONDITION, record.code, on)
        return replace(record, standard_code=meant)

    def medication(self, record: MedicationRecord) -> MedicationRecord:
        on = self._day(record.authored_at or record.starts_at or record.dispensed_at)
        means = self._means(TermKind.MEDICATION, record.code, on)
        meant = _coded(means) or record.standard_code
        if meant is None and record.code.system not in _MEDICINE_SYSTEMS:
            self._note(TermKind.MEDICATION, record.code, on)
        return replace(record, standard_code=meant)

    def encounter(self, record: EncounterRecord | None) -> EncounterRecord | None:
        if record is None or not isinstance(record.department, Coded):
            return record
        return replace(record, department=self._department(record.department))

    def appointment(self, record: AppointmentRecord) -> AppointmentRecord:
        if record.department is None:
            return record
        return replace(record, department=self._department(record.department))

    def _department(self, sent: Coded) -> Coded:
        ours = self._vocabulary.departments
        on = self._day(None)
        means = self._means(TermKind.DEPARTMENT, sent, on)
        if means is not None:
            return Coded(means.code, ours.get(means.code, means.display or sent.display))
        name = ours.get(sent.code)
        if name is not None and plain(sent.display) in ("", plain(name)):
            return replace(sent, display=name)
        # A hospital that has not entered its departments has nothing to map to.
        if ours:
            self._note(TermKind.DEPARTMENT, sent, on)
        return sent

    def _test(self, record: ObservationRecord, on: date | None) -> Coded | None:
        """Return the LOINC code of a result, if there is a safe way to one."""
        local = record.code
        means = self._vocabulary.meaning(self._system, TermKind.OBSERVATION, local.code, on)
        sent = next((one for one in record.codings if one.system in _LOINC_SYSTEMS), None)
        if means is None and sent is not None:
            # LOINC is one language: a default for its code needs no second witness.
            means = self._vocabulary.meaning(ANY_SOURCE, TermKind.OBSERVATION, sent.code, on)
            return _coded(means) or Coded(sent.code, sent.display, LOINC)
        return _coded(means or _default(self._vocabulary, TermKind.OBSERVATION, local, on))

    def _means(self, kind: TermKind, sent: Coded, on: date | None) -> Meaning | None:
        return means_of(self._vocabulary, self._system, kind, sent, on)

    def _unit(self, printed: str, on: date | None) -> str:
        for system in (self._system, ANY_SOURCE):
            means = self._vocabulary.meaning(system, TermKind.UNIT, printed, on)
            if means is not None:
                return means.code
        return printed

    def _note(self, kind: TermKind, sent: Coded, on: date | None, unit: str = "") -> None:
        # Who decided for a later day on left the older records out on purpose.
        if not sent.code.strip() or self._vocabulary.begins_later(
            self._system, kind, sent.code, on
        ):
            return
        self.unmapped[Unmapped(kind, term_code(sent.code), sent.display, unit)] = None

    def _day(self, at: datetime | None) -> date | None:
        at = at or self._recorded_at
        return None if at is None else at.astimezone(self._vocabulary.zone).date()


def _coded(means: Meaning | None) -> Coded | None:
    return None if means is None else Coded(means.code, means.display, means.system)


def _is_result(record: ObservationRecord) -> bool:
    """Tell whether the value is a number or a word, rather than nothing or a page of text."""
    if isinstance(record.value, str):
        return len(record.value) <= _LONGEST_RESULT_WORD and "\n" not in record.value
    return record.value is not None
