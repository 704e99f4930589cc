"""What happened to a patient, newest first: values, alerts, tasks, messages and visits."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true
from sqlalchemy.orm import Session

from app.domain.outreach.messaging import Channel
from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.models import (
    Alert,
    AlertStep,
    Communication,
    Encounter,
    Observation,
    Practitioner,
    Rule,
    Task,
)

PAGE: Final = 20
_DONE: Final = (TaskStatus.COMPLETED, TaskStatus.MISSED)
# What a channel to a patient leaves behind is one entry per message, not one per channel.
_TO_PATIENT: Final = (Channel.INBOX, Channel.SUBSCRIPTION, Channel.TEMPLATE, Channel.SMS)


class EntryKind(StrEnum):
    """In the order in which entries of the same instant are shown."""

    ALERT_STEP = "alert-step"
    OBSERVATION = "observation"
    TASK = "task"
    MESSAGE = "message"
    ENCOUNTER = "encounter"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened; `what` is its code or title, `state` how it stands or ended."""

    kind: EntryKind
    public_id: str
    at: datetime
    what: str
    state: str
    display: str | None = None
    value: Decimal | None = None
    value_text: str | None = None
    unit: str | None = None
    who: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """One page; `before` names where the older ones begin, None when there are none."""

    entries: tuple[Entry, ...]
    before: str | None


def read_timeline(
    session: Session, patient_id: int, now: datetime, before: str | None = None
) -> Timeline:
    """Return the newest entries up to `now`, or those older than the entry named `before`.

    The caller has checked that the asker may see this patient.
    """
    edge = _edge(session, patient_id, before) if before else None
    found: list[tuple[datetime, int, int, Entry]] = []
    for rank, source in enumerate(_SOURCES.values()):
        query = source.select.where(source.patient == patient_id, source.at <= now)
        if edge is not None:
            query = query.where(_older(source, rank, edge))
        rows = session.execute(
            query.order_by(source.at.desc(), source.id.desc()).limit(PAGE + 1)
        ).all()
        found += [(row.at, -rank, row.id, source.read(row)) for row in rows]
    found.sort(key=lambda one: one[:3], reverse=True)
    page = tuple(entry for *_, entry in found[:PAGE])
    more = len(found) > PAGE
    return Timeline(page, f"{page[-1].kind}.{page[-1].public_id}" if more else None)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where one kind of entry is kept, by what it is dated, and how a row is read."""

    select: Select[*tuple[Any, ...]]
    patient: ColumnElement[Any]
    public_id: ColumnElement[str]
    at: ColumnElement[datetime]
    id: ColumnElement[int]
    read: Any  # row -> Entry; a Callable field would be taken for a method


def _edge(session: Session, patient_id: int, name: str) -> tuple[datetime, int, int] | None:
    """Return time, rank and id of the entry a page ended with."""
    kind, _, public_id = name.partition(".")
    for rank, (known, source) in enumerate(_SOURCES.items()):
        if known == kind:
            row = session.execute(
                source.select.where(source.patient == patient_id, source.public_id == public_id)
            ).one_or_none()
            return None if row is None else (row.at, rank, row.id)
    return None


def _older(source: _Source, rank: int, edge: tuple[datetime, int, int]) -> ColumnElement[bool]:
    at, edge_rank, edge_id = edge
    if rank > edge_rank:
        return source.at <= at
    if rank < edge_rank:
        return source.at < at
    return or_(source.at < at, and_(source.at == at, source.id < edge_id))


def _observations() -> _Source:
    def read(row: Any) -> Entry:
        one: Observation = row.Observation
        return Entry(
            kind=EntryKind.OBSERVATION,
            public_id=one.public_id,
            at=row.at,
            what=one.code,
            display=one.display,
            state=one.interpretation or "",
            value=one.value,
            value_text=one.off_scale or one.text,
            unit=one.unit,
            note=one.note,
        )

    query = select(Observation, Observation.id, Observation.effective_at.label("at")).where(
        Observation.is_current == true()
    )
    return _Source(
        query,
        Observation.patient_id.expression,
        Observation.public_id.expression,
        Observation.effective_at.expression,
        Observation.id.expression,
        read,
    )


def _alert_steps() -> _Source:
    def read(row: Any) -> Entry:
        step: AlertStep = row.AlertStep
        who = row.Practitioner.name if row.Practitioner else None
        return Entry(
            EntryKind.ALERT_STEP, step.public_id, row.at, row.title, step.kind, who=who,
            note=step.note,
        )  # fmt: skip

    query = (
        select(
            AlertStep,
            Practitioner,
            AlertStep.id,
            AlertStep.at.label("at"),
            func.coalesce(Alert.title, Rule.name).label("title"),
        )
        .join(Alert, Alert.id == AlertStep.alert_id)
        .outerjoin(Rule, Rule.id == Alert.rule_id)
        .outerjoin(Practitioner, Practitioner.id == AlertStep.practitioner_id)
    )
    return _Source(
        query,
        Alert.patient_id.expression,
        AlertStep.public_id.expression,
        AlertStep.at.expression,
        AlertStep.id.expression,
        read,
    )


def _tasks() -> _Source:
    def read(row: Any) -> Entry:
        one: Task = row.Task
        return Entry(EntryKind.TASK, one.public_id, row.at, one.title, _ending(one), note=one.note)

    at = func.coalesce(Task.finished_at, Task.ends_at, type_=Task.ends_at.type)
    query = select(Task, Task.id, at.label("at")).where(
        # A task the patient could not do says so; one the plan took back says nothing.
        or_(Task.status.in_(_DONE), Task.status_reason == TaskReason.UNABLE.value)
    )
    return _Source(
        query, Task.patient_id.expression, Task.public_id.expression, at, Task.id.expression, read
    )


def _ending(task: Task) -> str:
    return TaskReason.UNABLE if task.status_reason == TaskReason.UNABLE else task.status


def _messages() -> _Source:
    def read(row: Any) -> Entry:
        one: Communication = row.Communication
        return Entry(EntryKind.MESSAGE, one.public_id, row.at, one.channel, one.state)

    at = func.coalesce(
        Communication.sent_at, Communication.planned_at, type_=Communication.planned_at.type
    )
    query = select(Communication, Communication.id, at.label("at")).where(
        Communication.channel.in_(_TO_PATIENT)
    )
    return _Source(
        query,
        Communication.patient_id.expression,
        Communication.public_id.expression,
        at,
        Communication.id.expression,
        read,
    )


def _encounters() -> _Source:
    def read(row: Any) -> Entry:
        one: Encounter = row.Encounter
        return Entry(EntryKind.ENCOUNTER, one.public_id, row.at, one.encounter_class, one.status)

    at = func.coalesce(
        Encounter.ended_at, Encounter.started_at, Encounter.created_at,
        type_=Encounter.created_at.type,
    )  # fmt: skip
    query = select(Encounter, Encounter.id, at.label("at"))
    return _Source(
        query,
        Encounter.patient_id.expression,
        Encounter.public_id.expression,
        at,
        Encounter.id.expression,
        read,
    )


def _sources() -> Iterator[tuple[EntryKind, _Source]]:
    yield EntryKind.ALERT_STEP, _alert_steps()
    yield EntryKind.OBSERVATION, _observations()
    yield EntryKind.TASK, _tasks()
    yield EntryKind.MESSAGE, _messages()
    yield EntryKind.ENCOUNTER, _encounters()


_SOURCES: Final = dict(_sources())
