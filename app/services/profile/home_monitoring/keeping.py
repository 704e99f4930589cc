"""Putting one home measurement into the record, whoever brought it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, true
from sqlalchemy.orm import Session, joinedload

from app.domain.plans.plan_schedule import TaskStatus
from app.domain.profile.plausibility import (
    TOGETHER,
    WEIGHT_MEMORY,
    Doubt,
    Neighbour,
    companion_of,
    doubt_of,
)
from app.domain.profile.units import UnitNotConvertible
from app.domain.profile.vital_signs import Measurement, VitalSign
from app.models import (
    Device,
    Event,
    Observation,
    ObservationStatus,
    Origin,
    Reporter,
    Task,
    TaskOwner,
)
from app.services.profile.home_monitoring.advising import interpretation

LOINC: Final = "http://loinc.org"
# A phone may be offline for hours: what was measured in time was not missed.
_ANSWERABLE: Final = (
    TaskStatus.REQUESTED,
    TaskStatus.READY,
    TaskStatus.IN_PROGRESS,
    TaskStatus.MISSED,
)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a measurement comes from.

    `source` is the feed it came by, `inbound_id` the message; `offset` was added to the time that
    the device told.
    """

    reporter: Reporter
    device: Device | None = None
    source: str | None = None
    inbound_id: int | None = None
    offset: timedelta = timedelta()


BY_PATIENT: Final = Provenance(Reporter.PATIENT)


@dataclass(frozen=True, slots=True)
class Judged:
    """A measurement as it came and in the unit in which it is judged.

    One in a unit that no table converts stays as it came and is never judged (G1).
    """

    sent: Measurement
    measurement: Measurement
    is_convertible: bool

    @classmethod
    def of(cls, sent: Measurement) -> "Judged":
        try:
            return cls(sent, sent.in_judged_unit(), is_convertible=True)
        except UnitNotConvertible:
            return cls(sent, sent, is_convertible=False)


def find_kept(session: Session, patient_id: int, identity: bytes) -> Observation | None:
    return session.scalar(
        select(Observation).filter_by(patient_id=patient_id, identity=identity, is_current=True)
    )


def doubt(
    session: Session, patient_id: int, judged: Judged, device: Device | None = None
) -> Doubt | None:
    """Return why a measurement is not to be believed beside what the record holds."""
    if not judged.is_convertible:
        return None
    near = [one for one, _ in _neighbours(session, patient_id, judged.measurement)]
    return doubt_of(judged.measurement, near, device.id if device else None)


def keep(
    session: Session,
    patient_id: int,
    judged: Judged,
    identity: bytes,
    provenance: Provenance,
    doubted: Doubt | None,
    now: datetime,
    *,
    answers_task: bool,
) -> Observation:
    """Add a measurement, and say so by an event: another one where it is doubted.

    `observation.recorded` sets off rules and alerts; of a doubted one staff are asked what it
    is (`observation.implausible`); a repeat is nothing to ask about. The patient's row is
    locked by the caller.
    """
    measurement = judged.measurement
    if doubted is Doubt.PRESSURES:
        _doubt_companion(session, patient_id, measurement)
    task = _matching_task(session, patient_id, measurement) if answers_task else None
    observation = _observation(patient_id, judged, identity, provenance, doubted, now)
    if doubted is None and judged.is_convertible:
        observation.interpretation = interpretation(session, patient_id, measurement)
    observation.task_id = task.id if task else None
    session.add(observation)
    session.flush()
    if doubted is not Doubt.REPEAT:
        session.add(
            Event.of(
                "observation.recorded" if doubted is None else "observation.implausible",
                now,
                patient_id=patient_id,
                observation_id=observation.id,
                code=observation.code,
            )
        )
    if task is not None:
        session.add(task.complete(now))
    return observation


def _observation(
    patient_id: int,
    judged: Judged,
    identity: bytes,
    provenance: Provenance,
    doubted: Doubt | None,
    now: datetime,
) -> Observation:
    sent, measurement = judged.sent, judged.measurement
    observation = Observation(
        patient_id=patient_id,
        origin=Origin.HOME,
        identity=identity,
        is_current=True,
        # FHIR: "initial or interim, data may be incomplete or unverified".
        status=ObservationStatus.FINAL if doubted is None else ObservationStatus.PRELIMINARY,
        doubt=doubted,
        code=sent.code,
        code_system=LOINC,
        display=sent.code.kind.name,
        value=measurement.value,
        off_scale=sent.off_scale,
        unit=measurement.unit,
        context=sent.context,
        effective_at=sent.effective_at,
        issued_at=now,
        received_at=now,
        reporter=provenance.reporter,
        device=provenance.device,
        source=provenance.source,
        inbound_id=provenance.inbound_id,
        clock_offset=round(provenance.offset.total_seconds()) or None,
    )
    if sent.value != measurement.value:
        observation.text = f"{sent.value} {sent.unit}"  # as the device showed it
    return observation


# ------------------------------------------------------------------------ what lies beside it


def _neighbours(
    session: Session, patient_id: int, measurement: Measurement
) -> Sequence[tuple[Neighbour, Observation]]:
    """Return the believed values at home that a new one may be compared with."""
    reach = WEIGHT_MEMORY if measurement.code is VitalSign.BODY_WEIGHT else TOGETHER
    codes = {measurement.code, VitalSign.SYSTOLIC_PRESSURE, VitalSign.DIASTOLIC_PRESSURE}
    rows = session.scalars(
        select(Observation).where(
            Observation.patient_id == patient_id,
            Observation.code.in_(codes),
            Observation.origin == Origin.HOME,
            Observation.is_current == true(),
            Observation.doubt.is_(None),
            Observation.status != ObservationStatus.ENTERED_IN_ERROR,
            Observation.effective_at.between(
                measurement.effective_at - reach, measurement.effective_at + reach
            ),
        )
    )
    return [(_neighbour(row), row) for row in rows if _is_comparable(row)]


def _is_comparable(row: Observation) -> bool:
    return row.value is not None and row.unit == VitalSign(row.code).kind.unit


def _neighbour(row: Observation) -> Neighbour:
    if row.value is None:
        raise AssertionError("only values are compared")
    return Neighbour(VitalSign(row.code), row.value, row.effective_at, row.device_id)


def _doubt_companion(session: Session, patient_id: int, measurement: Measurement) -> None:
    """Doubt the other half too: nobody knows which of the two is wrong."""
    near = _neighbours(session, patient_id, measurement)
    companion = companion_of(measurement, [one for one, _ in near])
    for one, row in near:
        if one is companion:
            row.doubt, row.status = Doubt.PRESSURES, ObservationStatus.PRELIMINARY
            row.interpretation = None


# ------------------------------------------------------------------------- the task it answers


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
    return _best(judged, [(task, _asked_context(task)) for task in candidates])


def _best(judged: Measurement, asked: Iterable[tuple[Task, str | None]]) -> Task | None:
    if judged.context is None:
        return next((task for task, _ in asked), None)
    found = list(asked)
    by_meal = [task for task, context in found if context == judged.context]
    at_any_time = [task for task, context in found if context is None]
    return next(iter(by_meal + at_any_time), None)


def _asked_context(task: Task) -> str | None:
    return task.plan_action.definition.get("context") if task.plan_action else None
