"""Measurements that patients, or family for them, send from the phone."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.domain.errors import DomainError, ImplausibleValue
from app.domain.profile.home_readings import LATE_WORDS
from app.domain.profile.observation_kinds import ObservationKind
from app.domain.profile.plausibility import Doubt
from app.domain.profile.vital_signs import LATE_AFTER, Measurement, Timeliness
from app.models import Observation, Patient
from app.services.profile.home_monitoring.advising import advise
from app.services.profile.home_monitoring.keeping import (
    BY_PATIENT,
    Judged,
    Provenance,
    doubt,
    find_kept,
    keep,
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
    provenance: Provenance = BY_PATIENT,
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
    judged = Judged.of(measurement)
    # The lock makes two sends from one phone take turns.
    session.get_one(Patient, patient_id, with_for_update=True)
    identity = _identity(measurement.reference)
    kept = find_kept(session, patient_id, identity)
    if kept is not None:
        if not _is_same(kept, judged.measurement):
            raise ReferenceReused
        return _answer(session, kept, is_new=False)

    doubted = doubt(session, patient_id, judged)
    if doubted is not None and not is_confirmed:
        raise _implausible(_question(doubted, measurement.code.kind))
    observation = keep(
        session, patient_id, judged, identity, provenance, doubted, now, answers_task=True
    )
    return _answer(session, observation, is_new=True)


def _implausible(title: str) -> ImplausibleValue:
    error = ImplausibleValue()
    error.title = title
    return error


def _question(doubted: Doubt, kind: ObservationKind) -> str:
    if doubted is Doubt.JUMP:
        return (
            f"{kind.name}一天之内一般不会变化这么多。请确认是本人、同一台仪器，再测一次；"
            "如果确实这样，请确认后提交"
        )
    if doubted is Doubt.PRESSURES:
        return (
            "收缩压（高压）应当大于舒张压（低压）。请看清仪器再填一次；如果确实这样，请确认后提交"
        )
    return (
        f"{kind.name}一般在{kind.least:f}到{kind.most:f}之间。"
        "请看清仪器再填一次；如果仪器确实这样显示，请确认后提交"
    )


def _identity(reference: UUID) -> bytes:
    return hashlib.sha256(b"home:" + reference.bytes).digest()


def _is_same(kept: Observation, judged: Measurement) -> bool:
    return (kept.code, kept.value, kept.off_scale, kept.effective_at) == (
        judged.code,
        judged.value,
        judged.off_scale,
        judged.effective_at,
    )


def _answer(session: Session, observation: Observation, *, is_new: bool) -> Recorded:
    """Return what the phone is told; the second time the same as the first."""
    is_late = observation.received_at - observation.effective_at > LATE_AFTER
    return Recorded(
        observation,
        LATE_WORDS if is_late else advise(session, observation),
        is_late=is_late,
        is_new=is_new,
    )
