"""Refills, deliveries and pick-ups that patients asked for, and everything said of each."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

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
from app.domain.exchange.documents import DocumentKind, read_content
from app.domain.exchange.medicine_documents import MedicineRequest
from app.domain.exchange.medicine_flow import FlowKind, FlowState, FlowWord, RefusalReason
from app.encryption import Encrypted

DOCUMENT_KINDS = {
    FlowKind.REFILL: DocumentKind.REFILL_REQUEST,
    FlowKind.DELIVERY: DocumentKind.MEDICINE_DELIVERY,
    FlowKind.PICKUP: DocumentKind.MEDICINE_PICKUP,
}


class MedicineFlow(Base):
    """One service about medicines, from the patient's wish to its end (FHIR Task).

    Answers come to its document; what they say of the flow is in its steps.
    """

    __tablename__ = "medicine_flow"
    __table_args__ = (
        # A phone that lost our answer asks again; the second time must find the first.
        UniqueConstraint("account_id", "reference"),
        Index(None, "patient_id", "id"),
        Index(None, "care_team_id", "state", "id"),
        Index(None, "state", "lapses_at"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    kind: Mapped[FlowKind] = mapped_column(info=CARE)
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    account_id: Mapped[int] = mapped_column(ForeignKey("wechat_account.id"), info=OPERATION)
    reference: Mapped[str] = mapped_column(PlatformId(64), info=OPERATION)
    care_team_id: Mapped[int] = mapped_column(ForeignKey("care_team.id"), info=CARE)
    state: Mapped[FlowState] = mapped_column(info=CARE)
    # JSON of what is asked, `app.domain.exchange.medicine_documents`: names, address, phone, code.
    content = Encrypted("content_sealed")
    content_sealed: Mapped[bytes] = mapped_column(Sealed, info=FREE_TEXT)
    document_id: Mapped[int | None] = mapped_column(
        ForeignKey("outbound_document.id"), index=True, info=OPERATION
    )
    declined_for: Mapped[RefusalReason | None] = mapped_column(info=CARE)  # by our doctor
    # Since when the patient wants it called off; NULL again when the hospital refuses that.
    cancel_asked_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    # When it ends by itself without further news; NULL while it cannot.
    lapses_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    changed_at: Mapped[datetime] = mapped_column(info=OPERATION)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)

    @property
    def wish(self) -> MedicineRequest:
        """What was asked."""
        found = read_content(DOCUMENT_KINDS[self.kind], self.content or "")
        assert isinstance(found, MedicineRequest)
        return found

    @property
    def subject(self) -> str:
        """What its documents and notices are named by."""
        return f"medicine:{self.public_id}"


class MedicineFlowStep(Base):
    """One word said of a flow, also one that came too late to change anything."""

    __tablename__ = "medicine_flow_step"
    __table_args__ = (
        # A reaction may read an event twice.
        UniqueConstraint("flow_id", "event_id"),
    )

    id: Mapped[int] = key_column()
    flow_id: Mapped[int] = mapped_column(ForeignKey("medicine_flow.id"), info=OPERATION)
    word: Mapped[FlowWord] = mapped_column(info=CARE)
    state: Mapped[FlowState] = mapped_column(info=CARE)  # afterwards
    is_counted: Mapped[bool] = mapped_column(info=OPERATION)
    # The event that said it; no key: events may be purged before what they said.
    event_id: Mapped[int | None] = mapped_column(Big, info=OPERATION)
    at: Mapped[datetime] = mapped_column(info=OPERATION)
