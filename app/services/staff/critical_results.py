"""Critical results: a clinician is told at once, and the clock runs until one has taken it.

This is the second channel beside the laboratory's telephone call, never the only one: whoever
takes the alert says whether the call came.
"""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import AlertClosed, NotFound
from app.domain.intake.hospital_records import ObservationStatus
from app.domain.plans.rules import Grade
from app.domain.staff.alert_clock import CHAIN, AlertClock, Responder
from app.domain.staff.alerting import AlertStatus
from app.domain.staff.result_alerts import title_of
from app.models import (
    Alert,
    AlertStep,
    CareTeamMember,
    Event,
    Observation,
    Patient,
    Practitioner,
)
from app.models.staff.on_call import newest_plan, team_on_call
from app.models.staff.staff_access import teams_of

_CLOCK: Final = AlertClock()
_DOCTOR_FIRST: Final = (
    Responder.ATTENDING_DOCTOR,
    Responder.DEPUTY_DOCTOR,
    Responder.HEAD_NURSE,
    Responder.ON_DUTY_NURSE,
)
_STATUS_WORDS: Final = {
    ObservationStatus.PRELIMINARY: "初步结果，未审核",
    ObservationStatus.CORRECTED: "更正后的结果",
}


def raise_critical_result(
    session: Session,
    observation_id: int,
    reasons: tuple[str, ...],
    basis: str,
    now: datetime,
    zone: ZoneInfo,
    *,
    tells_patient: bool,
    department_code: str | None,
    cause: Event | None = None,
) -> None:
    """Open the alert of a critical result, or append to the one that is open for this test.

    A preliminary value counts, marked as such; the final one that confirms it is the same alert.

    :raises NoTeam: there is nobody to tell; the event stays for a person
    """
    observation = session.get_one(Observation, observation_id)
    if observation.is_current is None:
        return
    session.get_one(Patient, observation.patient_id, with_for_update=True)
    if _is_told(session, observation):
        return
    episode = f"critical-{observation.code}"[:64]
    lines = _lines(observation, reasons, zone)
    alert = session.scalar(
        select(Alert)
        .filter_by(patient_id=observation.patient_id, episode=episode, is_open=True)
        .with_for_update()
    )
    if alert is None:
        alert = _open(session, observation, episode, lines, basis, now, zone, department_code)
        alert.tells_patient = tells_patient
        session.add(alert)
        session.flush()
        _step(session, alert, "opened", now, observation, lines)
        session.add(
            Event.of(
                "alert.opened", now, patient_id=alert.patient_id, cause=cause, alert_id=alert.id
            )
        )
        return
    alert.hits += 1
    alert.normals = 0
    alert.last_hit_at = now
    alert.explanation = "\n".join(lines)
    _step(session, alert, "appended", now, observation, lines)


def note_laboratory_call(
    session: Session, alert_public_id: str, practitioner_id: int, *, has_called: bool, now: datetime
) -> None:
    """Write down whether the laboratory has telephoned (危急值报告).

    :raises NotFound: no such alert, or it is another team's
    """
    alert = _alert_of(session, alert_public_id, practitioner_id)
    kind = "laboratory-called" if has_called else "laboratory-silent"
    _step(session, alert, kind, now, None, (), practitioner_id)


def tell_the_patient(
    session: Session, alert_public_id: str, practitioner_id: int, now: datetime
) -> None:
    """Let the patient read the fixed text, once a clinician has said so; a repeat tells nothing.

    :raises NotFound: no such alert, or it is another team's
    :raises AlertClosed: it ended meanwhile
    """
    alert = _alert_of(session, alert_public_id, practitioner_id)
    if alert.is_open is None:
        raise AlertClosed
    if alert.tells_patient:
        return
    alert.tells_patient = True
    _step(session, alert, "patient-told", now, None, (), practitioner_id)
    session.add(Event.of("alert.patient-told", now, patient_id=alert.patient_id, alert_id=alert.id))


def _open(
    session: Session,
    observation: Observation,
    episode: str,
    lines: tuple[str, ...],
    basis: str,
    now: datetime,
    zone: ZoneInfo,
    department_code: str | None,
) -> Alert:
    plan = newest_plan(session, observation.patient_id)
    team_id = team_on_call(session, plan, department_code)
    return Alert(
        patient_id=observation.patient_id,
        care_plan_id=plan.id if plan else None,
        care_team_id=team_id,
        title=title_of(
            observation.display or observation.code, is_laboratory_alone=basis == "laboratory"
        ),
        basis=basis,
        code=observation.code,
        episode=episode,
        grade=Grade.SEVERE,
        status=AlertStatus.ACTIVE,
        level=_first_level(session, team_id),
        explanation="\n".join(lines),
        acknowledge_by=_CLOCK.acknowledge_by(Grade.SEVERE, now, zone),
        opened_at=now,
        last_hit_at=now,
    )


def _first_level(session: Session, team_id: int) -> int:
    """Return the level of the first responder that the team has; a doctor comes first."""
    present = set(
        session.scalars(
            select(CareTeamMember.responder)
            .join(Practitioner, Practitioner.id == CareTeamMember.practitioner_id)
            .where(CareTeamMember.care_team_id == team_id, Practitioner.is_active.is_(True))
        )
    )
    first = next((one for one in _DOCTOR_FIRST if one in present), Responder.ON_DUTY_NURSE)
    return CHAIN.index(first)


def _lines(observation: Observation, reasons: tuple[str, ...], zone: ZoneInfo) -> tuple[str, ...]:
    measured = f"采样时间 {observation.effective_at.astimezone(zone):%m月%d日 %H:%M}"
    status = _STATUS_WORDS.get(observation.status)
    return tuple(line for line in (*reasons, measured, status) if line)


def _is_told(session: Session, observation: Observation) -> bool:
    """Return whether this version is on an alert already: history may be read again."""
    step = select(AlertStep.id).where(AlertStep.observation_id == observation.id)
    return session.scalar(step.limit(1)) is not None


def _alert_of(session: Session, public_id: str, practitioner_id: int) -> Alert:
    alert = session.scalar(
        select(Alert)
        .where(Alert.public_id == public_id, Alert.care_team_id.in_(teams_of(practitioner_id)))
        .with_for_update()
    )
    if alert is None:
        raise NotFound
    return alert


def _step(
    session: Session,
    alert: Alert,
    kind: str,
    now: datetime,
    observation: Observation | None,
    lines: tuple[str, ...],
    practitioner_id: int | None = None,
) -> None:
    session.add(
        AlertStep(
            alert_id=alert.id,
            kind=kind,
            practitioner_id=practitioner_id,
            observation_id=observation.id if observation else None,
            note="\n".join(lines) or None,
            at=now,
        )
    )
