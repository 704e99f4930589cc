"""One alert as the person sees it who has to act on it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.domain.errors import NotFound
from app.domain.plans.rules import Grade
from app.domain.profile.masking import masked_phone
from app.domain.staff.alerting import AlertStatus, Outcome
from app.models import Alert, AlertStep, Patient
from app.models.staff.staff_access import teams_of


@dataclass(frozen=True, slots=True)
class StepTaken:
    kind: str
    who: str | None
    note: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class AlertView:
    """What fired and why, what to ask, and who is at it."""

    public_id: str
    patient_id: int
    patient_public_id: str
    patient_name: str | None
    needs: str | None
    masked_phone: str | None
    grade: Grade
    title: str
    lines: tuple[str, ...]
    staff_text: str | None
    patient_text: str | None
    team_name: str
    status: AlertStatus
    level: int
    owner_name: str | None
    is_mine: bool
    outcome: Outcome | None
    opened_at: datetime
    acknowledge_by: datetime | None
    acknowledged_at: datetime | None
    closed_at: datetime | None
    hits: int
    steps: tuple[StepTaken, ...]
    is_result: bool = False  # a critical result, which the laboratory should have telephoned
    tells_patient: bool = True

    @property
    def has_data_again(self) -> bool:
        """Whether the readings it missed have come since."""
        return any(step.kind == Outcome.DATA_ARRIVED for step in self.steps)

    @property
    def is_open(self) -> bool:
        return self.status in (AlertStatus.ACTIVE, AlertStatus.ACKNOWLEDGED)


def read_alert(session: Session, public_id: str, practitioner_id: int) -> AlertView:
    """Return an alert of one of the asker's teams, open or ended.

    :raises NotFound: no such alert, or none of theirs
    """
    alert = session.scalar(
        select(Alert)
        .where(Alert.public_id == public_id, Alert.care_team_id.in_(teams_of(practitioner_id)))
        .options(
            joinedload(Alert.patient),
            joinedload(Alert.rule),
            joinedload(Alert.owner),
            joinedload(Alert.care_team),
        )
    )
    if alert is None:
        raise NotFound
    return _view(alert, _steps(session, alert.id), practitioner_id)


def lock_level(session: Session, public_id: str) -> int | None:
    """Return at which level an alert is, and let nobody move it until this transaction ends.

    A form sent twice names the level it was shown at: the second time it is no longer there.
    """
    return session.scalar(select(Alert.level).where(Alert.public_id == public_id).with_for_update())


def _view(alert: Alert, steps: tuple[StepTaken, ...], practitioner_id: int) -> AlertView:
    staff_text, patient_text = alert.texts
    patient: Patient = alert.patient
    return AlertView(
        public_id=alert.public_id,
        patient_id=patient.id,
        patient_public_id=patient.public_id,
        patient_name=patient.name,
        needs=patient.needs,
        masked_phone=masked_phone(patient.phone) if patient.phone else None,
        grade=alert.grade,
        title=alert.name,
        lines=tuple((alert.explanation or "").splitlines()),
        staff_text=staff_text,
        patient_text=patient_text,
        team_name=alert.care_team.name,
        status=alert.status,
        level=alert.level,
        owner_name=alert.owner.name if alert.owner else None,
        is_mine=alert.owner_id == practitioner_id,
        outcome=alert.outcome,
        opened_at=alert.opened_at,
        acknowledge_by=alert.acknowledge_by,
        acknowledged_at=alert.acknowledged_at,
        closed_at=alert.closed_at,
        hits=alert.hits,
        steps=steps,
        is_result=alert.code is not None,
        tells_patient=alert.tells_patient,
    )


def _steps(session: Session, alert_id: int) -> tuple[StepTaken, ...]:
    rows = session.scalars(
        select(AlertStep)
        .where(AlertStep.alert_id == alert_id)
        .options(joinedload(AlertStep.practitioner))
        .order_by(AlertStep.at, AlertStep.id)
    )
    return tuple(
        StepTaken(one.kind, one.practitioner.name if one.practitioner else None, one.note, one.at)
        for one in rows
    )
