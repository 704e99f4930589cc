"""Intake: what hospital systems send is kept first, then written into the record."""

from app.services.intake.answering import record_answers
from app.services.intake.interpreting import (
    Reader,
    Settled,
    Told,
    hold,
    interpret_message,
    interpret_pending,
    interpret_stored,
)
from app.services.intake.receiving import Arrival, receive

__all__ = [
    "Arrival",
    "Reader",
    "Settled",
    "Told",
    "hold",
    "interpret_message",
    "interpret_pending",
    "interpret_stored",
    "receive",
    "record_answers",
]
