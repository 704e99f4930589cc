"""What rules, tags and plans may know of one patient, fetched once."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.intake.hospital_records import ObservationStatus
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.profile.patient_facts import (
    Answers,
    Facts,
    ObservedValue,
    ScheduledReading,
    SettledTask,
)
from app.domain.profile.vital_signs import CLOCK_SKEW, MeasurementContext, OffScale
from app.models.plans.care_plan import CarePlan, CarePlanStatus, QuestionnaireResponse, Task
from app.models.plans.plan_definition import Questionnaire
from app.models.profile.encounter import Condition
from app.models.profile.observation import Observation
from app.models.profile.patient import Patient
from app.models.profile.tag import Tag, TagAssignment

# Never judged: another version counts, or none yet does.
_UNJUDGED: Final = (
    ObservationStatus.ENTERED_IN_ERROR,
    ObservationStatus.CANCELLED,
    ObservationStatus.REGISTERED,
)
# The furthest back that any criterion looks; the domain bounds what rules may ask.
LOOK_BACK: Final = timedelta(days=366)
_MOST_VALUES: Final = 2_000


def load_facts(
    session: Session,
    patient_id: int,
    now: datetime,
    zone: ZoneInfo,
    codes: Iterable[str] | None = None,
) -> Facts:
    """Return the facts of one patient; `codes` narrows the observations fetched."""
    return Facts(
        now=now,
        zone=zone,
        observations=_observations(session, patient_id, now, codes),
        conditions=frozenset(
            session.scalars(
                # A provisional diagnosis is a suspicion: it puts nobody on a plan.
                select(Condition.code).filter_by(
                    patient_id=patient_id, is_active=True, is_provisional=False
                )
            )
        ),
        tags=frozenset(
            session.scalars(
                select(Tag.key)
                .join(TagAssignment, TagAssignment.tag_id == Tag.id)
                .where(TagAssignment.patient_id == patient_id, TagAssignment.is_live.is_(True))
            )
        ),
        answers=_answers(session, patient_id, now),
        settled_tasks=_settled(session, patient_id, now),
        scheduled=_scheduled(session, patient_id, now),
        birth_on=session.scalar(select(Patient.birth_date).where(Patient.id == patient_id)),
    )


def _observations(
    session: Session, patient_id: int, now: datetime, codes: Iterable[str] | None
) -> Mapping[str, list[ObservedValue]]:
    wanted = set(OBSERVATION_KINDS if codes is None else codes)
    rows = session.execute(
        select(
            Observation.code,
            Observation.value,
            Observation.comparator,
            Observation.unit,
            Observation.standard_value,
            Observation.standard_unit,
            Observation.effective_at,
            Observation.context,
            Observation.off_scale,
        )
        .where(
            Observation.patient_id == patient_id,
            Observation.code.in_(wanted),
            Observation.effective_at > now - LOOK_BACK,
            Observation.effective_at <= now + CLOCK_SKEW,
            Observation.is_current.is_(True),
            Observation.status.not_in(_UNJUDGED),
        )
        .order_by(Observation.effective_at.desc(), Observation.id.desc())
        .limit(_MOST_VALUES)
    )
    found: dict[str, list[ObservedValue]] = defaultdict(list)
    for row in rows:
        value = _observed(row)
        if value is not None:
            found[row.code].append(value)
    return found


def _observed(row: Any) -> ObservedValue | None:
    """Return a value that may be judged; another unit or an implausible number may not."""
    kind = OBSERVATION_KINDS[row.code]
    context = MeasurementContext(row.context) if row.context else None
    if row.off_scale is not None:
        return ObservedValue(None, row.effective_at, context, OffScale(row.off_scale))
    # A laboratory's number counts in the unit it was converted to on arrival, where it was.
    value, unit = row.standard_value, row.standard_unit
    if value is None:
        value, unit = row.value, row.unit
    # "<4" is no number; a number in another unit, or an impossible one, proves nothing.
    if value is None or row.comparator is not None or unit != kind.unit:
        return None
    if not kind.is_plausible(value):
        return None
    return ObservedValue(_as_measured(value), row.effective_at, context)


def _as_measured(value: Decimal) -> Decimal:
    """Return 2.6 for the column's 2.600000: people read these numbers in explanations."""
    whole = value.to_integral_value()
    return whole if value == whole else value.normalize()


def _answers(session: Session, patient_id: int, now: datetime) -> dict[str, Answers]:
    rows = session.execute(
        select(QuestionnaireResponse, Questionnaire.key)
        .join(Questionnaire)
        .where(
            QuestionnaireResponse.patient_id == patient_id,
            QuestionnaireResponse.authored_at.between(now - LOOK_BACK, now),
        )
        .order_by(QuestionnaireResponse.authored_at.desc())
        .limit(50)
    )
    newest: dict[str, Answers] = {}
    for response, key in rows:
        if key not in newest:
            newest[key] = Answers(response.authored_at, json.loads(response.answers or "{}"))
    return newest


def _settled(session: Session, patient_id: int, now: datetime) -> dict[str, list[SettledTask]]:
    rows = session.execute(
        select(Task.kind, Task.due_at, Task.status)
        .where(
            Task.patient_id == patient_id,
            Task.starts_at > now - timedelta(days=92),
            Task.status.in_((TaskStatus.COMPLETED, TaskStatus.MISSED)),
        )
        .order_by(Task.due_at.desc())
    )
    found: dict[str, list[SettledTask]] = defaultdict(list)
    for kind, due_at, status in rows:
        found[kind].append(SettledTask(due_at, is_missed=status is TaskStatus.MISSED))
    return found


def _scheduled(
    session: Session, patient_id: int, now: datetime
) -> dict[str, list[ScheduledReading]]:
    """Return the plan's calendar of measurements; cancelled slots and resting plans are out."""
    rows = session.execute(
        select(Task.code, Task.starts_at, Task.ends_at)
        .join(CarePlan, CarePlan.id == Task.care_plan_id)
        .where(
            Task.patient_id == patient_id,
            Task.code.is_not(None),
            Task.starts_at > now - timedelta(days=92),
            Task.starts_at <= now,
            Task.status != TaskStatus.CANCELLED,
            CarePlan.status == CarePlanStatus.ACTIVE,
        )
        .order_by(Task.starts_at.desc())
    )
    found: dict[str, list[ScheduledReading]] = defaultdict(list)
    for code, starts_at, ends_at in rows:
        found[str(code)].append(ScheduledReading(starts_at, ends_at))
    return found
