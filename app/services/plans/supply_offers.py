"""Offering a refill before the medicine runs out: one task for each day on which something does.

It is a task like others: the clock opens it, reminds once, and lets it pass.
"""

from collections import defaultdict
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.exchange.medicine_rules import LASTING, MedicineRules
from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.domain.profile.adherence import Unknown
from app.models import MedicineFlow, Patient, Task, TaskOwner
from app.models.profile.reading.supplies import AtHand, medicines_at_hand
from app.models.staff.team_work import OPEN_TASK

KIND: Final = "refill"
_SLOT: Final = "supply:"
_MORNING: Final = time(9)
# Of the two reminders that the clock sends, one: its words name the days left.
_REMINDED: Final = 1


def offer_refills(
    session: Session, patient_id: int, rules: MedicineRules, now: datetime, zone: ZoneInfo
) -> None:
    """Bring the patient's offers to what they have now; again, it changes nothing."""
    patient = session.get_one(Patient, patient_id, with_for_update=True)
    wanted = {} if patient.deceased_at else _ends(session, patient_id, rules, now, zone)
    slots = {f"{_SLOT}{end.isoformat()}": end for end in wanted}
    open_slots = set()
    for task in _open_offers(session, patient_id):
        if task.slot in slots:
            open_slots.add(task.slot)
        else:
            task.status, task.status_reason = TaskStatus.CANCELLED, TaskReason.RESCHEDULED
            task.finished_at, task.remind_at = now, None
    made = _made(session, patient_id, set(slots) - open_slots)
    for slot, end in slots.items():
        if slot not in open_slots and slot not in made:
            session.add(_offer(patient_id, slot, end, wanted[end], rules, now, zone))


def take_up(session: Session, flow_id: int, now: datetime, zone: ZoneInfo) -> None:
    """Complete the offers of the days on which what was asked for runs out."""
    flow = session.get_one(MedicineFlow, flow_id)
    codes = {one.code.code for one in flow.wish.medicines}
    ends = {
        f"{_SLOT}{one.until.isoformat()}"
        for one in medicines_at_hand(session, flow.patient_id, now, zone)
        if one.code.code in codes and not isinstance(one.until, Unknown)
    }
    for task in _open_offers(session, flow.patient_id):
        if task.slot in ends:
            session.add(task.complete(now))


def _ends(
    session: Session, patient_id: int, rules: MedicineRules, now: datetime, zone: ZoneInfo
) -> dict[date, list[AtHand]]:
    """Return the days ahead on which lasting medicines run out, each with those."""
    today = now.astimezone(zone).date()
    ends: dict[date, list[AtHand]] = defaultdict(list)
    for one in medicines_at_hand(session, patient_id, now, zone):
        if isinstance(one.until, Unknown) or one.until <= today:
            continue
        is_lasting = one.lasts_days is not None and one.lasts_days >= LASTING.days
        if is_lasting and rules.why_not_refilled(one.name) is None:
            ends[one.until].append(one)
    return dict(ends)


def _open_offers(session: Session, patient_id: int) -> list[Task]:
    return list(
        session.scalars(
            select(Task).where(
                Task.patient_id == patient_id,
                Task.slot.startswith(_SLOT, autoescape=True),
                Task.status.in_(OPEN_TASK),
            )
        )
    )


def _made(session: Session, patient_id: int, slots: set[str]) -> set[str]:
    """Return which were offered before and ended: asked for, declined, passed.

    What was only moved, and moved back, is offered again.
    """
    return set(
        session.scalars(
            select(Task.slot).where(
                Task.patient_id == patient_id,
                Task.slot.in_(slots),
                (Task.status != TaskStatus.CANCELLED)
                | (Task.status_reason != TaskReason.RESCHEDULED),
            )
        )
    )


def _offer(
    patient_id: int,
    slot: str,
    end: date,
    medicines: list[AtHand],
    rules: MedicineRules,
    now: datetime,
    zone: ZoneInfo,
) -> Task:
    ends_at = datetime.combine(end, _MORNING, zone)
    starts_at = max(now, ends_at - rules.offer_before)
    left = (end - starts_at.astimezone(zone).date()).days
    task = Task(
        patient_id=patient_id, slot=slot, owner=TaskOwner.PATIENT, kind=KIND,
        title=f"您的药还够 {left} 天（到 {end.month}月{end.day}日），可以申请续方或送药到家",
        status=TaskStatus.REQUESTED, status_reason=TaskReason.NOT_OPEN, starts_at=starts_at,
        due_at=ends_at, ends_at=ends_at + timedelta(days=1), remind_at=starts_at,
        reminders=_REMINDED, created_at=now,
    )  # fmt: skip
    # Sealed: the title, which is not, names no medicine.
    task.note = "、".join(one.name for one in medicines)
    return task
