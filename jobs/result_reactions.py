"""What laboratory results set off: grades, critical values, services called for and taken back."""

from contextlib import suppress
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.domain.errors import DocumentUnderWay
from app.domain.exchange.documents import ExamRequest
from app.domain.intake.hospital_records import Coded, ResultFlag
from app.domain.trust.access import Actor
from app.models import Event, OutboundDocument, ResultService, ServiceKind
from app.services.exchange import requesting
from app.services.plans import result_services, rule_evaluation
from app.services.profile import result_grading
from app.services.staff import critical_results
from jobs.chores import Work
from jobs.notices import notify_of_task


def grade(work: Work, session: Session, event: Event) -> None:
    result_grading.grade_result(
        session, event.payload["observation_id"], clock.now(), work.zone, cause=event
    )


def raise_critical(work: Work, session: Session, event: Event) -> None:
    observation_id, department = event.payload["observation_id"], event.payload["department"]
    grounds = result_grading.grounds_of(session, observation_id, department, work.zone)
    critical_results.raise_critical_result(
        session, observation_id, grounds.reasons, grounds.basis, clock.now(), work.zone,
        tells_patient=grounds.tells_patient, department_code=department, cause=event,
    )  # fmt: skip


def call_services(work: Work, session: Session, event: Event) -> None:
    result_services.call_services(
        session, event.payload["observation_id"], ResultFlag(event.payload["flag"]),
        event.payload["department"], clock.now(), cause=event,
    )  # fmt: skip


def recall(work: Work, session: Session, event: Event) -> None:
    """A result that eased takes back the alert it raised and the services it called for."""
    now, superseded = clock.now(), event.payload["supersedes_id"]
    rule_evaluation.withdraw_alerts_of(session, superseded, now, cause=event)
    if event.payload["is_normal"]:
        result_services.recall_services(session, superseded, now, cause=event)


def offer_service(work: Work, session: Session, event: Event) -> None:
    service = session.get_one(ResultService, event.payload["service_id"])
    notify_of_task(work, session, event, "您有一项新的健康服务，请查看", service.text)
    if service.kind is ServiceKind.EXAM and service.subject and event.patient_id is not None:
        # A draft: nothing leaves the house until a clinician signs.
        requesting.request_exam(
            session, event.patient_id, ExamRequest(Coded(service.subject), reason=_ABNORMAL),
            f"task:{event.payload['task_id']}", _BY_RULE, clock.now(),
        )  # fmt: skip


_ABNORMAL: Final = "检验结果异常，建议复查"
_BY_RULE: Final = Actor("job", None, "result-service")


def tell_of_recall(work: Work, session: Session, event: Event) -> None:
    drafts = select(OutboundDocument.id).filter_by(
        patient_id=event.patient_id, subject=f"task:{event.payload['task_id']}"
    )
    for document_id in session.scalars(drafts).all():
        with suppress(DocumentUnderWay):  # signed and gone: the team has the message below
            requesting.withdraw(session, document_id, _BY_RULE, clock.now())
    title = "您有一条检查结果更正，请查看"
    notify_of_task(work, session, event, title, _RECALLED)


_RECALLED: Final = (
    "医院更正了一项检查结果，之前据此给您的建议已取消，请以最新报告为准。如有疑问请联系护理团队。"
)
