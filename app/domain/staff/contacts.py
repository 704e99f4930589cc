"""What a call came to, and what follows from it: decided here, done by services."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from app.domain.plans.enrolling import EndReason
from app.domain.staff.alerting import Outcome

# Nobody is telephoned before or after (house rule; the department may be stricter).
CALLS_FROM: Final = time(8, 30)
CALLS_UNTIL: Final = time(20, 0)
MOST_TRIES: Final = 3
RETRY_AFTER: Final = timedelta(hours=4)
CALL_BACK_AFTER: Final = timedelta(hours=2)


class StaffTaskKind(StrEnum):
    """What a task of the team is about, beside those that plans and rules make."""

    STAFF_TASK = "staff-task"
    CONTACT_CHECK = "contact-check"
    CONFIRM_DEATH = "confirm-death"
    CONFIRM_MOVE = "confirm-move"
    CONFIRM_REFUSAL = "confirm-refusal"
    COMPLAINT = "complaint"
    MEDICINE_SERVICE = "medicine-service"  # a refill, delivery or pick-up wants somebody


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A task that an outcome makes for the team, due after so much time."""

    kind: StaffTaskKind
    title: str
    within: timedelta


@dataclass(frozen=True, slots=True)
class Consequence:
    """Whether a task is over, when to call again if it is not, and what else is to do."""

    is_over: bool
    call_at: datetime | None = None
    follow_up: FollowUp | None = None


_DAY: Final = timedelta(days=1)
CHECK_CONTACT: Final = FollowUp(
    StaffTaskKind.CONTACT_CHECK, "核对联系方式：查病历首页、家属和就诊记录里的电话", 2 * _DAY
)
# A mistake here is hard to take back: somebody else looks before plans end.
_FOLLOW_UPS: Final[Mapping[Outcome, FollowUp]] = {
    Outcome.WRONG_NUMBER: CHECK_CONTACT,
    Outcome.DIED: FollowUp(
        StaffTaskKind.CONFIRM_DEATH, "核实患者去世的消息（由另一位同事核实）", _DAY
    ),
    Outcome.MOVED: FollowUp(
        StaffTaskKind.CONFIRM_MOVE, "核实患者已转到其他医院或地区（由另一位同事核实）", 3 * _DAY
    ),
    Outcome.REFUSED: FollowUp(
        StaffTaskKind.CONFIRM_REFUSAL, "核实患者不再接受随访（由另一位同事核实）", 3 * _DAY
    ),
}
# What ends the plans of a patient once a second person has confirmed it.
ENDS_PLANS: Final[Mapping[str, EndReason]] = {
    StaffTaskKind.CONFIRM_DEATH: EndReason.DECEASED,
    StaffTaskKind.CONFIRM_MOVE: EndReason.TRANSFERRED,
    StaffTaskKind.CONFIRM_REFUSAL: EndReason.OPTED_OUT,
}


def consequence(
    outcome: Outcome, tries: int, wanted_at: datetime | None, now: datetime, zone: ZoneInfo
) -> Consequence:
    """Return what follows from an outcome; `tries` counts this one.

    `wanted_at` is when the other side wants to be called.
    """
    if outcome is Outcome.CALL_LATER:
        return Consequence(False, wanted_at or calling_hour(now + CALL_BACK_AFTER, zone))
    if outcome is Outcome.NO_ANSWER:
        if tries < MOST_TRIES:
            return Consequence(False, wanted_at or calling_hour(now + RETRY_AFTER, zone))
        return Consequence(True, follow_up=CHECK_CONTACT)
    return Consequence(True, follow_up=follow_up_of(outcome))


def follow_up_of(outcome: Outcome | None) -> FollowUp | None:
    """Return what an outcome asks of the team, whether of a task or of an alert."""
    return _FOLLOW_UPS.get(outcome) if outcome is not None else None


def calling_hour(at: datetime, zone: ZoneInfo) -> datetime:
    """Return `at`, or the next moment after it at which people may be called."""
    local = at.astimezone(zone)
    if CALLS_FROM <= local.time() < CALLS_UNTIL:
        return at
    day: date = local.date() + (_DAY if local.time() >= CALLS_UNTIL else timedelta(0))
    return datetime.combine(day, CALLS_FROM, zone).astimezone(at.tzinfo)
