"""Alerts: one open episode per patient and kind of trouble, from the first hit to its outcome.

Everything here decides and nothing acts: services keep the row, send the card, write the event.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from app.domain.plans.rules import Grade


class AlertStatus(StrEnum):
    ACTIVE = "active"  # nobody has taken it
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"  # the value it stood on was corrected


class Outcome(StrEnum):
    """How an alert ended, or what the last attempt came to."""

    REACHED = "reached"
    NO_ANSWER = "no-answer"
    CALL_LATER = "call-later"
    WRONG_NUMBER = "wrong-number"
    REFUSED = "refused"
    MOVED = "moved"
    DIED = "died"
    REFERRED = "referred"
    FALSE_ALARM = "false-alarm"
    BACK_TO_NORMAL = "back-to-normal"  # closed by values, not by a person
    DATA_ARRIVED = "data-arrived"  # of an alert for readings that did not come
    MERGED = "merged"  # two records were one patient: the other's alert goes on

    @property
    def is_final(self) -> bool:
        """Whether it closes the alert; after the others somebody still has to act."""
        return self not in {Outcome.NO_ANSWER, Outcome.CALL_LATER, Outcome.WRONG_NUMBER}


TRANSITIONS: dict[AlertStatus, frozenset[AlertStatus]] = {
    AlertStatus.ACTIVE: frozenset(
        {AlertStatus.ACKNOWLEDGED, AlertStatus.RESOLVED, AlertStatus.WITHDRAWN}
    ),
    # Back to active: handed over, or the patient got worse.
    AlertStatus.ACKNOWLEDGED: frozenset(
        {AlertStatus.ACTIVE, AlertStatus.RESOLVED, AlertStatus.WITHDRAWN}
    ),
    # A correction that comes late still has to reach those who acted on the alert.
    AlertStatus.RESOLVED: frozenset({AlertStatus.WITHDRAWN}),
    AlertStatus.WITHDRAWN: frozenset(),
}


def may_become(current: AlertStatus, wanted: AlertStatus) -> bool:
    return wanted in TRANSITIONS[current]


class Step(StrEnum):
    """What becomes of an episode."""

    NOTHING = "nothing"
    OPEN = "open"
    APPEND = "append"
    ESCALATE = "escalate"
    COUNT_NORMAL = "count-normal"
    CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class Episode:
    """The open alert of one patient and episode key, as far as decisions need it."""

    grade: Grade
    status: AlertStatus
    normals: int = 0  # consecutive normal values since the last hit


@dataclass(frozen=True, slots=True)
class Decision:
    step: Step
    episode: Episode | None


def on_hit(episode: Episode | None, grade: Grade) -> Decision:
    """Decide on a rule that fired: open, append, or escalate when it is worse than before.

    An escalated alert is active again: whoever acknowledged it did so for something milder.
    """
    if episode is None:
        return Decision(Step.OPEN, Episode(grade, AlertStatus.ACTIVE))
    if grade.is_worse_than(episode.grade):
        return Decision(Step.ESCALATE, Episode(grade, AlertStatus.ACTIVE))
    return Decision(Step.APPEND, replace(episode, normals=0))


def on_normal(episode: Episode | None, clears_after: int) -> Decision:
    """Decide on a value inside its limits; so many in a row clear the episode.

    A `clears_after` of 0 leaves closing to staff.
    """
    if episode is None or clears_after == 0:
        return Decision(Step.NOTHING, episode)
    counted = replace(episode, normals=episode.normals + 1)
    if counted.normals < clears_after:
        return Decision(Step.COUNT_NORMAL, counted)
    return Decision(Step.CLEAR, replace(counted, status=AlertStatus.RESOLVED))


def on_abnormal(episode: Episode | None) -> Decision:
    """Decide on a value outside its limits that fired no rule: the row of normals is broken."""
    if episode is None or episode.normals == 0:
        return Decision(Step.NOTHING, episode)
    return Decision(Step.COUNT_NORMAL, replace(episode, normals=0))
