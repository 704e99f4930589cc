"""Understanding kept rows again, as their source is mapped now."""

from collections.abc import Iterable

from app.domain.intake.hospital_message import HospitalMessage
from app.domain.intake.rejections import Rejected, RejectionReason
from app.domain.intake.table_rows import read_kept_row
from app.integrations.tables.cells import BadCell
from app.integrations.tables.mapping import SourceMapping
from app.integrations.tables.records import read_row


class TableReader:
    """Reads rows that were kept; `source` is the configured short name."""

    def __init__(self, mappings: Iterable[SourceMapping]) -> None:
        self._mappings = {mapping.source: mapping for mapping in mappings}

    def __call__(self, source: str, body: bytes) -> tuple[HospitalMessage, ...] | Rejected:
        """Return what a row says, or why it says nothing; the reason names columns, no values."""
        try:
            kept = read_kept_row(body)
        except ValueError:
            return Rejected(RejectionReason.NOT_A_ROW)
        mapping = self._mappings.get(source)
        table = mapping.table(kept.table) if mapping else None
        if mapping is None or table is None:
            return Rejected(RejectionReason.UNMAPPED_TABLE, kept.table)
        try:
            message, _ = read_row(mapping, table, kept)
        except BadCell as bad:
            return Rejected(RejectionReason.BAD_CELL, str(bad))
        except Rejected as rejected:
            return rejected
        return (message,)
