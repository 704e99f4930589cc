"""Photos that patients sent (FHIR Media), sealed in the database.

Beside the record, not in a folder: what is restored, merged and backed up is one thing, and a
photo of 2048 pixels is some 300 kB. A hospital that gets many thousands a day would move
`content_sealed` elsewhere; nothing but this file knows where it lies.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import (
    CARE,
    FREE_TEXT,
    OPERATION,
    Base,
    Digest,
    Sealed,
    key_column,
    public_id_column,
)
from app.domain.profile.photos import PhotoSubject
from app.encryption import keyring
from app.models.profile.device import Reporter


class Photo(Base):
    """One photo; `reference` is the phone's name for it, `original` the digest of what came."""

    __tablename__ = "photo"
    __table_args__ = (UniqueConstraint("reference"), Index(None, "patient_id", "received_at"))

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    task_id: Mapped[int | None] = mapped_column(ForeignKey("task.id"), index=True, info=OPERATION)
    subject: Mapped[PhotoSubject] = mapped_column(info=CARE)
    reporter: Mapped[Reporter] = mapped_column(info=CARE)
    account_id: Mapped[int | None] = mapped_column(
        ForeignKey("wechat_account.id"), index=True, info=OPERATION
    )
    reference: Mapped[bytes] = mapped_column(Digest, info=OPERATION)
    original: Mapped[bytes] = mapped_column(Digest, info=OPERATION)
    # A JPEG; read when somebody looks, never with a list.
    content_sealed: Mapped[bytes] = mapped_column(Sealed, deferred=True, info=FREE_TEXT)
    width: Mapped[int] = mapped_column(info=OPERATION)
    height: Mapped[int] = mapped_column(info=OPERATION)
    size: Mapped[int] = mapped_column(info=OPERATION)  # bytes of the JPEG
    taken_at: Mapped[datetime] = mapped_column(info=CARE)
    received_at: Mapped[datetime] = mapped_column(info=OPERATION)

    def seal(self, content: bytes) -> None:
        self.content_sealed = keyring().seal(content, self._place)
        self.size = len(content)

    def open(self) -> bytes:
        """Return the JPEG.

        :raises app.encryption.SealBroken: altered or moved
        """
        return keyring().open(self.content_sealed, self._place)

    @property
    def _place(self) -> str:
        return f"photo/content_sealed/{self.public_id}"
