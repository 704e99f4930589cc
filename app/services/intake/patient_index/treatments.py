"""Which rows belong to a person's head and move with a merge, and which stay where they are.

Every column that points to a patient is in one of the two tables below; a test holds that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Column, Table

from app.database import Base


@dataclass(frozen=True, slots=True)
class Treatment:
    """How the rows of one table move.

    `numbered` are the columns that, with the owner, name one thing: under two records of a person
    it is the same thing, and its greatest `version` stands.
    """

    owner: str = "patient_id"
    numbered: tuple[str, ...] = ()


# What the hospital says of a person and what we do for them: with the head of the cluster.
MOVES: Final[Mapping[str, Treatment]] = {
    "access_session": Treatment(owner="current_patient_id"),
    "action_change": Treatment(),
    "alert": Treatment(),
    "allergy_intolerance": Treatment(numbered=("identity",)),
    "appointment": Treatment(),
    "binding_attempt": Treatment(),
    "care_plan": Treatment(),
    "communication": Treatment(),
    "condition": Treatment(numbered=("encounter_key", "code_system", "code")),
    "consent": Treatment(),
    "device_holding": Treatment(),
    "diagnostic_report": Treatment(numbered=("identity",)),
    "encounter": Treatment(),
    "enrolment_proposal": Treatment(),
    "immunization": Treatment(numbered=("identity",)),
    "interaction": Treatment(),
    "medication_request": Treatment(numbered=("identity",)),
    "medicine_flow": Treatment(),
    "observation": Treatment(),
    "outbound_document": Treatment(),
    "patient_link": Treatment(),
    "photo": Treatment(),
    "preference": Treatment(),
    "questionnaire_response": Treatment(numbered=("reference",)),
    "related_person": Treatment(numbered=("identity",)),
    "rule_firing": Treatment(),
    "service_request": Treatment(numbered=("identity",)),
    "social_history": Treatment(),
    "tag_assignment": Treatment(),
    "tag_decision": Treatment(),
    "tag_proposal": Treatment(),
    "task": Treatment(),
}

# Column → why its rows stay with the record they were written for.
STAYS: Final[Mapping[str, str]] = {
    "event.patient_id": "what happened, happened to that record; reactions ask for the head",
    "inbound_message.patient_id": "whom the message named",
    "match_candidate.other_id": "a question about two records",
    "match_candidate.patient_id": "a question about two records",
    "patient.merged_into_id": "the merge itself",
    "patient_identifier.patient_id": "a number goes on naming the record it was given to",
    "record_link.other_id": "the merge itself",
    "record_link.patient_id": "the merge itself",
    "tag_wake.patient_id": "when its own rules are asked; the head's are asked anew after a merge",
    "risk_assessment.patient_id": "what the rows of that record said; each is assessed anew",
}

# A row that came after the merge goes back with the row it hangs on: table → (column, of table).
FOLLOWS: Final[tuple[tuple[str, str, str], ...]] = (
    ("condition", "encounter_id", "encounter"),
    ("diagnostic_report", "encounter_id", "encounter"),
    ("immunization", "encounter_id", "encounter"),
    ("medication_request", "encounter_id", "encounter"),
    ("service_request", "encounter_id", "encounter"),
    ("observation", "encounter_id", "encounter"),
    ("observation", "report_id", "diagnostic_report"),
    ("care_plan", "encounter_id", "encounter"),
    ("enrolment_proposal", "encounter_id", "encounter"),
    ("alert", "care_plan_id", "care_plan"),
    ("task", "care_plan_id", "care_plan"),
    ("task", "alert_id", "alert"),
    ("observation", "task_id", "task"),
    ("questionnaire_response", "task_id", "task"),
    ("photo", "task_id", "task"),
    ("communication", "task_id", "task"),
    ("communication", "alert_id", "alert"),
    ("rule_firing", "alert_id", "alert"),
    ("communication", "link_id", "patient_link"),
)


def table_of(name: str) -> Table:
    return Base.metadata.tables[name]


def owner_of(name: str) -> Column[int]:
    """Return the column that says whose a row is."""
    return table_of(name).c[MOVES[name].owner]
