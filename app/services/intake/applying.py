"""What one message changes: decided first, then applied to the working set."""

from app.domain.intake.hospital_message import EventKind
from app.models import Patient
from app.services.intake.bookings import check_bookings, tell_of_bookings
from app.services.intake.diagnoses import tell_of_conditions
from app.services.intake.gathering import Prepared
from app.services.intake.held import Held
from app.services.intake.known import Known, Origin
from app.services.intake.numbered import tell_of_things
from app.services.intake.patients import Match, match, tell_of_person
from app.services.intake.results import tell_of_results
from app.services.intake.visits import owner_of_content, tell_of_visit


def apply(known: Known, one: Prepared, origin: Origin) -> tuple[Patient, tuple[str, ...]]:
    """Return whom a message is about and what staff should know; nothing is written yet.

    Its person's data go to the record that it names, its content to the head of that record.

    :raises Held: it must wait for a person; then it has changed nothing
    """
    message, word = one.message, one.word
    found, owner = decide(known, one)
    known.origin, known.speaker = origin, found.patient
    patient, notes = tell_of_person(known, found, message, word, one.source)
    known.speaker = patient
    owner = owner or patient
    encounter = tell_of_visit(known, owner, message, word)
    tell_of_conditions(known, owner, encounter, message, word)
    tell_of_bookings(known, owner, message.appointments, word)
    tell_of_things(known, owner, one.things)
    tell_of_results(known, owner, encounter, message, word, one.received_at)
    return patient, (*notes, *message.issues)


def decide(known: Known, one: Prepared) -> tuple[Match, Patient | None]:
    """Return whom a message is about and whose record its content belongs to.

    :raises Held: acting on it might touch the wrong person
    """
    found = match(known, one.message.patient)
    head = known.head(found.patient) if found.patient is not None else None
    check_bookings(known, head, one.message.appointments)
    return found, owner_of_content(known, head, one.message, one.word)


def whom(known: Known, one: Prepared) -> Patient | None:
    """Return whom a message that must wait is about, where its numbers say so."""
    try:
        return match(known, one.message.patient).patient
    except Held:
        return None


_INDEX = frozenset({EventKind.MERGE, EventKind.LINK, EventKind.UNLINK, EventKind.MOVE_VISIT})


def is_of_index(one: Prepared) -> bool:
    """Tell whether a message says who is whom; that moves rows, so it is applied alone."""
    message = one.message
    return message.event in _INDEX or bool(message.merges or message.links or message.visit_moves)
