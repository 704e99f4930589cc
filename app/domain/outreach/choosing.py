"""By which channel a message goes: a ladder of those that lead to its recipient, best first.

The list inside the mini-program is no rung: every message is there, whatever else happens.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from app.domain.outreach.messaging import Channel, CommunicationState, Lane

# How long a channel has to deliver before the next is tried (ours; wide enough for a receipt).
LIMITS: Final[Mapping[Lane, timedelta]] = MappingProxyType(
    {
        Lane.CLINICAL: timedelta(minutes=5),
        Lane.TRANSACTIONAL: timedelta(hours=2),
        Lane.BULK: timedelta(hours=24),
    }
)


class Grounds(StrEnum):
    """Why a channel leads to somebody."""

    LONG_TERM = "long-term"
    RIGHT_LEFT = "right-left"
    ASSISTANT = "assistant"
    FOLLOWS = "follows"
    WINDOW_OPEN = "window-open"
    CONTACT = "contact"
    PHONE = "phone"


class Hindrance(StrEnum):
    """Why a channel that the hospital has is not used for somebody."""

    NO_RIGHT = "no-right"
    NOT_FOLLOWING = "not-following"
    WINDOW_CLOSED = "window-closed"
    NO_CONTACT = "no-contact"
    NO_PHONE = "no-phone"
    SMS_NOT_AGREED = "sms-not-agreed"
    NOT_FOR_THIS = "not-for-this"  # too slow, or too dear, for this lane
    TRIED = "tried"


class Place(StrEnum):
    """Why a rung stands where it does."""

    ASKED_FOR = "asked-for"  # the person named this way
    OPENED = "opened"  # of the free ones they open these most
    USUAL = "usual"
    LAST_RESORT = "last-resort"  # it costs money


class After(StrEnum):
    """What became of the channel before."""

    FAILED = "failed"
    LATE = "late"
    IN_DOUBT = "in-doubt"  # it may have arrived; what is urgent does not wait to find out


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the ways to one recipient, for one kind of message.

    `rights` are one-time grants left for its template; `opened` counts what they opened lately.
    """

    rights: int = 0
    is_long_term: bool = False
    follows: bool = False
    window_until: datetime | None = None
    is_contact: bool = False
    has_phone: bool = False
    agreed_to_sms: bool = False
    asked_for: frozenset[Channel] = frozenset()
    opened: Mapping[Channel, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rung:
    """One channel, why, and after how long without delivery the next one follows, if any does."""

    channel: Channel
    grounds: Grounds
    place: Place
    limit: timedelta | None


@dataclass(frozen=True, slots=True)
class Ladder:
    """The rungs in order, and why the hospital's other channels are none."""

    rungs: tuple[Rung, ...]
    left_out: Mapping[Channel, Hindrance]


# Free ones in the order in which people notice them; a right spent is gone, so where time allows
# it goes after what costs nothing.
_NOTICED: Final = (
    Channel.SUBSCRIPTION,
    Channel.MEDICAL_ASSISTANT,
    Channel.TEMPLATE,
    Channel.CUSTOMER_SERVICE,
    Channel.WECOM_GROUP_TASK,
    Channel.SMS,
)
# A member of staff presses send when they come to it.
_SLOW: Final = frozenset({Channel.WECOM_GROUP_TASK})
# Way that a person may name → the channels that come by it.
NAMED_WAYS: Final[Mapping[str, frozenset[Channel]]] = MappingProxyType(
    {
        "mini-program": frozenset({Channel.SUBSCRIPTION, Channel.MEDICAL_ASSISTANT}),
        "official-account": frozenset({Channel.TEMPLATE, Channel.CUSTOMER_SERVICE}),
        "wecom": frozenset({Channel.WECOM_GROUP_TASK}),
        "sms": frozenset({Channel.SMS}),
    }
)


def ladder(
    facts: Facts,
    lane: Lane,
    served: Collection[Channel],
    costs: Mapping[Channel, int],
    at: datetime,
    tried: Collection[Channel] = (),
) -> Ladder:
    """Return the channels for a message that leaves at `at`, best first.

    `served` are those that the hospital has for this kind of message, `costs` what one message
    costs by them, in fen. What costs money comes last unless the person asked for it, and never
    for bulk.
    """
    found: dict[Channel, Grounds] = {}
    left_out: dict[Channel, Hindrance] = {}
    for channel in _NOTICED:
        if channel not in served:
            continue
        verdict = _judge(channel, facts, lane, costs, at, tried)
        if isinstance(verdict, Grounds):
            found[channel] = verdict
        else:
            left_out[channel] = verdict
    most = max((facts.opened.get(one, 0) for one in found if not costs.get(one)), default=0)

    def place(channel: Channel) -> Place:
        if channel in facts.asked_for:
            return Place.ASKED_FOR
        if costs.get(channel):
            return Place.LAST_RESORT
        return Place.OPENED if most and facts.opened.get(channel, 0) == most else Place.USUAL

    def order(channel: Channel) -> tuple[int, ...]:
        spares = lane is Lane.BULK and found[channel] is Grounds.RIGHT_LEFT
        return (
            channel not in facts.asked_for, costs.get(channel, 0), spares,
            -facts.opened.get(channel, 0), _NOTICED.index(channel),
        )  # fmt: skip

    ordered = sorted(found, key=order)
    rungs = tuple(
        Rung(one, found[one], place(one), LIMITS[lane] if one is not ordered[-1] else None)
        for one in ordered
    )
    return Ladder(rungs, left_out)


class Fall(StrEnum):
    """What to do with a message that has not arrived within its channel's limit."""

    INSTEAD = "instead"  # it never left: take it back for the next channel
    ON_LATE = "on-late"  # the next channel too: it is known by now that this one did not deliver
    ON_IN_DOUBT = "on-in-doubt"  # the next channel too, though this one may have delivered
    LATER = "later"  # look again: what has become of it may be known then
    STAY = "stay"  # nothing more will be known, or its failure will tell


def fall(
    state: CommunicationState,
    lane: Lane,
    *,
    is_broken_off: bool,
    has_receipts: bool,
    is_settled: bool,
) -> Fall:
    """Return what to do with a late message, so that nobody is told twice while it is in doubt.

    `is_broken_off`: a call of it broke off after its first byte. `has_receipts`: its platform
    tells what arrived. `is_settled`: so long after it was taken, a receipt would have come.
    What is clinical does not wait to find out.
    """
    is_waiting = state in (CommunicationState.QUEUED, CommunicationState.HELD)
    if is_waiting and not is_broken_off:
        return Fall.INSTEAD
    is_taken = state is CommunicationState.SENT
    if is_taken and not has_receipts:
        return Fall.STAY
    if not (is_waiting or is_taken or state is CommunicationState.UNKNOWN):
        return Fall.STAY
    if lane is Lane.CLINICAL:
        return Fall.ON_IN_DOUBT
    if is_taken:
        return Fall.ON_LATE if is_settled else Fall.LATER
    # An unknown one fails when its doubt is over, and that takes it up.
    return Fall.LATER if is_waiting else Fall.STAY


def _judge(
    channel: Channel,
    facts: Facts,
    lane: Lane,
    costs: Mapping[Channel, int],
    at: datetime,
    tried: Collection[Channel],
) -> Grounds | Hindrance:
    if channel in tried:
        return Hindrance.TRIED
    if (lane is not Lane.BULK and channel in _SLOW) or (lane is Lane.BULK and costs.get(channel)):
        return Hindrance.NOT_FOR_THIS
    match channel:
        case Channel.SUBSCRIPTION:
            if facts.is_long_term:
                return Grounds.LONG_TERM
            return Grounds.RIGHT_LEFT if facts.rights > 0 else Hindrance.NO_RIGHT
        case Channel.MEDICAL_ASSISTANT:
            return Grounds.ASSISTANT
        case Channel.TEMPLATE:
            return Grounds.FOLLOWS if facts.follows else Hindrance.NOT_FOLLOWING
        case Channel.CUSTOMER_SERVICE:
            is_open = facts.window_until is not None and at < facts.window_until
            return Grounds.WINDOW_OPEN if is_open else Hindrance.WINDOW_CLOSED
        case Channel.WECOM_GROUP_TASK:
            return Grounds.CONTACT if facts.is_contact else Hindrance.NO_CONTACT
        case _:
            if not facts.has_phone:
                return Hindrance.NO_PHONE
            return Grounds.PHONE if facts.agreed_to_sms else Hindrance.SMS_NOT_AGREED
