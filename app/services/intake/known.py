"""What is known of the people and things that some messages speak of.

Everything is fetched once for a batch of messages (`gathering`), looked up and extended here while
they are applied in their order, and written at the end (`writing`). Nothing is written before: a
message that must wait for a person leaves no trace.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.domain.intake.hospital_records import AppointmentRecord, Identifier
from app.models import (
    Appointment,
    Condition,
    Encounter,
    EncounterStatus,
    Patient,
    PatientIdentifier,
)
from app.services.intake.columns import digest, exact
from app.services.intake.result_versions import ResultVersion

NumberKey = tuple[str, str, bytes]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the message that is being applied came from."""

    source: str
    inbound_id: int


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A row that does not exist yet, and whose it will be."""

    row: Any
    owner: Patient


@dataclass(frozen=True, slots=True, eq=False)
class DraftResult:
    version: ResultVersion
    owner: Patient
    encounter: Encounter | None
    origin: Origin


@dataclass(frozen=True, slots=True, eq=False)
class DraftEvent:
    """`ids` names rows; their ids are known when they are written."""

    kind: str
    patient: Patient
    ids: dict[str, Any]


@dataclass(slots=True)
class Known:
    """The working set of a batch; `is_rereading` while messages are read again on purpose."""

    now: datetime
    is_rereading: bool = False
    origin: Origin = Origin("", 0)
    speaker: Patient | None = None

    patients: dict[int, Patient] = field(default_factory=dict)
    with_retired: set[int] = field(default_factory=set)
    numbers: dict[NumberKey, Patient] = field(default_factory=dict)
    visits: dict[tuple[str, str], Encounter] = field(default_factory=dict)
    bookings: dict[tuple[str, bytes], Appointment] = field(default_factory=dict)
    conditions: dict[tuple[Any, ...], Condition] = field(default_factory=dict)
    things: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    versions: defaultdict[tuple[Patient, bytes], list[ResultVersion]] = field(
        default_factory=lambda: defaultdict(list)
    )
    owners: dict[Any, Patient] = field(default_factory=dict)

    new_patients: list[Patient] = field(default_factory=list)
    new_numbers: list[PatientIdentifier] = field(default_factory=list)
    new_visits: list[Draft] = field(default_factory=list)
    new_rows: list[Draft] = field(default_factory=list)
    visit_of: dict[Any, Encounter] = field(default_factory=dict)
    new_results: list[DraftResult] = field(default_factory=list)
    changed_results: dict[ResultVersion, dict[str, Any]] = field(default_factory=dict)
    dropped: list[Appointment] = field(default_factory=list)
    events: list[DraftEvent] = field(default_factory=list)
    arrivals: list[tuple[Patient, Patient, Any]] = field(default_factory=list)
    stirred: dict[Patient, None] = field(default_factory=dict)
    _keys: dict[Identifier, NumberKey] = field(default_factory=dict)

    # ----------------------------------------------------------------------------- people

    def key_of(self, identifier: Identifier) -> NumberKey:
        key = self._keys.get(identifier)
        if key is None:
            table = PatientIdentifier.__tablename__
            index = PatientIdentifier.value.index(table, identifier.value)
            key = exact(identifier.issuer), exact(identifier.type_code), index
            self._keys[identifier] = key
        return key

    def owner_of_number(self, identifier: Identifier) -> Patient | None:
        return self.numbers.get(self.key_of(identifier))

    def head(self, patient: Patient) -> Patient:
        """Return the record that speaks for this person since a merge."""
        while patient.merged_into_id is not None:
            patient = self.patients[patient.merged_into_id]
        return patient

    def owner(self, row: Encounter | Appointment) -> Patient:
        found = self.owners.get(row)
        return self.patients[row.patient_id] if found is None else found

    def add_patient(self, patient: Patient) -> None:
        self.new_patients.append(patient)

    def add_number(
        self, identifier: Identifier, number: PatientIdentifier, patient: Patient
    ) -> None:
        self.new_numbers.append(number)
        self.numbers[self.key_of(identifier)] = patient

    # ----------------------------------------------------------------------------- visits

    def visit(self, number: Identifier) -> Encounter | None:
        return self.visits.get((exact(number.issuer), exact(number.value)))

    def add_visit(self, number: Identifier, encounter: Encounter, owner: Patient) -> None:
        self.visits[exact(number.issuer), exact(number.value)] = encounter
        self.owners[encounter] = owner
        self.new_visits.append(Draft(encounter, owner))
        self._arrive(owner, encounter)
        self.touch(encounter)

    def open_stay(self, owner: Patient) -> Encounter | None:
        """Return the stay of a patient that is open, the last to begin."""
        stays = [
            one
            for one in self.visits.values()
            if self.owner(one) is owner and one.status is EncounterStatus.IN_PROGRESS
        ]
        return max(
            stays, key=lambda one: (str(one.started_at or ""), one.visit_number), default=None
        )

    # ----------------------------------------------------------------------------- rows

    def touch(self, row: Any) -> None:
        """Note that the row now says what the current message said."""
        row.inbound_id = self.origin.inbound_id
        if hasattr(row, "source"):
            row.source = self.origin.source

    def condition(
        self, owner: Patient, visit: Encounter | None, system: str, code: str
    ) -> Condition | None:
        return self.conditions.get((owner, visit, system, code))

    def add_condition(self, row: Condition, owner: Patient, visit: Encounter | None) -> None:
        self.conditions[owner, visit, row.code_system, row.code] = row
        self._add(row, owner)
        if visit is not None:
            self.set_visit(row, visit)

    def rename_condition(
        self, row: Condition, owner: Patient, visit: Encounter | None, system: str, code: str
    ) -> None:
        del self.conditions[owner, visit, row.code_system, row.code]
        row.code_system, row.code = system, code
        self.conditions[owner, visit, system, code] = row

    def booking(self, number: Identifier) -> Appointment | None:
        return self.bookings.get((exact(number.issuer), booking_digest(number)))

    def add_booking(self, row: Appointment, owner: Patient) -> None:
        self.owners[row] = owner
        self._add(row, owner)
        self.touch(row)

    def number_booking(self, row: Appointment, record: AppointmentRecord) -> None:
        """Let the row be found by both numbers; it is called by the filler's once there is one."""
        if record.filler is not None or not row.number:
            row.number = exact(record.identifier.value)
            row.number_hash = booking_digest(record.identifier)
        if record.placer is not None:
            row.placer_number = exact(record.placer.value)
            row.placer_hash = booking_digest(record.placer)
        for number in (record.filler, record.placer):
            if number is not None:
                self.bookings[exact(number.issuer), booking_digest(number)] = row

    def drop_booking(self, twin: Appointment, row: Appointment) -> None:
        """Let one row stand for two: every number of the other leads to it from now on."""
        for key in [key for key, found in self.bookings.items() if found is twin]:
            self.bookings[key] = row
        drafts = [draft for draft in self.new_rows if draft.row is not twin]
        if len(drafts) == len(self.new_rows):
            self.dropped.append(twin)
        self.new_rows = drafts
        for event in self.events:
            event.ids.update({name: row for name, one in event.ids.items() if one is twin})

    def thing(self, model: type[Any], owner: Patient, key: Any) -> Any:
        return self.things.get((model, owner, key))

    def add_thing(self, row: Any, owner: Patient, key: Any) -> None:
        self.things[type(row), owner, key] = row
        if hasattr(row, "created_at"):
            row.created_at = self.now
        self._add(row, owner)
        self.touch(row)

    def set_visit(self, row: Any, visit: Encounter) -> None:
        if hasattr(row, "encounter_id"):
            self.visit_of[row] = visit

    # ----------------------------------------------------------------------------- results

    def results(self, owner: Patient, identity: bytes) -> list[ResultVersion]:
        return self.versions[owner, identity]

    def add_result(
        self, version: ResultVersion, owner: Patient, encounter: Encounter | None, report: Any
    ) -> None:
        version.report = report
        self.new_results.append(DraftResult(version, owner, encounter, self.origin))
        self._arrive(owner, version)

    def change_result(self, kept: ResultVersion, **values: Any) -> None:
        if kept.id is None:
            kept.values.update(values)
        else:
            self.changed_results.setdefault(kept, {}).update(values)

    def rename_result(self, version: ResultVersion, mapped: dict[str, Any]) -> bool:
        """Give a kept version the names it would get today; return whether they are others."""
        if version.id is None or all(version.values[name] == mapped[name] for name in mapped):
            return False
        version.values.update(mapped)
        self.change_result(version, **mapped)
        return True

    def hang_on_report(self, version: ResultVersion, report: Any) -> None:
        """Note which report a result belongs to; one that hangs there already stays."""
        if version.report is not report and (report.id is None or version.report_id != report.id):
            version.report = report
            if version.id is not None:
                self.changed_results.setdefault(version, {})

    # ----------------------------------------------------------------------------- news

    def event(self, kind: str, patient: Patient, **ids: Any) -> None:
        self.events.append(DraftEvent(kind, patient, ids))

    def stir(self, patient: Patient) -> None:
        """Note that what is shown of a person may have to be put together anew."""
        head = self.head(patient)
        if head is not patient or head.id in self.with_retired:
            self.stirred[head] = None

    def _add(self, row: Any, owner: Patient) -> None:
        self.new_rows.append(Draft(row, owner))
        self._arrive(owner, row)

    def _arrive(self, owner: Patient, row: Any) -> None:
        """Note a row that came under a retired number: an unmerge has to give it back."""
        if self.speaker is not None and self.speaker is not owner:
            self.arrivals.append((self.speaker, owner, row))


def booking_digest(number: Identifier) -> bytes:
    """Return the digest of a number: placer and filler number their own books."""
    return digest(number.type_code, number.value)
