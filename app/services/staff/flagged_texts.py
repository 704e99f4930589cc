"""Words of a patient that cannot wait: an alert for the people who look after them."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.plans.rules import Grade
from app.domain.staff.alert_clock import AlertClock, first_level
from app.domain.staff.alerting import AlertStatus
from app.domain.staff.text_alerts import BASIS, flagged_text
from app.models import Alert, AlertStep, Event, Patient
from app.models.staff.on_call import newest_plan, team_on_call

_CLOCK: Final = AlertClock()
# What patients and families write; what clinicians wrote they know already.
_OF_PATIENTS: Final = ("response:", "task:")


def raise_flagged_text(
    session: Session, flag: str, row: str, now: datetime, zone: ZoneInfo, cause: Event
) -> None:
    """Open the severe alert of a flagged text, or append to the one that is open.

    The words themselves stay where they were written: the alert names the row.

    :raises NoTeam: there is nobody to tell; the event stays for a person
    """
    if cause.patient_id is None or not row.startswith(_OF_PATIENTS):
        return
    patient = session.get_one(Patient, cause.patient_id, with_for_update=True)
    episode, words = f"text-{flag}", flagged_text(flag)
    line = (
        f"{words.title}（{_WHERE[row.partition(':')[0]]}，{now.astimezone(zone):%m月%d日 %H:%M}）"
    )
    alert = session.scalar(
        select(Alert)
        .filter_by(patient_id=patient.id, episode=episode, is_open=True)
        .with_for_update()
    )
    if alert is not None:
        alert.hits += 1
        alert.last_hit_at = now
        session.add(AlertStep(alert_id=alert.id, kind="appended", note=line, at=now))
        return
    plan = newest_plan(session, patient.id)
    alert = Alert(
        patient_id=patient.id,
        care_plan_id=plan.id if plan else None,
        care_team_id=team_on_call(session, plan, patient.department_code),
        title=words.title,
        basis=f"{BASIS}{flag}",
        episode=episode,
        grade=Grade.SEVERE,
        status=AlertStatus.ACTIVE,
        level=first_level(Grade.SEVERE),
        explanation=line,
        acknowledge_by=_CLOCK.acknowledge_by(Grade.SEVERE, now, zone),
        opened_at=now,
        last_hit_at=now,
    )
    session.add(alert)
    session.flush()
    session.add_all(
        [
            AlertStep(alert_id=alert.id, kind="opened", note=line, at=now),
            Event.of("alert.opened", now, patient_id=patient.id, cause=cause, alert_id=alert.id),
        ]
    )


_WHERE: Final = {"response": "问卷里的文字", "task": "任务的说明"}
