"""Coming into a plan, and leaving it: by which way, whether again, for which reasons."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from app.domain.plans.plan import Anchor
from app.domain.plans.plan_schedule import TaskReason

# A declined proposal is not made again within this time, unless the anchor is a new one.
NOT_AGAIN_FOR: Final = timedelta(days=90)


class Way(StrEnum):
    """How somebody comes into a plan."""

    CRITERIA = "criteria"  # those of the plan itself
    SEGMENT = "segment"
    HAND = "hand"
    CODE = "code"  # a QR code of the mini-program
    CONTACT = "contact"  # a WeCom contact way
    REQUEST = "request"  # the patient asked


class Entry(StrEnum):
    """What a machine may do with whom the criteria of a plan mean."""

    AUTOMATIC = "automatic"
    PROPOSED = "proposed"
    CLOSED = "closed"


class ReEntry(StrEnum):
    """Whether somebody who was on a plan may come again."""

    NEW_ANCHOR = "new-anchor"
    AFTER_DAYS = "after-days"
    NEVER = "never"


class Verdict(StrEnum):
    BEGIN = "begin"
    PROPOSE = "propose"
    NO = "no"


class HoldReason(StrEnum):
    ADMISSION = "admission"
    TRAVEL = "travel"
    CLINICAL = "clinical"
    PATIENT_WISH = "patient-wish"


class EndReason(StrEnum):
    COMPLETED = "completed"
    DECEASED = "deceased"
    TRANSFERRED = "transferred"  # cared for elsewhere from now on
    OPTED_OUT = "opted-out"
    NOT_SUITABLE = "not-suitable"
    NEW_ANCHOR = "new-anchor"  # the same plan began anew
    MERGED = "merged"  # two records were one person's: the other run goes on


class DeclineReason(StrEnum):
    """Why a proposal was not followed."""

    NOT_SUITABLE = "not-suitable"
    PATIENT_REFUSES = "patient-refuses"
    CARED_FOR_ELSEWHERE = "cared-for-elsewhere"
    WRONGLY_FOUND = "wrongly-found"
    OTHER = "other"


# As the tasks say why they were cancelled.
TASKS_HELD: Final = {
    HoldReason.ADMISSION: TaskReason.READMITTED,
    HoldReason.TRAVEL: TaskReason.TRAVEL,
    HoldReason.CLINICAL: TaskReason.HELD,
    HoldReason.PATIENT_WISH: TaskReason.HELD,
}
TASKS_ENDED: Final = {
    EndReason.DECEASED: TaskReason.DECEASED,
    EndReason.OPTED_OUT: TaskReason.OPTED_OUT,
}
# After these only a person brings somebody back.
_A_PERSON_SAID_NO: Final = frozenset(
    {EndReason.OPTED_OUT, EndReason.NOT_SUITABLE, EndReason.TRANSFERRED}
)
# Days that something happened on: a later one is a new reason to begin.
_HAPPENS: Final = frozenset({Anchor.DISCHARGE, Anchor.SURGERY})


@dataclass(frozen=True, slots=True)
class Rule:
    """A plan's rule on coming again; `days` after the end, for `AFTER_DAYS`."""

    re_entry: ReEntry = ReEntry.NEW_ANCHOR
    days: int = 0


@dataclass(frozen=True, slots=True)
class Earlier:
    """The last time somebody was, or is, on the plan; `ended_on` is None while it is open."""

    anchor_on: date
    ended_on: date | None
    reason: EndReason | None = None


def judge_entry(
    rule: Rule, anchor: Anchor, earlier: Earlier | None, anchor_on: date | None, today: date
) -> Verdict:
    """Tell what a machine may do with somebody who fits; a person may always propose to begin.

    `anchor_on` is None where nobody knows the day: a person has to give it.
    """
    allowed = Verdict.BEGIN if anchor_on is not None else Verdict.PROPOSE
    if earlier is None:
        return allowed
    is_new = anchor in _HAPPENS and anchor_on is not None and anchor_on > earlier.anchor_on
    if rule.re_entry is ReEntry.NEVER:
        return Verdict.NO
    if rule.re_entry is ReEntry.AFTER_DAYS:
        ended = earlier.ended_on
        may = ended is not None and today >= ended + timedelta(days=rule.days)
    else:
        may = is_new
    if not may:
        return Verdict.NO
    return Verdict.PROPOSE if earlier.reason in _A_PERSON_SAID_NO else allowed


def is_declined(
    declined_on: date, its_anchor: date | None, anchor_on: date | None, today: date
) -> bool:
    """Tell whether an earlier no to a proposal still holds."""
    if its_anchor is not None and anchor_on is not None and anchor_on > its_anchor:
        return False
    return today < declined_on + NOT_AGAIN_FOR
