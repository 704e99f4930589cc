"""Which of the hospital's systems takes what we ask, and how it is called."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from app.domain.exchange.answers import Answer
from app.domain.exchange.delivering import CallOutcome
from app.domain.exchange.documents import DocumentKind, OutgoingDocument

# A sender never raises: what went wrong is an outcome.
DocumentSender = Callable[[OutgoingDocument], CallOutcome]


class ReadBack(Protocol):
    """A target whose answers are asked for."""

    def answers(self, numbers: Sequence[str], now: datetime, /) -> tuple[Answer, ...]: ...


@dataclass(frozen=True, slots=True)
class HospitalTargets:
    """The hospital's systems by name; which of them takes each kind, and which are asked back."""

    routes: Mapping[DocumentKind, str] = field(default_factory=dict)
    senders: Mapping[str, DocumentSender] = field(default_factory=dict)
    read_back: Mapping[str, ReadBack] = field(default_factory=dict)
