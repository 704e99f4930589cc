"""Messages that say who is whom: merges, links, visits booked on the wrong person."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import or_, update
from sqlalchemy.orm import Session

from app.domain.intake.hospital_message import EventKind
from app.domain.intake.hospital_records import Identifier
from app.models import Encounter, InboundMessage, Patient
from app.services.intake import patient_index
from app.services.intake.gathering import Prepared, gather
from app.services.intake.held import Held
from app.services.intake.known import Known, Origin
from app.services.intake.patients import add_numbers, patient_by, register
from app.services.intake.visits import known_visit
from app.services.intake.word import text_of
from app.services.intake.writing import write

# A merge or a moved visit may be the answer to these; the sweep takes the messages up again.
ANSWERED_BY_INDEX = (
    "visit-of-another-patient",
    "visits-of-several-patients",
    "appointment-of-another-patient",
    "identifiers-of-several-patients",
)


def apply_to_index(session: Session, one: Prepared, origin: Origin, now: datetime) -> None:
    """Do what a message says of the patient index.

    People and visits that nobody has spoken of yet are made known as empty rows: a merge may
    overtake the admissions that it is about, and these find their numbers then.

    :raises Held: a person must decide
    """
    message = one.message
    for merge in message.merges:
        survivor, retired = people = [
            _patient(session, one, numbers, origin, now)
            for numbers in (merge.survivor, merge.retired)
        ]
        patient_index.merge(
            session, survivor, retired, version=_version(one, merge.survivor, merge.retired),
            now=now, inbound_id=origin.inbound_id,
        )  # fmt: skip
        _ask_again(session, origin, people)
    for link in message.links:
        first, second = (
            _patient(session, one, numbers, origin, now) for numbers in (link.first, link.second)
        )
        is_unlink = message.event is EventKind.UNLINK
        say = patient_index.unlink_records if is_unlink else patient_index.link_records
        say(
            session, first, second, version=_version(one, link.first, link.second),
            now=now, inbound_id=origin.inbound_id,
        )  # fmt: skip
    for move in message.visit_moves:
        wrong = _patient(session, one, move.wrong_patient, origin, now)
        right = _patient(session, one, message.patient.person_identifiers, origin, now)
        patient_index.move_visit(
            session, _visit(session, one, move.visit, wrong, origin, now), right,
            version=_version(one, move.wrong_patient, (move.visit,)),
            now=now, inbound_id=origin.inbound_id,
        )  # fmt: skip
        _ask_again(session, origin, (wrong, right))


def _ask_again(session: Session, origin: Origin, people: Iterable[Patient]) -> None:
    """Let messages of these people, or of nobody yet known, that waited for a person try again."""
    session.flush()
    session.execute(
        update(InboundMessage)
        .where(
            InboundMessage.source == origin.source,
            InboundMessage.status == "held",
            InboundMessage.reason.in_(ANSWERED_BY_INDEX),
            or_(
                InboundMessage.patient_id.in_({patient.id for patient in people}),
                InboundMessage.patient_id.is_(None),
            ),
        )
        .values(status="received")
        .execution_options(synchronize_session=False)
    )


def _version(one: Prepared, *numbers: tuple[Identifier, ...]) -> str:
    said = {str(place): numbers_ for place, numbers_ in enumerate(numbers)}
    return one.word.version(text_of(said))


def _patient(
    session: Session, one: Prepared, numbers: tuple[Identifier, ...], origin: Origin, now: datetime
) -> Patient:
    known = _known(session, one, origin, now)
    patient = patient_by(known, numbers)
    if patient is None:
        patient = register(known, origin.source)
        known.event("patient.registered", patient)
    add_numbers(known, patient, tuple(n for n in numbers if known.owner_of_number(n) is None))
    write(session, known)
    return patient


def _visit(
    session: Session,
    one: Prepared,
    visit: Identifier,
    owner: Patient,
    origin: Origin,
    now: datetime,
) -> Encounter:
    known = _known(session, one, origin, now)
    encounter = known_visit(known, known.head(known.patients[owner.id]), visit)
    if encounter is None:
        raise Held("visit-without-number")
    write(session, known)
    return encounter


def _known(session: Session, one: Prepared, origin: Origin, now: datetime) -> Known:
    session.flush()
    known = Known(now)
    known.origin = origin
    gather(session, known, [one])
    return known
