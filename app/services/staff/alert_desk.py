"""The open alerts of somebody's teams in one list, whoever has them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session, joinedload

from app.domain.plans.rules import Grade
from app.domain.staff.alert_clock import CHAIN, Responder
from app.domain.staff.alerting import AlertStatus
from app.models import Alert
from app.models.staff.staff_access import teams_of

MOST: Final = 200
_RANK: Final = {Grade.SEVERE: 0, Grade.MODERATE: 1, Grade.MILD: 2}


@dataclass(frozen=True, slots=True)
class DeskLine:
    """One open alert; `told` is the role it has climbed to."""

    public_id: str
    patient_id: int
    patient_public_id: str
    patient_name: str | None
    title: str
    grade: Grade
    status: AlertStatus
    told: Responder
    owner_name: str | None
    is_mine: bool
    team_name: str
    hits: int
    opened_at: datetime
    acknowledge_by: datetime | None
    is_overdue: bool


def open_alerts(session: Session, practitioner_id: int, now: datetime) -> list[DeskLine]:
    """Return what is open: what nobody has taken first, by grade and clock; at most 200."""
    found = session.scalars(
        select(Alert)
        .where(Alert.is_open.is_(True), Alert.care_team_id.in_(teams_of(practitioner_id)))
        .options(
            joinedload(Alert.patient),
            joinedload(Alert.rule),
            joinedload(Alert.owner),
            joinedload(Alert.care_team),
        )
        .order_by(
            case((Alert.status == AlertStatus.ACTIVE, 0), else_=1),
            case(*((Alert.grade == grade, rank) for grade, rank in _RANK.items())),
            func.coalesce(Alert.acknowledge_by, Alert.opened_at),
            Alert.id,
        )
        .limit(MOST)
    )
    return [_line(alert, practitioner_id, now) for alert in found]


def _line(alert: Alert, practitioner_id: int, now: datetime) -> DeskLine:
    waits = alert.status is AlertStatus.ACTIVE
    return DeskLine(
        public_id=alert.public_id,
        patient_id=alert.patient_id,
        patient_public_id=alert.patient.public_id,
        patient_name=alert.patient.name,
        title=alert.name,
        grade=alert.grade,
        status=alert.status,
        told=CHAIN[alert.level],
        owner_name=alert.owner.name if alert.owner else None,
        is_mine=alert.owner_id == practitioner_id,
        team_name=alert.care_team.name,
        hits=alert.hits,
        opened_at=alert.opened_at,
        acknowledge_by=alert.acknowledge_by,
        # The clock of an alert that can climb no further is taken away.
        is_overdue=waits and (alert.acknowledge_by is None or alert.acknowledge_by < now),
    )
