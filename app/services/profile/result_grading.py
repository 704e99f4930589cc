"""Our second opinion on a laboratory result, and the news that it is critical or abnormal."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.intake.hospital_records import ObservationStatus, ResultFlag
from app.domain.profile.laboratory import judged_code
from app.domain.profile.reference_intervals import is_conflict, opinion
from app.domain.profile.result_grading import (
    Judgement,
    Severity,
    Value,
    choose_limit,
    judge,
    severity_of,
    worse,
)
from app.models import Condition, Encounter, Event, Observation, Origin, Patient
from app.models.profile.result_limit import limits_of

_UNJUDGED: Final = (
    ObservationStatus.ENTERED_IN_ERROR,
    ObservationStatus.CANCELLED,
    ObservationStatus.REGISTERED,
)
# What is older is history: it is flagged and shown, nobody is woken for it (rule G3).
_NEWS: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Grounds:
    """Why a result is critical, for staff: sentences, which limit says so, who may be told."""

    reasons: tuple[str, ...]
    basis: str
    tells_patient: bool


@dataclass(frozen=True, slots=True)
class _Opinion:
    flag: ResultFlag | None
    basis: str | None
    reason: str | None


def grade_result(
    session: Session,
    observation_id: int,
    now: datetime,
    zone: ZoneInfo,
    *,
    cause: Event | None = None,
) -> None:
    """Give a hospital's result our flag, and tell of one that is critical or abnormal.

    The laboratory's own flag is kept as it came. A repeat changes nothing and tells nothing new:
    the events carry the observation, and whoever reacts looks whether it was told already.
    """
    observation = session.get_one(Observation, observation_id)
    if observation.origin is not Origin.HOSPITAL or observation.is_current is None:
        return
    patient = session.get_one(Patient, observation.patient_id)
    department = _department(session, observation, patient)
    flag = None
    if observation.status not in _UNJUDGED:
        formed = _opinion(session, observation, patient, department, zone)
        observation.computed_interpretation = formed.flag.value if formed.flag else None
        observation.computed_by = formed.basis
        flag = worse(_laboratory_flag(observation), formed.flag)
    severity = severity_of(flag)
    superseded = cause.payload.get("supersedes_id") if cause else None
    if superseded is not None and severity is not Severity.CRITICAL:
        # A final that takes back what its preliminary said is no correction in the protocol's
        # words, but whoever was told of the preliminary has to hear of it all the same.
        session.add(
            Event.of(
                "result.eased", now, patient_id=patient.id, cause=cause,
                observation_id=observation.id, supersedes_id=superseded,
                is_normal=severity is Severity.NORMAL,
            )
        )  # fmt: skip
    if flag is None or severity is Severity.NORMAL or observation.effective_at < now - _NEWS:
        return
    session.add(
        Event.of(
            f"result.{severity}", now, patient_id=patient.id, cause=cause,
            observation_id=observation.id, flag=flag.value, department=department,
        )
    )  # fmt: skip


def grounds_of(
    session: Session, observation_id: int, department: str | None, zone: ZoneInfo
) -> Grounds:
    """Return why a result is critical as it stands now, with the laboratory's own flag.

    Where our limits do not agree, the laboratory alone is the basis and staff read so.
    """
    observation = session.get_one(Observation, observation_id)
    patient = session.get_one(Patient, observation.patient_id)
    value = judged_value(observation)
    judgement = (
        judge_result(session, observation, patient, department, value, zone) if value else None
    )
    said = _laboratory_flag(observation)
    lines = [judgement.reason] if judgement else [_reported(observation)]
    if said is not None:
        lines.append(f"检验科标记：{said.value}")
    if said is not None and judgement is not None and is_conflict(said, judgement.flag):
        lines.append("检验科标记与本院危急值界限不一致，请核对")
    if judgement:
        return Grounds(tuple(lines), judgement.limit.basis, judgement.limit.tells_patient)
    return Grounds(tuple(lines), "laboratory", tells_patient=False)


def _reported(observation: Observation) -> str:
    if observation.value is None:
        return "结果见报告"
    shown = f"{observation.comparator or ''}{observation.value.normalize() + 0:f}"
    return f"{shown} {observation.unit or '（无单位）'}"


def _opinion(
    session: Session,
    observation: Observation,
    patient: Patient,
    department: str | None,
    zone: ZoneInfo,
) -> _Opinion:
    value = judged_value(observation)
    if value is None:
        return _Opinion(None, None, None)
    judgement = judge_result(session, observation, patient, department, value, zone)
    if judgement is not None:
        return _Opinion(judgement.flag, judgement.limit.basis, judgement.reason)
    if value.comparator or patient.birth_date is None:
        return _Opinion(None, None, None)
    found = opinion(
        observation.code, observation.value, observation.unit, patient.gender, patient.birth_date,
        observation.effective_at.astimezone(zone).date(),
    )  # fmt: skip
    return _Opinion(found[0], found[1], None) if found else _Opinion(None, None, None)


def judge_result(
    session: Session,
    observation: Observation,
    patient: Patient,
    department: str | None,
    value: Value,
    zone: ZoneInfo,
) -> Judgement | None:
    """Return by which limit a result is critical, and why; None where it is not."""
    conditions = session.scalars(
        select(Condition.code).filter_by(patient_id=patient.id, is_active=True)
    ).all()
    limit = choose_limit(
        limits_of(session, judged_code(observation.code), department),
        patient.gender,
        _age_days(observation, patient, zone),
        conditions,
    )
    if limit is None:
        return None
    return judge(value, limit, _previous(session, observation, limit.delta_within))


def judged_value(observation: Observation) -> Value | None:
    """Return the value in its judged unit; None for words, titres and units nobody can convert."""
    if observation.standard_value is None or observation.standard_unit is None:
        return None
    number = observation.standard_value.normalize()
    return Value(number + 0, observation.standard_unit, observation.comparator or "")


def _laboratory_flag(observation: Observation) -> ResultFlag | None:
    return ResultFlag(observation.interpretation) if observation.interpretation else None


def _previous(session: Session, observation: Observation, within: timedelta) -> Decimal | None:
    return session.scalar(
        select(Observation.standard_value)
        .where(
            Observation.patient_id == observation.patient_id,
            Observation.code == observation.code,
            Observation.is_current.is_(True),
            Observation.status.not_in(_UNJUDGED),
            Observation.standard_value.is_not(None),
            Observation.comparator.is_(None),
            Observation.identity != observation.identity,
            Observation.effective_at < observation.effective_at,
            Observation.effective_at >= observation.effective_at - within,
        )
        .order_by(Observation.effective_at.desc())
        .limit(1)
    )


def _department(session: Session, observation: Observation, patient: Patient) -> str | None:
    """Return the department of the result's visit, else the one the patient was last seen in."""
    if observation.encounter_id is not None:
        visit = session.get_one(Encounter, observation.encounter_id)
        if visit.department_code:
            return visit.department_code
    return patient.department_code


def _age_days(observation: Observation, patient: Patient, zone: ZoneInfo) -> int | None:
    if patient.birth_date is None:
        return None
    return (observation.effective_at.astimezone(zone).date() - patient.birth_date).days
