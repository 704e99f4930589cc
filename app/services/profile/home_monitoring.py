"""Measurements that patients, or family for them, take at home and send from the phone."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.clock import HOSPITAL
from app.domain.errors import DomainError, ImplausibleValue
from app.domain.plans.advice import advice
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.profile.home_readings import DEFAULT_LIMITS, FIXED_WORDS, LATE_WORDS
from app.domain.profile.observation_kinds import ObservationKind
from app.domain.profile.patient_facts import Facts, ObservedValue
from app.domain.profile.units import UnitNotConvertible
from app.domain.profile.vital_signs import (
    LATE_AFTER,
    Interpretation,
    Limits,
    Measurement,
    OffScale,
    Timeliness,
    VitalSign,
    interpret,
)
from app.models import (
    Event,
    Observation,
    ObservationStatus,
    Origin,
    Patient,
    Task,
    TaskOwner,
)
from app.models.plans.action_change import own_limits
from app.models.plans.care_plan import packs_followed
from app.models.plans.knowledge import knowledge

LOINC: Final = "http://loinc.org"
# A phone may be offline for hours: what was measured in time was not missed.
_ANSWERABLE: Final = (
    TaskStatus.REQUESTED,
    TaskStatus.READY,
    TaskStatus.IN_PROGRESS,
    TaskStatus.MISSED,
)


class NotOwnReading(DomainError):
    """Family members share meters: another person's reading never enters this record (G10)."""

    code = "not-own-reading"
    title = "这不是本人的测量，没有记录"


class ReferenceReused(DomainError):
    """The phone's name for one measurement came back with another measurement."""

    code = "reference-reused"
    title = "这次提交和上一次不一致，请重新填写"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A kept measurement; `is_new` is false where the phone had sent it before."""

    observation: Observation
    advice: str
    is_late: bool
    is_new: bool


def record_measurement(
    session: Session,
    patient_id: int,
    measurement: Measurement,
    now: datetime,
    *,
    is_own_reading: bool = True,
    is_confirmed: bool = False,
) -> Recorded:
    """Keep a measurement, finish the task it answers, and say how to read it.

    The same `measurement.reference` again returns the observation of the first time. A patient
    without a plan may measure too: `DEFAULT_LIMITS` apply. What it sets off (rules, alerts) is
    left to the reactions to the event. A value that cannot be true is kept only once confirmed:
    without interpretation, and staff hear of it by another event, so that no rule judges it.

    :raises NotOwnReading: it is somebody else's
    :raises ImplausibleValue: cannot be true and is not confirmed, or lies in the future
    :raises ReferenceReused: the reference is known, but of another measurement
    """
    if not is_own_reading:
        raise NotOwnReading
    if measurement.timeliness(now) is Timeliness.IN_FUTURE:
        raise _implausible("测量时间比现在还晚，请检查手机的日期和时间")
    judged, is_convertible = _in_judged_unit(measurement)
    # The lock makes two sends from one phone take turns.
    session.get_one(Patient, patient_id, with_for_update=True)
    kept = _find(session, patient_id, measurement.reference)
    if kept is not None:
        if not _is_same(kept, judged):
            raise ReferenceReused
        return _answer(session, kept, is_new=False)

    is_plausible = not is_convertible or judged.is_plausible
    if not is_plausible and not is_confirmed:
        raise _implausible(_question(measurement.code.kind))
    task = _matching_task(session, patient_id, judged)
    observation = _observe(session, patient_id, measurement, judged, now)
    observation.interpretation = (
        _interpretation(session, patient_id, judged) if is_convertible else None
    )
    observation.task_id = task.id if task else None
    session.add(observation)
    session.flush()
    session.add(
        Event.of(
            "observation.recorded" if is_plausible else "observation.implausible",
            now,
            patient_id=patient_id,
            observation_id=observation.id,
            code=observation.code,
        )
    )
    if task is not None:
        session.add(task.complete(now))
    return _answer(session, observation, is_new=True)


# ------------------------------------------------------------------------ reading the value


def _in_judged_unit(measurement: Measurement) -> tuple[Measurement, bool]:
    """Return the measurement as it is judged; one in an unknown unit stays as it came (G1)."""
    try:
        return measurement.in_judged_unit(), True
    except UnitNotConvertible:
        return measurement, False


def _interpretation(
    session: Session, patient_id: int, judged: Measurement
) -> Interpretation | None:
    limits = own_limits(session, patient_id, judged.code, judged.effective_at) or _limits(
        session, patient_id, judged.code
    )
    if limits is None and judged.off_scale is None:
        return None
    return interpret(judged, limits or Limits())


def _limits(session: Session, patient_id: int, code: VitalSign) -> Limits | None:
    """Return the limits that the newest plan sets for `code`, else the default."""
    packs = knowledge(session).packs
    for pack_key in session.scalars(packs_followed(patient_id)):
        pack = packs.get(pack_key or "")
        if pack is not None and code in pack.limits:
            return pack.limits[code]
    return DEFAULT_LIMITS.get(code)


def _implausible(title: str) -> ImplausibleValue:
    error = ImplausibleValue()
    error.title = title
    return error


def _question(kind: ObservationKind) -> str:
    return (
        f"{kind.name}一般在{kind.least:f}到{kind.most:f}之间。"
        "请看清仪器再填一次；如果仪器确实这样显示，请确认后提交"
    )


# -------------------------------------------------------------------------- keeping the value


def _identity(reference: UUID) -> bytes:
    return hashlib.sha256(b"home:" + reference.bytes).digest()


def _find(session: Session, patient_id: int, reference: UUID) -> Observation | None:
    return session.scalar(
        select(Observation).filter_by(
            patient_id=patient_id, identity=_identity(reference), is_current=True
        )
    )


def _is_same(kept: Observation, judged: Measurement) -> bool:
    return (kept.code, kept.value, kept.off_scale, kept.effective_at) == (
        judged.code,
        judged.value,
        judged.off_scale,
        judged.effective_at,
    )


def _observe(
    session: Session, patient_id: int, sent: Measurement, judged: Measurement, now: datetime
) -> Observation:
    observation = Observation(
        patient_id=patient_id,
        origin=Origin.HOME,
        identity=_identity(sent.reference),
        is_current=True,
        status=ObservationStatus.FINAL,
        code=sent.code,
        code_system=LOINC,
        display=sent.code.kind.name,
        value=judged.value,
        off_scale=sent.off_scale,
        unit=judged.unit,
        context=sent.context,
        effective_at=sent.effective_at,
        issued_at=now,
        received_at=now,
    )
    if sent.value != judged.value:
        observation.text = f"{sent.value} {sent.unit}"  # as the device showed it
    return observation


def _matching_task(session: Session, patient_id: int, judged: Measurement) -> Task | None:
    """Return the unanswered task in whose window the patient measured; by meal, then by time."""
    candidates = session.scalars(
        select(Task)
        .options(joinedload(Task.plan_action))
        .where(
            Task.patient_id == patient_id,
            Task.owner == TaskOwner.PATIENT,
            Task.kind == "measurement",
            Task.code == judged.code,
            Task.status.in_(_ANSWERABLE),
            Task.starts_at <= judged.effective_at,
            Task.ends_at > judged.effective_at,
        )
        .order_by(Task.starts_at, Task.id)
    ).all()
    asked = [(task, _asked_context(task)) for task in candidates]
    if judged.context is None:
        return asked[0][0] if asked else None
    by_meal = [task for task, context in asked if context == judged.context]
    at_any_time = [task for task, context in asked if context is None]
    return next(iter(by_meal + at_any_time), None)


def _asked_context(task: Task) -> str | None:
    return task.plan_action.definition.get("context") if task.plan_action else None


# ------------------------------------------------------------------------------- the answer


def _answer(session: Session, observation: Observation, *, is_new: bool) -> Recorded:
    """Return what the phone is told; the second time the same as the first."""
    is_late = observation.received_at - observation.effective_at > LATE_AFTER
    return Recorded(
        observation,
        LATE_WORDS if is_late else _advice(session, observation),
        is_late=is_late,
        is_new=is_new,
    )


def _advice(session: Session, observation: Observation) -> str:
    """Return the reviewed words for this reading: the pack's, or ours where it has none."""
    told = observation.interpretation
    interpretation = Interpretation(told) if told else None
    if interpretation in (None, Interpretation.NORMAL):
        return FIXED_WORDS[interpretation]
    off_scale = OffScale(observation.off_scale) if observation.off_scale else None
    value = ObservedValue(observation.value, observation.effective_at, off_scale=off_scale)
    facts = Facts(observation.received_at, HOSPITAL, {observation.code: [value]})
    known = knowledge(session)
    packs = set(session.scalars(packs_followed(observation.patient_id)))
    rules = known.rules.woken_by(f"observation:{observation.code}")
    asked = [one for one in rules if known.pack_of_rule(one.rule.key) in packs]
    return advice(asked, facts) or FIXED_WORDS[interpretation]
