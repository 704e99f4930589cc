"""What an event may change in a patient's tags, in the words by which rules are woken."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.criteria.population import InteractionKind
from app.models import CarePlan, Event, Observation, Questionnaire, QuestionnaireResponse, Task
from app.models.profile.tag_library import library

# Kinds of events after which tags are asked anew; the timetable does the rest.
WAKING: Final = (
    "observation.recorded", "observation.corrected", "observation.moved",
    "condition.recorded", "condition.withdrawn", "response.recorded",
    "task.completed", "task.missed", "tag.assigned", "tag.removed", "tag.unlocked",
    "tag.weakened",
    "encounter.started", "encounter.finished", "encounter.cancelled", "encounter.reopened",
    "encounter.moved", "patient.registered", "patient.updated", "patient.merged",
    "patient.unmerged", "care-plan.started", "care-plan.held", "care-plan.ended",
    "medication-request.recorded", "person.linked", "person.unlinked", "interaction.recorded",
    "risk.assessed", "preference.changed",
)  # fmt: skip
_PLAIN: Final = {
    "condition.recorded": ("condition",),
    "condition.withdrawn": ("condition",),
    "encounter.started": ("encounter",),
    "encounter.finished": ("encounter",),
    "encounter.cancelled": ("encounter", "condition"),
    "encounter.reopened": ("encounter",),
    "patient.updated": ("patient", "reach"),
    "medication-request.recorded": ("medication",),
    "person.linked": ("reach",),
    "person.unlinked": ("reach",),
}


def triggers_of(session: Session, event: Event) -> frozenset[str] | None:
    """Return what the event may have changed; None where it may be anything."""
    if event.kind in _PLAIN:
        return frozenset(_PLAIN[event.kind])
    family = event.kind.partition(".")[0]
    told = event.payload
    match family:
        case "observation":
            code = session.scalar(
                select(Observation.code).where(Observation.id == told["observation_id"])
            )
            return frozenset({f"observation:{code}"})
        case "response":
            key = session.scalar(
                select(Questionnaire.key)
                .join(QuestionnaireResponse)
                .where(QuestionnaireResponse.id == told["response_id"])
            )
            return frozenset({f"response:{key}", f"interaction:{InteractionKind.REPLIED}"})
        case "task":
            kind = session.scalar(select(Task.kind).where(Task.id == told["task_id"]))
            return frozenset({f"task:{kind}"})
        case "care-plan":
            plan = session.get_one(CarePlan, told["care_plan_id"])
            # A plan that begins or ends changes what is asked for.
            return frozenset({f"plan:{plan.plan_key}", "clock"})
        case "tag":
            above = library(session).tree.with_above([str(told["tag"])])
            read = frozenset(f"tag:{key}" for key in above)
            # One that is borne now needs no other grounds.
            return read if event.kind == "tag.assigned" else read | {f"gives:{told['tag']}"}
        case "interaction" if "kind" in told:
            return frozenset({f"interaction:{told['kind']}"})
        case "risk" if "score" in told:
            return frozenset({f"risk:{told['score']}"})
        case "preference" if "kind" in told:
            return frozenset({f"preference:{told['kind']}"})
    return None
