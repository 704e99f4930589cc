"""What happened to one patient that actions of a plan count from, or is booked to happen."""

from collections.abc import Collection, Iterable
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import start_of_day
from app.domain.plans.plan import Action
from app.domain.plans.plan_schedule import Base, TaskStatus
from app.domain.plans.timing import LONGEST_PLAN_DAYS, Basis
from app.models import (
    Appointment,
    AppointmentStatus,
    CarePlan,
    Encounter,
    EncounterStatus,
    PlanAction,
    Task,
)

_KEPT_BOOKINGS = (AppointmentStatus.BOOKED, AppointmentStatus.ARRIVED, AppointmentStatus.FULFILLED)


class Bases:
    """What lies behind one plan of a patient; tasks are looked up once, when first asked for.

    `care_plan_id` is None for a plan not begun: nothing of it was done or missed. `encounter_id`
    is the stay that began it.
    """

    def __init__(
        self,
        session: Session,
        patient_id: int,
        anchor_on: date,
        *,
        care_plan_id: int | None,
        encounter_id: int | None,
    ) -> None:
        self._session, self._patient_id = session, patient_id
        self._care_plan_id, self._encounter_id = care_plan_id, encounter_id
        self._since = start_of_day(anchor_on)
        self._until = self._since + timedelta(days=LONGEST_PLAN_DAYS + 1)
        self._tasks: list[tuple[str, Base, TaskStatus]] | None = None

    @classmethod
    def behind(cls, session: Session, plan: CarePlan) -> "Bases":
        return cls(
            session, plan.patient_id, plan.anchor_on,
            care_plan_id=plan.id, encounter_id=plan.encounter_id,
        )  # fmt: skip

    def of(self, action: Action, actions: Collection[Action]) -> list[Base]:
        """Return what `action` counts from, oldest first; `actions` are all of the plan."""
        match action.timing.basis:
            case Basis.ACTION:
                return list(self._settled(TaskStatus.COMPLETED, {action.timing.after_action}))
            case Basis.MISSED:
                named = {one.key for one in actions if one.if_missed == action.key}
                return list(self._settled(TaskStatus.MISSED, named))
            case Basis.ENCOUNTER:
                return self._visits(action)
            case Basis.APPOINTMENT:
                return self._bookings()
            case _:
                return []

    def _settled(self, status: TaskStatus, keys: Collection[str | None]) -> Iterable[Base]:
        if self._care_plan_id is None:
            return ()
        if self._tasks is None:
            rows = self._session.execute(
                select(PlanAction.key, Task.id, Task.finished_at, Task.status)
                .join(PlanAction, PlanAction.id == Task.plan_action_id)
                .where(
                    Task.care_plan_id == self._care_plan_id,
                    Task.status.in_((TaskStatus.COMPLETED, TaskStatus.MISSED)),
                )
                .order_by(Task.finished_at, Task.id)
            )
            self._tasks = [
                (key, Base(f"t{id_}", at), found) for key, id_, at, found in rows if at is not None
            ]
        return (base for key, base, found in self._tasks if key in keys and found is status)

    def _visits(self, action: Action) -> list[Base]:
        query = select(Encounter.id, Encounter.ended_at).where(
            Encounter.patient_id == self._patient_id,
            Encounter.status == EncounterStatus.FINISHED,
            Encounter.ended_at.between(self._since, self._until),
            # The stay that began the plan is its anchor.
            Encounter.id != (self._encounter_id or 0),
        )
        if action.timing.encounter_class is not None:
            query = query.where(Encounter.encounter_class == action.timing.encounter_class)
        rows = self._session.execute(query.order_by(Encounter.ended_at, Encounter.id))
        return [Base(f"e{id_}", at) for id_, at in rows if at is not None]

    def _bookings(self) -> list[Base]:
        rows = self._session.execute(
            select(Appointment.id, Appointment.starts_at)
            .where(
                Appointment.patient_id == self._patient_id,
                Appointment.status.in_(_KEPT_BOOKINGS),
                Appointment.starts_at.between(self._since, self._until),
            )
            .order_by(Appointment.starts_at, Appointment.id)
        )
        return [Base(f"a{id_}", at) for id_, at in rows if at is not None]
