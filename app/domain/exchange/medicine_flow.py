"""How a refill, a delivery or a pick-up by proxy goes on: pure, whatever order answers come in.

What the patient, the doctor, the clock and the hospital say are words; `after` tells the state
that a word leads to, or that it changes nothing.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class FlowKind(StrEnum):
    REFILL = "refill"  # 长处方续方
    DELIVERY = "delivery"  # 送药到家
    PICKUP = "pickup"  # 代配药

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS: Final = {
    FlowKind.REFILL: "长处方续方",
    FlowKind.DELIVERY: "送药到家",
    FlowKind.PICKUP: "代配药",
}


class FlowState(StrEnum):
    REQUESTED = "requested"
    AWAITING_SIGNATURE = "awaiting-signature"
    SIGNED = "signed"  # not yet with the hospital
    HANDED_OVER = "handed-over"
    ACCEPTED = "accepted"
    READY = "ready"  # to be fetched; of a delivery: on its way
    COMPLETED = "completed"  # fetched, delivered
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # nobody signed, it never arrived, no answer came, the code ran out


class FlowWord(StrEnum):
    """What is said of a flow, by whom: doctor, hospital, patient or clock."""

    DRAFTED = "drafted"
    SIGNED = "signed"
    DECLINED = "declined"  # the doctor does not sign
    SENT = "sent"
    ACCEPTED = "accepted"
    READY = "ready"
    COMPLETED = "completed"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    FAILED = "failed"  # it never reached the hospital
    LAPSED = "lapsed"  # too long in one state
    # These change no state: they say what became of the wish to cancel.
    CANCEL_ASKED = "cancel-asked"
    CANCEL_REFUSED = "cancel-refused"


_BEFORE_LEAVING: Final = frozenset(
    {FlowState.REQUESTED, FlowState.AWAITING_SIGNATURE, FlowState.SIGNED}
)
OPEN: Final = _BEFORE_LEAVING | {FlowState.HANDED_OVER, FlowState.ACCEPTED, FlowState.READY}
ENDED: Final = frozenset(FlowState) - OPEN

# Word → the states in which it counts, and the one it leads to. An answer that is late says
# something of the past: it finds the flow further on and leaves it there.
_AFTER: Final[Mapping[FlowWord, tuple[frozenset[FlowState], FlowState]]] = {
    FlowWord.DRAFTED: (frozenset({FlowState.REQUESTED}), FlowState.AWAITING_SIGNATURE),
    FlowWord.SIGNED: (frozenset({FlowState.AWAITING_SIGNATURE}), FlowState.SIGNED),
    FlowWord.DECLINED: (frozenset({FlowState.AWAITING_SIGNATURE}), FlowState.REFUSED),
    # After its time too: an operator may send again what never arrived.
    FlowWord.SENT: (_BEFORE_LEAVING | {FlowState.EXPIRED}, FlowState.HANDED_OVER),
    # A hospital may think better of a refusal.
    FlowWord.ACCEPTED: (
        _BEFORE_LEAVING | {FlowState.HANDED_OVER, FlowState.REFUSED}, FlowState.ACCEPTED,
    ),
    FlowWord.READY: (
        _BEFORE_LEAVING | {FlowState.HANDED_OVER, FlowState.ACCEPTED, FlowState.REFUSED},
        FlowState.READY,
    ),
    # Medicine that somebody holds in the hand is a fact, whatever was said before.
    FlowWord.COMPLETED: (frozenset(FlowState) - {FlowState.COMPLETED}, FlowState.COMPLETED),
    FlowWord.REFUSED: (OPEN, FlowState.REFUSED),
    FlowWord.CANCELLED: (OPEN, FlowState.CANCELLED),
    FlowWord.FAILED: (_BEFORE_LEAVING, FlowState.EXPIRED),
    FlowWord.LAPSED: (OPEN - _BEFORE_LEAVING, FlowState.EXPIRED),
}  # fmt: skip


def after(state: FlowState, word: FlowWord) -> FlowState | None:
    """Return the state that `word` leads to from `state`; None where it changes nothing."""
    counts_in, leads_to = _AFTER.get(word, (frozenset(), state))
    return leads_to if state in counts_in else None


def is_repeat(state: FlowState, word: FlowWord) -> bool:
    """Tell whether `word` says only what is known."""
    return word in _AFTER and _AFTER[word][1] is state


def may_cancel(kind: FlowKind, state: FlowState) -> bool:
    """Tell whether a patient may still call it off.

    What is dispensed or under way is not: what only waits at the counter for somebody is.
    """
    return state in OPEN and (state is not FlowState.READY or kind is FlowKind.PICKUP)


# Without any news (our choice): then somebody asks the hospital, and the patient is told.
SILENCE: Final = timedelta(days=7)


def lapses_at(
    state: FlowState, now: datetime, code_expires_at: datetime | None = None
) -> datetime | None:
    """Return when a flow that came to `state` now ends by itself; None: not by the clock.

    What has not left has an end of its own: its document's.
    """
    if state not in OPEN - _BEFORE_LEAVING:
        return None
    until = now + SILENCE
    return until if code_expires_at is None else min(until, code_expires_at)


# What became of a document of ours (`outbound.<deed>`), as a word on its flow.
OF_REQUEST: Final[Mapping[str, FlowWord]] = {
    "drafted": FlowWord.DRAFTED,
    "approved": FlowWord.SIGNED,
    "sent": FlowWord.SENT,
    "accepted": FlowWord.ACCEPTED,
    "ready": FlowWord.READY,
    "completed": FlowWord.COMPLETED,
    "refused": FlowWord.REFUSED,
    "cancelled": FlowWord.CANCELLED,
    "failed": FlowWord.FAILED,
}
# The same of the document that gives it back.
OF_CANCELLATION: Final[Mapping[str, FlowWord]] = {
    "accepted": FlowWord.CANCELLED,
    "completed": FlowWord.CANCELLED,
    "refused": FlowWord.CANCEL_REFUSED,
    "failed": FlowWord.CANCEL_REFUSED,
    "cancelled": FlowWord.CANCEL_REFUSED,
}


class RefusalReason(StrEnum):
    """Why a doctor does not sign; each is told to the patient in its own words."""

    NEEDS_VISIT = "needs-visit"
    NEEDS_TEST = "needs-test"
    CHANGED = "changed"
    NOT_LONG = "not-long"
    OTHER = "other"

    @property
    def label(self) -> str:
        """As a doctor chooses it."""
        return _REASONS[self][0]

    @property
    def advice(self) -> str:
        """As the patient reads it."""
        return _REASONS[self][1]


_REASONS: Final = {
    RefusalReason.NEEDS_VISIT: (
        "需要先来门诊复诊",
        "医生希望先当面看一看您的情况，请预约门诊复诊。",
    ),
    RefusalReason.NEEDS_TEST: ("需要先复查", "医生希望您先做一次复查，再决定怎样用药。"),
    RefusalReason.CHANGED: ("用药方案要调整", "医生准备调整用药，请先和医生联系或来门诊。"),
    RefusalReason.NOT_LONG: ("这种药不适合长处方", "这种药不适合一次配很久，请按原来的方式配药。"),
    RefusalReason.OTHER: ("其他原因", "护理团队会与您联系，说明原因。"),
}
