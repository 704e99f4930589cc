"""The service that an abnormal result calls for: something to read, somebody to ask, a visit."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.intake.hospital_records import ResultFlag
from app.domain.plans.plan import ActionKind
from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.models import CarePlan, Event, Observation, Patient, Task, TaskOwner
from app.models.profile.result_limit import ResultService, ServiceKind, services_for

_OPEN: Final = (TaskStatus.REQUESTED, TaskStatus.READY, TaskStatus.IN_PROGRESS)
# What staff have to do before the patient can: nobody orders an examination for themselves.
_STAFF_TITLES: Final = {
    ServiceKind.EXAM: "检验结果异常，请审核复查申请",
    ServiceKind.MDT: "检验结果异常，请安排多学科门诊",
}
_KINDS: Final = {
    ServiceKind.ARTICLE: ActionKind.ARTICLE.value,
    ServiceKind.REVISIT: ActionKind.REVISIT.value,
}


def call_services(
    session: Session,
    observation_id: int,
    flag: ResultFlag,
    department_code: str | None,
    now: datetime,
    *,
    cause: Event | None = None,
) -> None:
    """Offer the patient what the department signed off for such a result, each service once.

    The same test abnormal again while an offer is open makes no second one.
    """
    observation = session.get_one(Observation, observation_id)
    if observation.is_current is None:
        return
    session.get_one(Patient, observation.patient_id, with_for_update=True)
    for service in services_for(session, observation.code, flag, department_code):
        slot = f"result:{service.public_id}/{observation_id}"
        if _is_offered(session, observation.patient_id, service):
            continue
        task = _offer(session, observation.patient_id, service, slot, now)
        session.add(
            Event.of(
                "result-service.called", now, patient_id=observation.patient_id, cause=cause,
                service_id=service.id, task_id=task.id, observation_id=observation_id,
            )
        )  # fmt: skip


def recall_services(
    session: Session, observation_id: int, now: datetime, *, cause: Event | None = None
) -> None:
    """Take back what a result called for that was since corrected, and tell of it once."""
    patient_id = session.get_one(Observation, observation_id).patient_id
    tasks = session.scalars(
        select(Task).where(
            Task.patient_id == patient_id,
            Task.slot.startswith("result"),
            Task.slot.endswith(f"/{observation_id}"),
            Task.status.in_(_OPEN),
        )
    ).all()
    for task in tasks:
        task.status, task.status_reason = TaskStatus.CANCELLED, TaskReason.RESULT_CORRECTED
        task.finished_at, task.remind_at = now, None
    for task in tasks:
        if task.owner is TaskOwner.PATIENT:
            session.add(
                Event.of(
                    "result-service.recalled", now, patient_id=task.patient_id, cause=cause,
                    task_id=task.id,
                )
            )  # fmt: skip


def _is_offered(session: Session, patient_id: int, service: ResultService) -> bool:
    open_offer = select(Task.id).where(
        Task.patient_id == patient_id,
        Task.slot.startswith(f"result:{service.public_id}/", autoescape=True),
        Task.status.in_(_OPEN),
    )
    return session.scalar(open_offer.limit(1)) is not None


def _offer(
    session: Session, patient_id: int, service: ResultService, slot: str, now: datetime
) -> Task:
    plan_id = session.scalar(
        select(CarePlan.id)
        .filter_by(patient_id=patient_id, is_open=True)
        .order_by(CarePlan.id.desc())
        .limit(1)
    )
    due = now + timedelta(days=service.due_within_days)
    common = {
        "patient_id": patient_id,
        "care_plan_id": plan_id,
        "status": TaskStatus.READY,
        "status_reason": TaskReason.OPEN,
        "starts_at": now,
        "due_at": due,
        "ends_at": due + timedelta(days=service.due_within_days),
        "created_at": now,
    }
    task = Task(
        **common, slot=slot, owner=TaskOwner.PATIENT,
        kind=_KINDS.get(service.kind, service.kind.value),
        subject=service.subject if service.kind is ServiceKind.ARTICLE else None,
        title=service.kind.label, remind_at=None,
    )  # fmt: skip
    session.add(task)
    # Staff see tasks of their team's plans; without a plan nobody's list would show it.
    if plan_id is not None and service.kind in _STAFF_TITLES:
        session.add(
            Task(
                **common, slot=slot.replace("result:", "result-staff:", 1), owner=TaskOwner.STAFF,
                kind=ActionKind.STAFF_TASK, title=_STAFF_TITLES[service.kind],
            )
        )  # fmt: skip
    session.flush()
    return task
