"""What a hospital system answers to a request of ours, whichever way the answer came."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from app.domain.exchange.documents import DocumentStatus
from app.domain.intake.clinical_records import FulfilmentStatus, RequestStatus
from app.domain.intake.hospital_message import HospitalMessage
from app.domain.intake.hospital_records import AppointmentStatus
from app.domain.intake.versions import version_of

# Marks a number as one of ours, so that not every order of the hospital is looked up.
NUMBER_PREFIX: Final = "CL"


class Verdict(StrEnum):
    ACCEPTED = "accepted"
    READY = "ready"
    REFUSED = "refused"
    COMPLETED = "completed"
    CANCELLED = "cancelled"

    @property
    def status(self) -> DocumentStatus:
        """The status that a document has after this answer."""
        return DocumentStatus(self.value)


# Of two answers of one moment the later stage stands.
_RANK: Final = {
    Verdict.ACCEPTED: 1,
    Verdict.READY: 2,
    Verdict.REFUSED: 3,
    Verdict.COMPLETED: 3,
    Verdict.CANCELLED: 4,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """That the hospital accepts, refuses, has ready, done or cancelled what `number` asks.

    `number` is ours; `filler` is the hospital's own, where it gave one; `reason` is its words.
    """

    number: str
    verdict: Verdict
    answered_at: datetime
    filler: str = ""
    reason: str = ""

    @property
    def version(self) -> str:
        """Sorts the answers to one request; the greatest stands."""
        return version_of(self.answered_at, _RANK[self.verdict], self.filler + self.reason)


_OF_REQUESTS: Final = {
    RequestStatus.ACTIVE: Verdict.ACCEPTED,
    RequestStatus.COMPLETED: Verdict.COMPLETED,
    RequestStatus.REVOKED: Verdict.REFUSED,
    RequestStatus.CANCELLED: Verdict.CANCELLED,
    RequestStatus.STOPPED: Verdict.CANCELLED,
    RequestStatus.ENTERED_IN_ERROR: Verdict.CANCELLED,
}
_OF_APPOINTMENTS: Final = {
    AppointmentStatus.BOOKED: Verdict.ACCEPTED,
    AppointmentStatus.ARRIVED: Verdict.ACCEPTED,
    AppointmentStatus.FULFILLED: Verdict.COMPLETED,
    AppointmentStatus.CANCELLED: Verdict.CANCELLED,
    AppointmentStatus.NO_SHOW: Verdict.COMPLETED,
}
# FHIR task-status; what is only received, drafted or on hold says nothing yet.
OF_FULFILMENTS: Final = {
    FulfilmentStatus.ACCEPTED: Verdict.ACCEPTED,
    FulfilmentStatus.IN_PROGRESS: Verdict.ACCEPTED,
    FulfilmentStatus.READY: Verdict.READY,
    FulfilmentStatus.COMPLETED: Verdict.COMPLETED,
    FulfilmentStatus.REJECTED: Verdict.REFUSED,
    FulfilmentStatus.FAILED: Verdict.REFUSED,
    FulfilmentStatus.CANCELLED: Verdict.CANCELLED,
    FulfilmentStatus.ENTERED_IN_ERROR: Verdict.CANCELLED,
}


def answers_in(message: HospitalMessage, recorded_at: datetime) -> tuple[Answer, ...]:
    """Return what a message of the hospital answers to requests of ours, by our placer numbers."""
    return (
        *_of_requests(message, recorded_at),
        *_of_appointments(message, recorded_at),
        *_of_fulfilments(message, recorded_at),
    )


def _of_requests(message: HospitalMessage, at: datetime) -> Iterator[Answer]:
    for request in message.service_requests:
        number = request.placer or request.number
        verdict = _OF_REQUESTS.get(request.status)
        if number.startswith(NUMBER_PREFIX) and verdict is not None:
            filler = request.filler or (request.number if request.placer else "")
            yield Answer(number, verdict, at, filler, request.note)


def _of_appointments(message: HospitalMessage, at: datetime) -> Iterator[Answer]:
    for booked in message.appointments:
        if booked.placer is not None and booked.placer.value.startswith(NUMBER_PREFIX):
            filler = booked.filler.value if booked.filler else ""
            yield Answer(booked.placer.value, _OF_APPOINTMENTS[booked.status], at, filler)


def _of_fulfilments(message: HospitalMessage, at: datetime) -> Iterator[Answer]:
    for one in message.fulfilments:
        verdict = OF_FULFILMENTS.get(one.status)
        if one.number.startswith(NUMBER_PREFIX) and verdict is not None:
            yield Answer(one.number, verdict, at, one.filler, one.reason)
