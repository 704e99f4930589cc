"""The index of segments as one process last had it: where the next one starts from."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column

from app.database import CARE, OPERATION, Base, Big, Digest, key_column

# Below what any server takes in one statement (MariaDB's `max_allowed_packet` is 16 MB).
CHUNK_BYTES: Final = 4 << 20
_Body: Final = LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")


class IndexSnapshot(Base):
    """What a snapshot is of; its content is in chunks. The newest one counts."""

    __tablename__ = "segment_index_snapshot"

    id: Mapped[int] = key_column()
    format: Mapped[int] = mapped_column(info=OPERATION)
    # Of which database and history it is: a digest of the event at `position` and the first
    # patient. A restored or another database has another event there.
    mark: Mapped[bytes] = mapped_column(Digest, info=OPERATION)
    position: Mapped[int] = mapped_column(Big, info=OPERATION)
    gaps: Mapped[list[Any]] = mapped_column(info=OPERATION)  # [id, first missed at] as reactions do
    patients: Mapped[int] = mapped_column(info=OPERATION)
    size: Mapped[int] = mapped_column(info=OPERATION)  # bytes
    digest: Mapped[bytes] = mapped_column(Digest, info=OPERATION)  # SHA-256 of the content
    saved_at: Mapped[datetime] = mapped_column(info=OPERATION)


class IndexSnapshotChunk(Base):
    """Some megabytes of a snapshot: bitmaps of patient ids by attribute, and dates of birth."""

    __tablename__ = "segment_index_chunk"
    __table_args__ = (UniqueConstraint("snapshot_id", "number"),)

    id: Mapped[int] = key_column()
    snapshot_id: Mapped[int] = mapped_column(
        ForeignKey("segment_index_snapshot.id"), info=OPERATION
    )
    number: Mapped[int] = mapped_column(info=OPERATION)
    body: Mapped[bytes] = mapped_column(_Body, info=CARE)
