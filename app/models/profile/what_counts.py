"""Which rows criteria judge: said once, for the facts of one patient and for whole hospitals."""

from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement

from app.domain.criteria.population import PlanState
from app.domain.intake.clinical_records import FormStatus, RequestStatus
from app.domain.intake.hospital_records import EncounterStatus, ObservationStatus
from app.domain.plans.plan_schedule import TaskStatus
from app.models.plans.care_plan import CarePlanStatus, Task
from app.models.plans.questionnaire_response import QuestionnaireResponse
from app.models.profile.behaviour import Preference
from app.models.profile.clinical import MedicationRequest
from app.models.profile.encounter import Condition, Encounter
from app.models.profile.observation import Observation
from app.models.profile.risk import RiskAssessment

# The furthest back that any criterion looks; the domain bounds what rules may ask.
LOOK_BACK: Final = timedelta(days=366)
# Missed tasks and a plan's calendar are read over a quarter.
TASKS_BACK: Final = timedelta(days=92)

# Never judged: another version counts, or none yet does.
UNJUDGED: Final = (
    ObservationStatus.ENTERED_IN_ERROR,
    ObservationStatus.CANCELLED,
    ObservationStatus.REGISTERED,
)
_FILLED_IN: Final = (FormStatus.COMPLETED, FormStatus.AMENDED)
_BEGAN: Final = (EncounterStatus.IN_PROGRESS, EncounterStatus.FINISHED)
_SETTLED: Final = (TaskStatus.COMPLETED, TaskStatus.MISSED)

PLAN_STATES: Final = {
    CarePlanStatus.ACTIVE: PlanState.ACTIVE,
    CarePlanStatus.ON_HOLD: PlanState.ON_HOLD,
    CarePlanStatus.COMPLETED: PlanState.OVER,
    CarePlanStatus.REVOKED: PlanState.OVER,
}


def is_judged_version() -> ColumnElement[bool]:
    """Return that a result is the version that stands, and one that may be believed."""
    return (
        Observation.is_current.is_(True)
        & Observation.status.not_in(UNJUDGED)
        & Observation.doubt.is_(None)
    )


def is_diagnosed() -> ColumnElement[bool]:
    """Return that a condition is active; a provisional one is a suspicion and counts for none."""
    return Condition.is_active.is_(True) & Condition.is_provisional.is_(False)


def is_taken() -> ColumnElement[bool]:
    return MedicationRequest.status == RequestStatus.ACTIVE


def has_begun() -> ColumnElement[bool]:
    """Return that a visit took place: cancelled and merely planned ones did not."""
    return Encounter.status.in_(_BEGAN)


def is_filled_in() -> ColumnElement[bool]:
    """Return that a form says what it says: no draft, none entered in error."""
    return QuestionnaireResponse.status.in_(_FILLED_IN)


def is_settled() -> ColumnElement[bool]:
    return Task.status.in_(_SETTLED)


def is_assessed() -> ColumnElement[bool]:
    return RiskAssessment.is_current.is_(True) & RiskAssessment.band.is_not(None)


def is_preferred() -> ColumnElement[bool]:
    return Preference.is_denied.is_(False)
