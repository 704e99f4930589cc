"""What one patient does: answers, tasks, what they opened and read, and what they prefer."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import func, null, select

from app.domain.criteria.population import InteractionKind, PreferenceKind
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.plans.questionnaires import read_written
from app.domain.profile import patient_facts as domain
from app.domain.profile.patient_facts import Answers, ScheduledReading, SettledTask
from app.models.plans.care_plan import CarePlan, CarePlanStatus, Task
from app.models.plans.plan_definition import Questionnaire
from app.models.plans.questionnaire_response import QuestionnaireResponse
from app.models.profile.behaviour import Interaction, Preference
from app.models.profile.patient_facts.asked import Asked
from app.models.profile.what_counts import (
    LOOK_BACK,
    TASKS_BACK,
    is_filled_in,
    is_preferred,
    is_settled,
)


def answers(asked: Asked) -> dict[str, Answers]:
    """Return the newest response to each questionnaire."""
    return _newest_answers(asked, are_opened=True)


def scores(asked: Asked) -> dict[str, Answers]:
    """Return the newest responses with their scores alone: nothing need be unsealed."""
    return _newest_answers(asked, are_opened=False)


def _newest_answers(asked: Asked, *, are_opened: bool) -> dict[str, Answers]:
    response = QuestionnaireResponse
    newest = (response.authored_at.desc(), response.id.desc())
    place = func.row_number().over(partition_by=Questionnaire.key, order_by=newest)
    ranked = (
        select(response.id, Questionnaire.key, place.label("place"))
        .join(Questionnaire, Questionnaire.id == response.questionnaire_id)
        .where(
            response.patient_id == asked.patient_id,
            response.authored_at.between(asked.now - LOOK_BACK, asked.now),
            is_filled_in(),
        )
        .subquery()
    )
    rows = asked.session.execute(
        select(
            ranked.c.key,
            response.authored_at,
            response.score,
            response.public_id,
            response.answers_sealed if are_opened else null(),
        )
        .join(ranked, ranked.c.id == response.id)
        .where(ranked.c.place == 1)
    )
    table = response.__tablename__
    return {
        key: Answers(at, read_written(response.answers.open(table, name, sealed)), score)
        for key, at, score, name, sealed in rows
    }


def settled_tasks(asked: Asked) -> dict[str, list[SettledTask]]:
    rows = asked.session.execute(
        select(Task.kind, Task.due_at, Task.status)
        .where(
            Task.patient_id == asked.patient_id,
            Task.starts_at > asked.now - TASKS_BACK,
            is_settled(),
        )
        .order_by(Task.due_at.desc(), Task.id.desc())
    )
    found: dict[str, list[SettledTask]] = defaultdict(list)
    for kind, due_at, status in rows:
        found[kind].append(SettledTask(due_at, is_missed=status is TaskStatus.MISSED))
    return found


def calendar(asked: Asked) -> dict[str, list[ScheduledReading]]:
    """Return when the plan asks for which measurement; cancelled slots, resting plans are out."""
    rows = asked.session.execute(
        select(Task.code, Task.starts_at, Task.ends_at)
        .join(CarePlan, CarePlan.id == Task.care_plan_id)
        .where(
            Task.patient_id == asked.patient_id,
            Task.code.is_not(None),
            Task.starts_at > asked.now - TASKS_BACK,
            Task.starts_at <= asked.now,
            Task.status != TaskStatus.CANCELLED,
            CarePlan.status == CarePlanStatus.ACTIVE,
        )
        .order_by(Task.starts_at.desc())
    )
    found: dict[str, list[ScheduledReading]] = defaultdict(list)
    for code, starts_at, ends_at in rows:
        found[str(code)].append(ScheduledReading(starts_at, ends_at))
    return found


def interactions(
    asked: Asked, look_back: Mapping[InteractionKind, timedelta]
) -> list[domain.Interaction]:
    """Return what was done of the kinds asked for, the newest first."""
    if not look_back:
        return []
    rows = asked.session.execute(
        select(Interaction.kind, Interaction.subject, Interaction.at)
        .where(
            Interaction.patient_id == asked.patient_id,
            Interaction.kind.in_(list(look_back)),
            Interaction.at.between(asked.since - max(look_back.values()), asked.now),
        )
        .order_by(Interaction.at.desc(), Interaction.id.desc())
    )
    return [domain.Interaction(kind, subject, at) for kind, subject, at in rows]


def preferences(asked: Asked) -> frozenset[tuple[PreferenceKind, str]]:
    rows = asked.session.execute(
        select(Preference.kind, Preference.value).where(
            Preference.patient_id == asked.patient_id, is_preferred()
        )
    )
    return frozenset((kind, value) for kind, value in rows)
