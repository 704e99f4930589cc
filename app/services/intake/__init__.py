"""Intake: what hospital systems send is kept first, then written into the record."""

from app.services.intake.answering import record_answers
from app.services.intake.identity import ANSWERED_BY_INDEX
from app.services.intake.interpreting import (
    Broken,
    Kept,
    Settled,
    Told,
    interpret_batch,
    interpret_message,
    reinterpret,
)
from app.services.intake.receiving import Arrival, receive, receive_batch, settle_batch
from app.services.intake.settling import (
    WAYS_IN,
    Reader,
    hold,
    interpret_pending,
    interpret_stored,
    reason_of,
    replay,
)

__all__ = [
    "ANSWERED_BY_INDEX",
    "WAYS_IN",
    "Arrival",
    "Broken",
    "Kept",
    "Reader",
    "Settled",
    "Told",
    "hold",
    "interpret_batch",
    "interpret_message",
    "interpret_pending",
    "interpret_stored",
    "reason_of",
    "receive",
    "receive_batch",
    "record_answers",
    "reinterpret",
    "replay",
    "settle_batch",
]
