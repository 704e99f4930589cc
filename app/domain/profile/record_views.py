"""Who sees what of a record: one table, for staff and for the patient."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class EntryKind(StrEnum):
    """What a timeline tells of, in the order in which entries of the same instant are shown."""

    ALERT_STEP = "alert-step"
    OBSERVATION = "observation"
    REPORT = "report"
    PRESCRIPTION = "prescription"
    ORDER = "order"
    VACCINATION = "vaccination"
    ALLERGY = "allergy"
    CONDITION = "condition"
    FORM = "form"
    TASK = "task"
    MESSAGE = "message"
    INTERACTION = "interaction"  # all of one day
    TAG = "tag"
    RISK = "risk"
    PLAN = "plan"
    SOCIAL_HISTORY = "social-history"
    CONSENT = "consent"
    APPOINTMENT = "appointment"
    ENCOUNTER = "encounter"


class View(StrEnum):
    STAFF = "staff"
    PATIENT = "patient"


@dataclass(frozen=True, slots=True)
class Rule:
    """Whether patients see a kind at all, and whether with the free text and the person in it."""

    for_patient: bool
    note: bool = False
    who: bool = False
    why: str = ""


# Staff who may open a record see all of it, save other teams' own tags. Patients see what was
# done with them and for them; what staff think of them, and notes written for colleagues, stay
# inside. A patient's legal right to a copy of the record goes through the hospital's own office.
RULES: Final[Mapping[EntryKind, Rule]] = {
    EntryKind.ALERT_STEP: Rule(False, why="how staff handle an alert; patients get messages"),
    EntryKind.OBSERVATION: Rule(True, why="but no result that waits for a clinician's word"),
    EntryKind.REPORT: Rule(True, why="that it is there; findings are for a clinician to explain"),
    EntryKind.PRESCRIPTION: Rule(True, note=True),
    EntryKind.ORDER: Rule(True),
    EntryKind.VACCINATION: Rule(True),
    EntryKind.ALLERGY: Rule(True),
    EntryKind.CONDITION: Rule(True, why="confirmed ones; a suspicion is for a talk"),
    EntryKind.FORM: Rule(True, why="that they answered; a band is for a clinician to explain"),
    EntryKind.TASK: Rule(True, why="their own; what staff noted on them stays"),
    EntryKind.MESSAGE: Rule(True, why="what lies in their inbox, not how it was tried to send"),
    EntryKind.INTERACTION: Rule(True, why="what we keep of their use, they may see"),
    EntryKind.TAG: Rule(False, why="words that staff use among themselves"),
    EntryKind.RISK: Rule(False, why="a number without a talk frightens or soothes wrongly"),
    EntryKind.PLAN: Rule(True),
    EntryKind.SOCIAL_HISTORY: Rule(True, why="what they or staff stated of their life"),
    EntryKind.CONSENT: Rule(True),
    EntryKind.APPOINTMENT: Rule(True, who=True),
    EntryKind.ENCOUNTER: Rule(True, who=True),
}


def kinds_of(view: View) -> tuple[EntryKind, ...]:
    """Return the kinds a view may show."""
    return tuple(kind for kind in EntryKind if view is View.STAFF or RULES[kind].for_patient)
