"""The forms that patients, or others for them, filled in."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Index, UniqueConstraint, and_, not_
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import (
    CARE,
    FREE_TEXT,
    OPERATION,
    Base,
    Big,
    PlatformId,
    Sealed,
    key_column,
    public_id_column,
)
from app.domain.intake.clinical_records import FormStatus
from app.domain.plans.questionnaires import AnswerMode
from app.domain.trust.access import Relation
from app.encryption import Encrypted
from app.models.plans.plan_definition import Questionnaire


class QuestionnaireResponse(Base):
    """A form filled in by the patient or someone for them (FHIR QuestionnaireResponse).

    While it is in progress it is a draft: the next answers and sending it change the same row.
    """

    __tablename__ = "questionnaire_response"
    __table_args__ = (
        UniqueConstraint("patient_id", "reference"),
        Index(None, "patient_id", "questionnaire_id", "authored_at"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    # NULL for a form that another system had filled in and that we do not have ourselves.
    questionnaire_id: Mapped[int | None] = mapped_column(
        ForeignKey("questionnaire.id"), info=OPERATION
    )
    canonical: Mapped[str | None] = mapped_column(info=CARE)  # its address, where it came from FHIR
    status: Mapped[FormStatus] = mapped_column(default=FormStatus.COMPLETED, info=CARE)
    # What the system that had it filled in knows it by; NULL for one of ours.
    issuer: Mapped[str | None] = mapped_column(info=OPERATION)
    number: Mapped[str | None] = mapped_column(info=CARE)
    source: Mapped[str | None] = mapped_column(PlatformId(64), info=OPERATION)
    version: Mapped[str] = mapped_column(default="", info=OPERATION)
    inbound_id: Mapped[int | None] = mapped_column(Big, info=OPERATION)
    task_id: Mapped[int | None] = mapped_column(ForeignKey("task.id"), index=True, info=OPERATION)
    # The phone's own name for it: the same again is the same response.
    reference: Mapped[str] = mapped_column(PlatformId(64), info=OPERATION)
    answers = Encrypted("answers_sealed")  # JSON: link id → answer
    answers_sealed: Mapped[bytes] = mapped_column(Sealed, info=FREE_TEXT)
    # What the first scale came to; of every scale the value, as text, and the key of its band.
    score: Mapped[int | None] = mapped_column(info=CARE)
    scale_scores: Mapped[dict[str, Any] | None] = mapped_column(info=CARE)
    # Who gave the answers, as what they are to the patient, and how they reached us; NULL for a
    # form of another system. Who wrote them down: the phone's user or a member of staff.
    informant: Mapped[Relation | None] = mapped_column(info=CARE)
    mode: Mapped[AnswerMode | None] = mapped_column(info=OPERATION)
    author_account_id: Mapped[int | None] = mapped_column(
        ForeignKey("wechat_account.id"), info=OPERATION
    )
    author_practitioner_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), info=OPERATION
    )
    authored_at: Mapped[datetime] = mapped_column(info=OPERATION)

    questionnaire: Mapped[Questionnaire | None] = relationship()


def is_sent() -> ColumnElement[bool]:
    """Return that a form is no draft of ours; what other systems call in progress they did send."""
    response = QuestionnaireResponse
    is_draft = and_(response.status == FormStatus.IN_PROGRESS, response.issuer.is_(None))
    return not_(is_draft)
