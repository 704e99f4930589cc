"""The open alerts of a patient, the worst first."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, true
from sqlalchemy.orm import Session, joinedload

from app.domain.plans.rules import Grade
from app.domain.staff.alerting import AlertStatus
from app.models.staff.alert import Alert


@dataclass(frozen=True, slots=True)
class OpenAlert:
    public_id: str
    grade: Grade
    title: str
    lines: tuple[str, ...]  # why it fired
    owner_name: str | None  # None: nobody has taken it
    opened_at: datetime


def open_alerts(session: Session, patient_id: int) -> tuple[OpenAlert, ...]:
    rows = session.scalars(
        select(Alert)
        .where(Alert.patient_id == patient_id, Alert.is_open == true())
        .options(joinedload(Alert.rule), joinedload(Alert.owner))
        .order_by(Alert.opened_at)
    )
    worst_first = sorted(rows, key=lambda one: list(Grade).index(one.grade), reverse=True)
    return tuple(
        OpenAlert(
            public_id=one.public_id,
            grade=one.grade,
            title=one.name,
            lines=tuple((one.explanation or "").splitlines()),
            owner_name=one.owner.name
            if one.owner and one.status is AlertStatus.ACKNOWLEDGED
            else None,
            opened_at=one.opened_at,
        )
        for one in worst_first
    )
