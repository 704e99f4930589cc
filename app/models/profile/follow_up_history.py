"""The history of a patient's follow-up, read from every table in which it left something."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.criteria.population import InteractionKind
from app.domain.intake.hospital_records import (
    AppointmentStatus,
    EncounterClass,
    EncounterStatus,
)
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.profile.risk.follow_up_history import (
    AskedTask,
    Booking,
    Flag,
    FollowUpHistory,
    PlanSpan,
    SentMessage,
)
from app.domain.trust.access import Relation
from app.models.outreach.communication import Communication
from app.models.plans.care_plan import CarePlan, CarePlanStatus, Task, TaskOwner
from app.models.plans.plan_definition import Questionnaire
from app.models.plans.questionnaire_response import QuestionnaireResponse
from app.models.profile.behaviour import Interaction
from app.models.profile.encounter import Appointment, Condition, Encounter
from app.models.profile.observation import Observation, Origin
from app.models.profile.patient import Patient, RelatedPerson
from app.models.staff.alert import Alert, AlertStep
from app.models.trust.account import AccessSession, PatientLink, WeChatAccount
from app.models.trust.consent import Consent

_CAME: Final = {
    AppointmentStatus.NO_SHOW: False,
    AppointmentStatus.ARRIVED: True,
    AppointmentStatus.FULFILLED: True,
    AppointmentStatus.BOOKED: None,
}
_SUBSTANCE: Final = tuple(f"F{n}" for n in range(10, 20))  # ICD-10 F10–F19
_CARER: Final = ("Z63.6",)  # dependent relative needing care at home
_DEPRESSION: Final = 10  # PHQ-9 from 10: moderate and more
_PHQ_9: Final = "phq-9"
_LONGEST: Final = 2_000


def load_follow_up_history(session: Session, patient: Patient) -> FollowUpHistory:
    """Return everything that follow-up left, oldest first; a dozen queries."""
    return _Reader(session, patient).history()


class _Reader:
    def __init__(self, session: Session, patient: Patient) -> None:
        self._session, self._patient = session, patient

    def history(self) -> FollowUpHistory:
        tasks, messages = self._tasks(), self._messages()
        done = [one.done_at for one in tasks if one.done_at is not None]
        replies = self._instants(
            Interaction.at, Interaction, Interaction.kind == InteractionKind.REPLIED
        )
        moves = self._instants(Interaction.at, Interaction)
        forms = self._instants(
            QuestionnaireResponse.authored_at,
            QuestionnaireResponse,
            QuestionnaireResponse.issuer.is_(None),
        )
        readings = self._instants(
            Observation.received_at, Observation, Observation.origin == Origin.HOME
        )
        opened = [one.opened_at for one in messages if one.opened_at is not None]
        return FollowUpHistory(
            birth_on=self._patient.birth_date,
            gender=self._patient.gender,
            region=self._patient.region,
            department=self._patient.department_code,
            has_phone=self._patient.phone_index is not None,
            has_carer=self._has_carer(),
            deceased_at=self._patient.deceased_at,
            opted_out_at=self._opted_out_at(),
            plans=self._plans(),
            tasks=tasks,
            messages=messages,
            bookings=self._bookings(),
            discharges=self._discharges(),
            acts=sorted([*done, *moves, *forms, *readings, *opened]),
            contacts=sorted(
                [*done, *replies, *forms, *readings, *self._visits(), *self._staff_contacts()]
            ),
            seen=sorted([*moves, *self._sign_ins()]),
            flags=self._flags(),
        )

    def _instants(self, column: object, table: type, *which: object) -> list[datetime]:
        rows = self._session.scalars(
            select(column)  # type: ignore[call-overload]
            .where(table.patient_id == self._patient.id, *which)  # type: ignore[attr-defined]
            .order_by(column.desc())  # type: ignore[attr-defined]
            .limit(_LONGEST)
        )
        return list(rows)

    def _plans(self) -> list[PlanSpan]:
        rows = self._session.scalars(
            select(CarePlan).filter_by(patient_id=self._patient.id).order_by(CarePlan.created_at)
        )
        return [
            PlanSpan(
                row.plan_key,
                row.created_at,
                row.ended_at,
                is_revoked=row.status is CarePlanStatus.REVOKED,
            )
            for row in rows
        ]

    def _tasks(self) -> list[AskedTask]:
        rows = self._session.execute(
            select(Task.due_at, Task.ends_at, Task.finished_at, Task.status)
            .where(
                Task.patient_id == self._patient.id,
                Task.owner == TaskOwner.PATIENT,
                Task.status != TaskStatus.CANCELLED,
            )
            .order_by(Task.due_at.desc())
            .limit(_LONGEST)
        )
        return [
            AskedTask(
                row.due_at,
                row.ends_at,
                (row.finished_at or row.due_at) if row.status is TaskStatus.COMPLETED else None,
            )
            for row in reversed(rows.all())
        ]

    def _messages(self) -> list[SentMessage]:
        """Return messages to the patient's side; a card to the team is none."""
        rows = self._session.execute(
            select(Communication.sent_at, Communication.opened_at, Communication.done_at)
            .where(
                Communication.patient_id == self._patient.id,
                Communication.account_id.is_not(None),
                Communication.sent_at.is_not(None),
            )
            .order_by(Communication.sent_at.desc())
            .limit(_LONGEST)
        )
        return [
            SentMessage(row.sent_at, row.opened_at or row.done_at) for row in reversed(rows.all())
        ]

    def _bookings(self) -> list[Booking]:
        rows = self._session.scalars(
            select(Appointment).where(
                Appointment.patient_id == self._patient.id,
                Appointment.status.in_(list(_CAME)),
                Appointment.starts_at.is_not(None),
            )
        )
        found = [
            # When it was booked is when we first heard of it; never after the visit itself.
            Booking(min(row.created_at, row.starts_at), row.starts_at, _CAME[row.status])
            for row in rows
            if row.starts_at is not None
        ]
        return sorted(found, key=lambda one: one.starts_at)

    def _discharges(self) -> list[datetime]:
        rows = self._session.scalars(
            select(Encounter.ended_at).where(
                Encounter.patient_id == self._patient.id,
                Encounter.encounter_class == EncounterClass.INPATIENT,
                Encounter.status == EncounterStatus.FINISHED,
                Encounter.ended_at.is_not(None),
            )
        )
        return sorted(at for at in rows if at is not None)

    def _visits(self) -> list[datetime]:
        rows = self._session.scalars(
            select(Encounter.started_at).where(
                Encounter.patient_id == self._patient.id,
                Encounter.status.in_((EncounterStatus.IN_PROGRESS, EncounterStatus.FINISHED)),
                Encounter.started_at.is_not(None),
            )
        )
        return [at for at in rows if at is not None]

    def _staff_contacts(self) -> Iterable[datetime]:
        return self._session.scalars(
            select(AlertStep.at)
            .join(Alert, Alert.id == AlertStep.alert_id)
            .where(Alert.patient_id == self._patient.id, AlertStep.kind == "contacted")
        )

    def _sign_ins(self) -> list[datetime]:
        """Return when somebody linked to the patient was in the mini-program, as far as kept."""
        links = self._session.execute(
            select(PatientLink.starts_at, WeChatAccount.last_seen_at)
            .join(WeChatAccount, WeChatAccount.id == PatientLink.account_id)
            .where(PatientLink.patient_id == self._patient.id, PatientLink.is_live.is_(True))
        ).all()
        visits = self._session.execute(
            select(AccessSession.created_at, AccessSession.last_seen_at).where(
                AccessSession.current_patient_id == self._patient.id
            )
        ).all()
        return [at for row in (*links, *visits) for at in row]

    def _has_carer(self) -> bool:
        relative = self._session.scalar(
            select(RelatedPerson.id).filter_by(patient_id=self._patient.id).limit(1)
        )
        link = self._session.scalar(
            select(PatientLink.id)
            .where(
                PatientLink.patient_id == self._patient.id,
                PatientLink.is_live.is_(True),
                PatientLink.relation != Relation.SELF,
            )
            .limit(1)
        )
        return relative is not None or link is not None

    def _opted_out_at(self) -> datetime | None:
        """Return when they last said no to messages or to our keeping their data, if it stands."""
        newest: dict[str, Consent] = {}
        rows = self._session.scalars(
            select(Consent).filter_by(patient_id=self._patient.id).order_by(Consent.id)
        )
        for row in rows:
            newest[row.purpose] = row
        return min((row.at for row in newest.values() if not row.is_given), default=None)

    def _flags(self) -> list[Flag]:
        scores = self._session.execute(
            select(QuestionnaireResponse.authored_at, QuestionnaireResponse.score)
            .join(Questionnaire, Questionnaire.id == QuestionnaireResponse.questionnaire_id)
            .where(
                QuestionnaireResponse.patient_id == self._patient.id,
                Questionnaire.key == _PHQ_9,
                QuestionnaireResponse.score >= _DEPRESSION,
            )
        )
        conditions = self._session.execute(
            select(Condition.code, Condition.recorded_at).where(
                Condition.patient_id == self._patient.id,
                Condition.is_active.is_(True),
                Condition.is_provisional.is_(False),
            )
        ).all()
        found = [Flag(f"PHQ-9 {row.score} 分", row.authored_at) for row in scores]
        for row in conditions:
            if row.code.startswith(_SUBSTANCE):
                found.append(Flag("物质使用相关诊断", row.recorded_at, lasts=True))
            elif row.code.startswith(_CARER):
                found.append(Flag("照护负担", row.recorded_at, lasts=True))
        return sorted(found, key=lambda one: one.at)
