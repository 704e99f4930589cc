"""Fetching what is known of the people and things that a batch of messages speaks of."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.domain.intake.hospital_message import HospitalMessage
from app.domain.intake.hospital_records import Identifier
from app.models import (
    Appointment,
    Condition,
    DiagnosticReport,
    Encounter,
    EncounterStatus,
    Observation,
    Patient,
    PatientIdentifier,
    PublicationStatus,
    Questionnaire,
)
from app.services.intake.columns import code, exact
from app.services.intake.known import Known, booking_digest
from app.services.intake.numbered import Thing
from app.services.intake.numbered_kinds import issuer_of, report_identity, things_of
from app.services.intake.result_versions import ResultVersion, version_of_old_row
from app.services.intake.results import MAPPED, result_identity
from app.services.intake.visits import ENDINGS, visits_of
from app.services.intake.word import Word


@dataclass(slots=True)
class Prepared:
    """A message ready to be applied: what it weighs, and the numbered things it tells of."""

    message: HospitalMessage
    source: str
    received_at: datetime
    word: Word
    things: list[Thing] = field(default_factory=list)

    @property
    def identifiers(self) -> Iterator[Identifier]:
        """The numbers of everybody it speaks of."""
        message = self.message
        yield from message.patient.person_identifiers
        for merge in message.merges:
            yield from (*merge.survivor, *merge.retired)
        for link in message.links:
            yield from (*link.first, *link.second)
        for move in message.visit_moves:
            yield from move.wrong_patient

    @property
    def visits(self) -> Iterator[Identifier]:
        yield from visits_of(self.message)
        yield from (move.visit for move in self.message.visit_moves)


def gather(session: Session, known: Known, messages: Sequence[Prepared]) -> None:
    """Fill the working set, a query a kind of thing; the people are locked in their order."""
    forms = _forms(session, messages)
    for one in messages:
        one.things = list(things_of(one.message, one.word, one.source, forms.get))
    owned = _people(session, known, messages)
    _visits(session, known, messages, owned)
    heads = {
        id(one): {known.head(known.patients[number]).id for number in _candidates(known, one)}
        for one in messages
    }
    _open_stays(session, known, messages, heads)
    _conditions(session, known, messages, heads)
    _bookings(session, known, messages)
    _things(session, known, messages, heads)
    _results(session, known, messages, heads)


def _forms(session: Session, messages: Iterable[Prepared]) -> Mapping[str, int]:
    """Return our newest form for each address that ends with its key."""
    addresses = {form.questionnaire for one in messages for form in one.message.forms}
    if not addresses:
        return {}
    rows = session.execute(
        select(Questionnaire.key, Questionnaire.id)
        .where(Questionnaire.status == PublicationStatus.ACTIVE)
        .order_by(Questionnaire.version)
    )
    ours = {row.key: row.id for row in rows}
    found = {}
    for address in addresses:
        key = address.split("|")[0].rstrip("/").rsplit("/", 1)[-1]
        if key in ours:
            found[address] = ours[key]
    return found


def _people(session: Session, known: Known, messages: Iterable[Prepared]) -> set[int]:
    keys = {known.key_of(number) for one in messages for number in one.identifiers}
    numbers = session.execute(
        select(
            PatientIdentifier.issuer,
            PatientIdentifier.type_code,
            PatientIdentifier.value_index,
            PatientIdentifier.patient_id,
        ).where(PatientIdentifier.value_index.in_({key[2] for key in keys}))
    ).all()
    owners = {tuple(row[:3]): row[3] for row in numbers if tuple(row[:3]) in keys}
    _lock(session, known, set(owners.values()))
    known.numbers.update({key: known.patients[owner] for key, owner in owners.items()})  # type: ignore[misc]
    return set(owners.values())


def _lock(session: Session, known: Known, wanted: set[int]) -> None:
    """Lock patients, then the heads that speak for them."""
    wanted = wanted - known.patients.keys()
    while wanted:
        rows = session.scalars(
            select(Patient)
            .where(Patient.id.in_(wanted))
            .order_by(Patient.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).all()
        known.patients.update({row.id: row for row in rows})
        wanted = {row.merged_into_id for row in rows if row.merged_into_id} - known.patients.keys()
    if known.patients:
        retired = select(Patient.merged_into_id).where(Patient.merged_into_id.in_(known.patients))
        known.with_retired.update(number for number in session.scalars(retired) if number)


def _visits(session: Session, known: Known, messages: Iterable[Prepared], owned: set[int]) -> None:
    keys = {(exact(v.issuer), exact(v.value)) for one in messages for v in one.visits}
    if not keys:
        return
    rows = session.scalars(
        select(Encounter)
        .where(
            Encounter.issuer.in_({issuer for issuer, _ in keys}),
            Encounter.visit_number.in_({number for _, number in keys}),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    found = [row for row in rows if (row.issuer, row.visit_number) in keys]
    known.visits.update({(row.issuer, row.visit_number): row for row in found})
    _lock(session, known, {row.patient_id for row in found})


def _candidates(known: Known, one: Prepared) -> set[int]:
    """Return whose records a message's content may belong to."""
    owners = [known.owner_of_number(number) for number in one.identifiers]
    visits = [known.visit(visit) for visit in one.visits]
    return {owner.id for owner in owners if owner} | {visit.patient_id for visit in visits if visit}


_Heads = Mapping[int, set[int]]


def _of(heads: _Heads, messages: Iterable[Prepared]) -> set[int]:
    return {number for one in messages for number in heads[id(one)]}


def _open_stays(
    session: Session, known: Known, messages: Iterable[Prepared], heads: _Heads
) -> None:
    endings = [
        one
        for one in messages
        if one.message.encounter is not None
        and one.message.encounter.visit is None
        and one.message.event in ENDINGS
    ]
    if owners := _of(heads, endings):
        stays = select(Encounter).where(
            Encounter.patient_id.in_(owners), Encounter.status == EncounterStatus.IN_PROGRESS
        )
        for row in session.scalars(stays.with_for_update()):
            known.visits.setdefault((row.issuer, row.visit_number), row)


def _conditions(
    session: Session, known: Known, messages: Iterable[Prepared], heads: _Heads
) -> None:
    speaking = [one for one in messages if one.message.conditions]
    owners = _of(heads, speaking)
    if not owners:
        return
    codes = {
        code(coded.code)
        for one in speaking
        for record in one.message.conditions
        for coded in (record.code, record.standard_code)
        if coded is not None
    }
    visits = {row.id: row for row in known.visits.values()}
    for row in session.scalars(
        select(Condition)
        .where(Condition.patient_id.in_(owners), Condition.code.in_(codes))
        .execution_options(populate_existing=True)
    ):
        visit = visits.get(row.encounter_key)
        if visit is not None or row.encounter_key == 0:
            known.conditions[known.patients[row.patient_id], visit, row.code_system, row.code] = row


def _bookings(session: Session, known: Known, messages: Iterable[Prepared]) -> None:
    keys = {
        (exact(number.issuer), booking_digest(number))
        for one in messages
        for record in one.message.appointments
        for number in (record.filler, record.placer)
        if number is not None
    }
    if not keys:
        return
    digests = {number for _, number in keys}
    rows = session.scalars(
        select(Appointment)
        .where(or_(Appointment.number_hash.in_(digests), Appointment.placer_hash.in_(digests)))
        .order_by(Appointment.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for row in rows:
        for number in (row.placer_hash, row.number_hash):
            if number is not None:
                known.bookings[row.issuer, number] = row
    _lock(session, known, {row.patient_id for row in rows})


def _things(session: Session, known: Known, messages: Sequence[Prepared], heads: _Heads) -> None:
    wanted: defaultdict[tuple[type[Any], str], set[Any]] = defaultdict(set)
    for one in messages:
        if not heads[id(one)]:
            continue
        for thing in one.things:
            wanted[thing.model, thing.key[0]].add(thing.key[1])
        issuer = issuer_of(one.message)
        orders = {record.key.order for record in one.message.observations}
        reports = {report_identity(issuer, order) for order in orders}
        if reports:
            wanted[DiagnosticReport, "identity"] |= reports
    owners = _of(heads, messages)
    for (model, column), keys in wanted.items():
        rows = session.scalars(
            select(model)
            .where(model.patient_id.in_(owners), getattr(model, column).in_(keys))
            .execution_options(populate_existing=True)
        )
        for row in rows:
            known.things[model, known.patients[row.patient_id], getattr(row, column)] = row


def _results(session: Session, known: Known, messages: Iterable[Prepared], heads: _Heads) -> None:
    wanted: defaultdict[int, set[bytes]] = defaultdict(set)
    for one in messages:
        keys = [record.key for record in one.message.observations]
        keys += [key for report in one.message.reports for key in report.results]
        identities = {result_identity(one.message, key) for key in keys}
        for head in heads[id(one)]:
            wanted[head] |= identities
    wanted = defaultdict(set, {head: found for head, found in wanted.items() if found})
    if not wanted:
        return
    kept = Observation.__table__.c
    columns = [kept.id, kept.patient_id, kept.identity, kept.version, kept.is_current, kept.status]
    columns += [kept.issued_at, kept.report_id, *(kept[name] for name in MAPPED)]
    rows = session.execute(
        select(*columns).where(
            or_(
                *(
                    and_(kept.patient_id == head, kept.identity.in_(identities))
                    for head, identities in wanted.items()
                )
            )
        )
    )
    for row in rows:
        version = ResultVersion(
            row.version or version_of_old_row(row.status, row.issued_at),
            row.status,
            bool(row.is_current),
            row.id,
            {name: row._mapping[name] for name in MAPPED},
            row.report_id,
        )
        known.versions[known.patients[row.patient_id], row.identity].append(version)
