"""Weeks at home: tasks done and missed, glucose that rises and falls, forms answered."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

from sqlalchemy import and_, insert, select, update
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.database import new_public_id
from app.demo.people import Person
from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.domain.profile.home_readings import DEFAULT_LIMITS
from app.domain.profile.vital_signs import VitalSign
from app.models import (
    CareTeam,
    Observation,
    ObservationStatus,
    Origin,
    Questionnaire,
    QuestionnaireResponse,
    Reporter,
    Task,
)
from app.models.plans.knowledge import knowledge
from app.services.plans.enrolment import begin_plan
from app.services.plans.plan_expansion import expand_plans, open_due_tasks

PLAN: Final = "t2dm-after-discharge"
LIMITS: Final = DEFAULT_LIMITS[VitalSign.GLUCOSE]
# What a meal or a night adds to a person's fasting value, and how much that varies (mmol/L).
_OF_DAY: Final = {"fasting": (0.0, 0.7), "after-meal": (3.1, 1.4), "bedtime": (1.2, 1.1)}


@dataclass(frozen=True, slots=True)
class Habits:
    """How somebody measures: `fasting` in mmol/L at first, `zeal` how often they do."""

    fasting: float
    falls: float  # mmol/L a week
    zeal: float
    silent_since: datetime | None = None


def begin_plans(
    session: Session, people: Iterable[Person], teams: dict[str, CareTeam], now: datetime
) -> None:
    """Enrol at each discharge and let the calendar run on day by day, as the clock would have."""
    plan = knowledge(session).plans[PLAN]
    waiting = defaultdict(list)
    for one in people:
        waiting[one.facts["went_home_at"].astimezone(HOSPITAL).date()].append(one)
    if not waiting:
        return
    day, today = min(waiting), now.astimezone(HOSPITAL).date()
    while day <= today:
        for one in waiting[day]:
            at = one.facts["went_home_at"]
            begin_plan(
                session, one.id, plan, day, teams[one.ward].id, at,
                encounter_id=one.facts["encounter_id"],
            )  # fmt: skip
        session.flush()
        # Plans are filled for a fortnight: between enrolments a look a week is enough.
        if waiting[day] or (today - day).days % 7 == 0:
            expand_plans(session, now - (today - day), HOSPITAL)
        day += timedelta(days=1)


def habits_of(
    people: Iterable[Person], quiet: Container[int], random: Random, now: datetime
) -> dict[int, Habits]:
    """Return how each patient measures; some are careful, some fall silent.

    Those of `quiet` measured nothing since yesterday but what their story says.
    """
    found = {}
    for one in people:
        zeal = random.choice((0.55, 0.75, 0.85, 0.92, 0.97))
        silent = now - timedelta(days=random.choice((4, 6))) if random.random() < 0.08 else None
        if one.subject is not None:
            zeal, silent = 0.95, None
        elif one.id in quiet:
            silent = now - timedelta(hours=30)
        found[one.id] = Habits(random.gauss(7.4, 1.1), random.uniform(0, 0.15), zeal, silent)
    return found


def live_through(
    session: Session, people: Sequence[Person], habits: dict[int, Habits], random: Random,
    now: datetime,
) -> None:  # fmt: skip
    """Settle every task whose time has come, with the value or the form that answers it."""
    tasks = session.execute(
        select(
            Task.id, Task.patient_id, Task.kind, Task.subject, Task.slot, Task.starts_at,
            Task.due_at, Task.ends_at, Task.owner,
        )
        .where(Task.patient_id.in_([one.id for one in people]), Task.starts_at <= now)
        .order_by(Task.starts_at, Task.id)
    ).all()  # fmt: skip
    home = {one.id: one.facts["went_home_at"] for one in people}
    form_id = session.scalars(select(Questionnaire.id).filter_by(key="weekly-check")).one()
    settled: list[dict[str, Any]] = []
    values: list[dict[str, Any]] = []
    forms: list[dict[str, Any]] = []
    for task in tasks:
        habit = habits[task.patient_id]
        done_at = _done_at(task, habit, random, now)
        if done_at is None:
            if task.ends_at <= now:
                settled.append(
                    _settled(task.id, TaskStatus.MISSED, TaskReason.EXPIRED, task.ends_at)
                )
            continue
        settled.append(_settled(task.id, TaskStatus.COMPLETED, TaskReason.DONE, done_at))
        if task.kind == "measurement":
            weeks = (done_at - home[task.patient_id]).days / 7
            values.append(_reading(task, habit, weeks, random, done_at))
        elif task.kind == "questionnaire":
            forms.append(_response(task, form_id, random, done_at))
    session.execute(update(Task), settled)
    session.execute(insert(Observation), values)
    if forms:
        session.execute(insert(QuestionnaireResponse), forms)
    open_due_tasks(session, now)
    _remember_reminders(session, [one.id for one in people if one.subject is None], now)


def _remember_reminders(session: Session, patients: list[int], now: datetime) -> None:
    """Take past reminders as sent; only the people one can meet still get those of today."""
    yesterday = now - timedelta(hours=20)
    for due in (
        Task.remind_at <= yesterday,
        and_(Task.remind_at <= now, Task.patient_id.in_(patients)),
    ):
        session.execute(
            update(Task)
            .where(due)
            .values(remind_at=None, reminders=1)
            .execution_options(synchronize_session=False)
        )


def _done_at(task: Any, habit: Habits, random: Random, now: datetime) -> datetime | None:
    """Return when it was done, or None: missed, or not yet."""
    span = (task.due_at - task.starts_at).total_seconds()
    at: datetime = task.starts_at + timedelta(seconds=random.uniform(0.1, 0.9) * span)
    zeal = habit.zeal if task.kind in ("measurement", "medication-reminder") else 0.8
    if random.random() > zeal or at >= now:
        return None
    # Today's tasks wait for the visitor of the demo, but for those who measure early.
    if task.ends_at > now and (random.random() < 0.5 or task.kind != "measurement"):
        return None
    if task.kind == "measurement" and habit.silent_since and at > habit.silent_since:
        return None
    return at


def _settled(id_: int, status: TaskStatus, reason: TaskReason, at: datetime) -> dict[str, Any]:
    return {
        "id": id_, "status": status, "status_reason": reason, "finished_at": at, "remind_at": None,
    }  # fmt: skip


def _reading(
    task: Any, habit: Habits, weeks: float, random: Random, at: datetime
) -> dict[str, Any]:
    context = _context(task.slot)
    rise, spread = _OF_DAY[context]
    fasting = max(5.2, habit.fasting - habit.falls * weeks)
    value = random.gauss(fasting + rise, spread)
    if random.random() < 0.008:
        value = random.uniform(3.1, 3.8)  # a meal skipped
    return reading(task.patient_id, value, at, context) | {"task_id": task.id}


def _context(slot: str) -> str:
    action = slot.split("/")[0]
    if "supper" in action:
        return "after-meal"
    return "bedtime" if "bedtime" in action else "fasting"


def reading(patient_id: int, value: float, at: datetime, context: str) -> dict[str, Any]:
    """Return the row of a glucose (mmol/L) measured at home, kept between 3.1 and 16.5."""
    kept = Decimal(f"{min(max(value, 3.1), 16.5):.1f}")
    return {
        "public_id": new_public_id(),
        "patient_id": patient_id,
        "origin": Origin.HOME,
        "reporter": Reporter.PATIENT,
        "identity": hashlib.sha256(f"demo/{patient_id}/{at.isoformat()}".encode()).digest(),
        "is_current": True,
        "status": ObservationStatus.FINAL,
        "code": VitalSign.GLUCOSE,
        "code_system": "http://loinc.org",
        "display": "血糖",
        "value": kept,
        "unit": "mmol/L",
        "interpretation": LIMITS.interpret(kept),
        "context": context,
        "effective_at": at,
        "issued_at": at,
        "received_at": at,
    }


def _response(task: Any, form_id: int, random: Random, at: datetime) -> dict[str, Any]:
    public_id = new_public_id()
    answers = {
        "missed-doses": random.choice((0, 0, 0, 1, 3)),
        "hypo-count": random.choice((0, 0, 0, 0, 1)),
        "foot-wound": False,
        "diet": random.choice(("most-days", "some-days", "few-days")),
        "exercise": random.choice(("most-days", "some-days", "few-days")),
        "mood": random.choice(("good", "good", "mixed", "low")),
    }
    scores = {"most-days": 2, "some-days": 1, "few-days": 0}
    return {
        "public_id": public_id,
        "patient_id": task.patient_id,
        "questionnaire_id": form_id,
        "task_id": task.id,
        "reference": f"demo-{task.id}",
        "answers_sealed": QuestionnaireResponse.answers.seal(
            QuestionnaireResponse.__tablename__, public_id, json.dumps(answers)
        ),
        "score": scores[str(answers["diet"])] + scores[str(answers["exercise"])],
        "authored_at": at,
    }
