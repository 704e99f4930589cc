"""Writing kept messages into the record: in batches, each message once, in any order."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy.orm import Session

from app.domain.exchange.answers import answers_in
from app.domain.intake.hospital_message import HospitalMessage
from app.domain.intake.rejections import Rejected
from app.domain.intake.terminology import Unmapped, Vocabulary, translate
from app.models import InboundMessage, Patient
from app.models.exchange.answering import take_answers
from app.models.intake.vocabulary import note_unmapped, vocabulary
from app.services.intake.applying import apply, is_of_index, whom
from app.services.intake.columns import clipped
from app.services.intake.gathering import Prepared, gather
from app.services.intake.held import Held
from app.services.intake.identity import ANSWERED_BY_INDEX, apply_to_index
from app.services.intake.known import Known, Origin
from app.services.intake.patient_index import MergeHeld, propose
from app.services.intake.word import Word
from app.services.intake.writing import write

# What a reader makes of the bytes: each message speaks of one patient, none of any.
Told: TypeAlias = tuple[HospitalMessage, ...] | Rejected


@dataclass(frozen=True, slots=True)
class Kept:
    """A message that is kept, and what its reader makes of it."""

    id: int
    source: str
    received_at: datetime
    told: Told


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a message; `reason` names nobody."""

    status: str
    reason: str | None = None
    patient_id: int | None = None


class Broken(Exception):
    """A message that breaks the interpreter; the others of its batch may be tried without it."""

    def __init__(self, message_id: int) -> None:
        super().__init__(message_id)
        self.message_id = message_id


def interpret_message(
    session: Session, inbound: InboundMessage, told: Told, now: datetime
) -> Settled:
    """Write what a message says into the record and settle its status.

    Patients are found by issuer and number, never by name. Of each thing the newest version
    stands, so the order of arrival does not matter. All or nothing: a message that must wait
    (`held`) leaves no trace. One that was written or held before stays as it is; one that was
    rejected is read anew, the charset of its source may have been set right since.
    """
    if inbound.status not in ("received", "rejected"):
        return Settled(inbound.status, inbound.reason, inbound.patient_id)
    return _interpret_one(session, inbound, told, now, is_again=False)


def reinterpret(session: Session, inbound: InboundMessage, told: Told, now: datetime) -> Settled:
    """Write a message again, whatever became of it before.

    What our own tables make of its words (a code, a standard value, a department) is written anew
    where they have changed; what it said, and in which version, stays the same.
    """
    return _interpret_one(session, inbound, told, now, is_again=True)


def interpret_batch(
    session: Session, messages: Sequence[Kept], now: datetime, *, is_again: bool = False
) -> list[Settled]:
    """Write many messages in few statements; return what became of each.

    :raises Broken: one of them breaks the interpreter: the transaction is spoilt
    """
    with session.no_autoflush:
        words = vocabulary(session)
        readings = [_reading(kept, words) for kept in messages]
        settled = _interpret_in_order(session, readings, now, is_again)
        # What waited for a merge or a moved visit of the same batch has its answer now.
        waiting = [one for one in readings if settled[one.kept.id].reason in ANSWERED_BY_INDEX]
        if waiting and len(waiting) < len(messages):
            settled |= _interpret_in_order(session, waiting, now, is_again)
        _note_unmapped(session, readings, settled, now)
    return [settled[kept.id] for kept in messages]


@dataclass(frozen=True, slots=True)
class _Reading:
    """A kept message in our words, with the terms that nothing explains."""

    kept: Kept
    messages: tuple[Prepared, ...]
    unmapped: tuple[Unmapped, ...] = ()


def _reading(kept: Kept, words: Vocabulary) -> _Reading:
    if isinstance(kept.told, Rejected):
        return _Reading(kept, ())
    prepared, unmapped = [], list[Unmapped]()
    try:
        for told in kept.told:
            message, unknown = translate(told, words)
            word = Word.of(message, kept.received_at)
            prepared.append(Prepared(message, kept.source, kept.received_at, word))
            unmapped += unknown
    except Exception as error:
        raise Broken(kept.id) from error
    return _Reading(kept, tuple(prepared), tuple(unmapped))


def _note_unmapped(
    session: Session, readings: Sequence[_Reading], settled: Mapping[int, Settled], now: datetime
) -> None:
    """Count the terms that nothing explains; a message that waits has said nothing yet."""
    by_source: defaultdict[str, list[Unmapped]] = defaultdict(list)
    for one in readings:
        if one.unmapped and settled[one.kept.id].status == "processed":
            by_source[one.kept.source] += one.unmapped
    for source, unmapped in sorted(by_source.items()):
        note_unmapped(session, source, unmapped, now)


def _interpret_in_order(
    session: Session, readings: Sequence[_Reading], now: datetime, is_again: bool
) -> dict[int, Settled]:
    settled: dict[int, Settled] = {}
    run: list[tuple[Kept, Prepared]] = []
    for one in readings:
        if isinstance(one.kept.told, Rejected):
            settled[one.kept.id] = Settled("rejected", clipped(str(one.kept.told)))
        elif len(one.messages) == 1 and not is_of_index(one.messages[0]):
            run.append((one.kept, one.messages[0]))
        else:
            settled |= _interpret_run(session, run, now, is_again)
            run = []
            settled[one.kept.id] = _interpret_alone(session, one.kept, one.messages, now, is_again)
    return settled | _interpret_run(session, run, now, is_again)


def _interpret_one(
    session: Session, inbound: InboundMessage, told: Told, now: datetime, *, is_again: bool
) -> Settled:
    session.flush()
    kept = Kept(inbound.id, inbound.source, inbound.received_at, told)
    try:
        (settled,) = interpret_batch(session, [kept], now, is_again=is_again)
    except Broken as broken:
        raise broken.__cause__ or broken from None
    inbound.status, inbound.reason = settled.status, settled.reason
    inbound.patient_id = settled.patient_id or inbound.patient_id
    inbound.processed_at = now
    return settled


def _interpret_run(
    session: Session, run: Sequence[tuple[Kept, Prepared]], now: datetime, is_again: bool
) -> dict[int, Settled]:
    """Apply messages that speak of one person each, one after the other, and write them at once."""
    if not run:
        return {}
    known = Known(now, is_again)
    gather(session, known, [prepared for _, prepared in run])
    held = []
    done = []
    for kept, prepared in run:
        try:
            patient, notes = apply(known, prepared, Origin(kept.source, kept.id))
            done.append((kept.id, prepared, patient, notes))
        except Held as reason:
            held.append((kept.id, reason.reason, whom(known, prepared)))
        except Exception as error:
            raise Broken(kept.id) from error
    write(session, known)
    settled = {
        number: Settled("held", reason, patient.id if patient else None)
        for number, reason, patient in held
    }
    for number, prepared, patient, notes in done:
        more = _answered(session, known, prepared, patient, now)
        settled[number] = Settled("processed", _noted((*notes, *more)), patient.id)
    return settled


def _interpret_alone(
    session: Session, kept: Kept, messages: Sequence[Prepared], now: datetime, is_again: bool
) -> Settled:
    """Apply a message that speaks of several people, or of who is whom, all or nothing."""
    origin = Origin(kept.source, kept.id)
    notes: list[str] = []
    patients: set[int] = set()
    try:
        with session.begin_nested():
            for one in messages:
                if is_of_index(one):
                    apply_to_index(session, one, origin, now)
            session.expire_all()
            known = Known(now, is_again)
            gather(session, known, messages)
            people = []
            for one in messages:
                patient, more = apply(known, one, origin)
                people.append(patient)
                notes += more
            write(session, known)
            for one, patient in zip(messages, people, strict=True):
                notes += _answered(session, known, one, patient, now)
            patients = {patient.id for patient in people}
    except Held as held:
        session.expire_all()
        if isinstance(held, MergeHeld):
            propose(session, held, kept.id, now)
        return Settled("held", held.reason)
    except Exception as error:
        raise Broken(kept.id) from error
    return Settled("processed", _noted(notes), patients.pop() if len(patients) == 1 else None)


def _answered(
    session: Session, known: Known, one: Prepared, patient: Patient, now: datetime
) -> tuple[str, ...]:
    """Match what the hospital answers to what we asked of it; return what staff should know."""
    answers = tuple(answers_in(one.message, one.word.at))
    if not answers:
        return ()
    return take_answers(session, answers, now, patient_id=known.head(patient).id)


def _noted(notes: Sequence[str]) -> str | None:
    return clipped(";".join(dict.fromkeys(notes)))
