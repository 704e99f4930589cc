"""Consent: who said yes or no to which words, for whom."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.database import CARE, OPERATION, Base, Digest, key_column, public_id_column
from app.domain.trust.consenting import ConsentText


class Consent(Base):
    """One yes or no to one purpose, by whom, for whom, to which text; never changed."""

    __tablename__ = "consent"
    __table_args__ = (Index(None, "patient_id", "purpose", "id"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    account_id: Mapped[int] = mapped_column(ForeignKey("wechat_account.id"), info=OPERATION)
    purpose: Mapped[str] = mapped_column(info=CARE)  # health-data, guardian …
    is_given: Mapped[bool] = mapped_column(info=CARE)
    text_version: Mapped[str] = mapped_column(info=OPERATION)
    text_hash: Mapped[bytes] = mapped_column(Digest, info=OPERATION)
    channel: Mapped[str] = mapped_column(info=OPERATION)
    at: Mapped[datetime] = mapped_column(info=OPERATION)

    @classmethod
    def to(
        cls, text: ConsentText, *, patient_id: int, account_id: int, is_given: bool, now: datetime
    ) -> "Consent":
        """Return the yes or no that a WeChat user gives to `text` for a patient, on the phone."""
        return cls(
            patient_id=patient_id,
            account_id=account_id,
            purpose=text.purpose,
            is_given=is_given,
            text_version=text.version,
            text_hash=text.digest,
            channel="mini-program",
            at=now,
        )
