"""Leaves about what a patient does, answers and prefers, as sets of patients."""

from datetime import datetime

from sqlalchemy import Select, func, select

from app.domain.criteria.population import Interacted, Prefers, Scored
from app.domain.criteria.tree import Missed
from app.domain.plans.plan_schedule import TaskStatus
from app.models.plans.care_plan import Task
from app.models.plans.plan_definition import Questionnaire
from app.models.plans.questionnaire_response import QuestionnaireResponse
from app.models.profile.behaviour import Interaction, Preference
from app.models.profile.what_counts import TASKS_BACK, is_filled_in, is_preferred, is_settled
from app.models.segments.criteria_sql.comparing import compares, is_exactly


def missed(leaf: Missed, now: datetime) -> Select[int]:
    newest = (Task.due_at.desc(), Task.id.desc())
    last = (
        select(
            Task.patient_id,
            Task.status,
            func.row_number().over(partition_by=Task.patient_id, order_by=newest).label("place"),
        )
        .where(is_exactly(Task.kind, leaf.kind), Task.starts_at > now - TASKS_BACK, is_settled())
        .subquery()
    )
    return (
        select(last.c.patient_id)
        .where(last.c.place <= leaf.of, last.c.status == TaskStatus.MISSED)
        .group_by(last.c.patient_id)
        .having(func.count() >= leaf.at_least)
    )


def scored(leaf: Scored, now: datetime) -> Select[int]:
    """Select by the newest response; one that has no score hides those before it."""
    response = QuestionnaireResponse
    newest = (response.authored_at.desc(), response.id.desc())
    place = func.row_number().over(partition_by=response.patient_id, order_by=newest)
    versions = select(Questionnaire.id).where(Questionnaire.key == leaf.questionnaire)
    answered = (
        select(
            response.patient_id,
            response.score,
            place.label("place"),
        )
        .where(
            response.questionnaire_id.in_(versions),
            response.authored_at.between(now - leaf.within, now),
            is_filled_in(),
        )
        .subquery()
    )
    return select(answered.c.patient_id).where(
        answered.c.place == 1, compares(answered.c.score, leaf.op, leaf.value)
    )


def interacted(leaf: Interacted, now: datetime) -> Select[int]:
    done = select(Interaction.patient_id).where(
        Interaction.kind == leaf.kind, Interaction.at.between(now - leaf.within, now)
    )
    if leaf.subject is not None:
        done = done.where(Interaction.subject == leaf.subject)
    if leaf.at_least > 1:
        done = done.group_by(Interaction.patient_id).having(func.count() >= leaf.at_least)
    return done


def prefers(leaf: Prefers, _: datetime) -> Select[int]:
    return select(Preference.patient_id).where(
        Preference.kind == leaf.kind, is_exactly(Preference.value, leaf.value), is_preferred()
    )
