"""The cells of one row, and what of them could not be used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.domain.intake.hospital_records import UNCHANGED, Identifier, Stated
from app.domain.intake.rejections import Rejected, RejectionReason
from app.domain.intake.table_rows import Values
from app.integrations.tables.cells import READ, BadCell, Cell, CellProblem
from app.integrations.tables.fields import FIELDS, PATIENT_FIELDS
from app.integrations.tables.mapping import SourceMapping, TableMapping


@dataclass(slots=True)
class RowReading:
    """Reads the cells of one row; `problems` are optional cells that were left out."""

    mapping: SourceMapping
    table: TableMapping
    values: Values
    problems: list[BadCell] = field(default_factory=list)

    def get(self, name: str) -> Any:
        """Return what a field of the row's kind says, None where it says nothing.

        :raises BadCell: it is required, and is empty or cannot be used
        """
        return self._get(name, self.table.fields, FIELDS[self.table.kind])

    def person(self, name: str) -> Any:
        """Return what a field of the person says, None where it says nothing."""
        return self._get(name, self.table.patient, PATIENT_FIELDS)

    def _get(self, name: str, cells: Mapping[str, Cell], kinds: Mapping[str, Any]) -> Any:
        cell, kind = cells.get(name), kinds[name]
        if cell is None:
            return None
        try:
            said = READ[kind.kind](cell, self.values, self.mapping.zone)
            if kind.is_required and said in (None, ""):
                raise BadCell(cell.named, CellProblem.MISSING)
        except BadCell as bad:
            if kind.is_required:
                raise
            self.problems.append(bad)
            return None
        if said in (None, ""):
            return None
        return said if kind.choices is None else self._choice(str(said), cell, kind)

    def _choice(self, said: str, cell: Cell, kind: Any) -> Any:
        try:
            return kind.choices(said)
        except ValueError:
            bad = BadCell(cell.named, CellProblem.NOT_IN_MAP)
            if kind.is_required:
                raise bad from None
            self.problems.append(bad)
            return None

    def text(self, name: str) -> str:
        return self.get(name) or ""

    def stated(self, name: str) -> Stated[Any]:
        """Return what a field of the row's kind states; an empty one as the mapping tells."""
        return self._stated(name, self.table.fields, FIELDS[self.table.kind])

    def stated_of_person(self, name: str) -> Stated[Any]:
        return self._stated(name, self.table.patient, PATIENT_FIELDS)

    def _stated(
        self, name: str, cells: Mapping[str, Cell], kinds: Mapping[str, Any]
    ) -> Stated[Any]:
        if name not in cells:
            return UNCHANGED
        before = len(self.problems)
        said = self._get(name, cells, kinds)
        if said is not None:
            return said
        is_readable = len(self.problems) == before
        return None if is_readable and cells[name].is_deleted_when_empty else UNCHANGED

    def identifiers(self) -> tuple[Identifier, ...]:
        """Return the numbers of the person.

        :raises Rejected: there is none
        """
        found = (cell.identifier(self.values) for cell in self.table.identifiers)
        numbers = tuple(dict.fromkeys(one for one in found if one))
        if not numbers:
            raise Rejected(RejectionReason.NO_PATIENT_IDENTIFIER)
        return numbers

    def visit(self) -> Identifier | None:
        return self.table.visit.identifier(self.values) if self.table.visit else None

    @property
    def is_withdrawn(self) -> bool:
        flag = self.table.withdrawn
        return flag is not None and flag.is_true(self.values)
