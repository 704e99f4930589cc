"""A table of a hospital's database, read in pages by its watermark and key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnClause, ColumnElement, Engine, Select, and_, column, or_, select, table
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.domain.intake.table_rows import (
    KeyPage,
    RowPage,
    SourceRow,
    Value,
    pack_values,
    unpack_values,
)
from app.integrations.tables.drivers import SourceUnavailable
from app.integrations.tables.mapped_table import MappedTable

Columns: TypeAlias = Sequence[ColumnClause[Any]]

PAGE: Final = 1000
# Key values in one statement; Oracle takes 1,000 in a list, SQL Server 2,100 parameters in all.
_AT_ONCE: Final = 200


@dataclass(frozen=True)
class DatabaseTable(MappedTable):
    """A mapped table or view; every call is one short read-only transaction of its own."""

    engine: Engine
    page_rows: int = PAGE

    def page(self, position: str | None, since: datetime | None) -> RowPage:
        """Return the rows after `position`, of those written at `since` or later.

        Rows of one watermark are told apart by the key, so a border between pages may fall among
        them. Rows without a watermark are found by the nightly look at all keys.

        :raises SourceUnavailable: the source did not answer in time, or refused
        """
        order = self._order
        statement = self._columns(self.table.columns).order_by(*order).limit(self.page_rows)
        if self.table.watermark is not None:
            statement = statement.where(column(self.table.watermark.column).is_not(None))
            if since is not None:
                bound = self._bound(since)
                statement = statement.where(column(self.table.watermark.column) >= bound)
        if position is not None:
            statement = statement.where(_after(order, unpack_values(position)))
        found = self._fetch(statement)
        rows = tuple(self._row(values) for values in found)
        if len(found) < self.page_rows:
            return RowPage(rows, None)
        return RowPage(rows, self._next(position, found[-1], self.table.columns, order))

    def key_page(self, position: str | None, since: datetime | None) -> KeyPage:
        """Return the keys after `position`, of rows written at `since` or later."""
        order: Columns = [column(name) for name in self.table.key]
        statement = self._columns(self.table.key).order_by(*order).limit(self.page_rows)
        if since is not None and self.table.watermark is not None:
            statement = statement.where(column(self.table.watermark.column) >= self._bound(since))
        if position is not None:
            statement = statement.where(_after(order, unpack_values(position)))
        found = self._fetch(statement)
        if len(found) < self.page_rows:
            return KeyPage(tuple(found), None)
        return KeyPage(tuple(found), self._next(position, found[-1], self.table.key, order))

    def rows(self, keys: Sequence[tuple[Value, ...]]) -> tuple[SourceRow, ...]:
        """Return the rows of these keys, as many as there are."""
        named: Columns = [column(name) for name in self.table.key]
        found: list[SourceRow] = []
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            wanted = (
                named[0].in_([key[0] for key in some])
                if len(named) == 1
                else or_(
                    *(and_(*(c == v for c, v in zip(named, key, strict=True))) for key in some)
                )
            )
            statement = self._columns(self.table.columns).where(wanted)
            found += [self._row(values) for values in self._fetch(statement)]
        return tuple(found)

    @property
    def _order(self) -> Columns:
        watermark = [self.table.watermark.column] if self.table.watermark else []
        return [column(name) for name in dict.fromkeys((*watermark, *self.table.key))]

    def _columns(self, names: Sequence[str]) -> Select[Any]:
        schema, _, relation = self.table.relation.rpartition(".")
        columns: list[ColumnClause[Any]] = [column(name) for name in names]
        return select(*columns).select_from(table(relation, schema=schema or None))

    def _bound(self, since: datetime) -> Any:
        """Return an instant as the source's column writes it: local, and text where it is text."""
        local = since.astimezone(self.mapping.zone).replace(tzinfo=None, microsecond=0)
        watermark = self.table.watermark
        if watermark is None or watermark.format is None:
            return local
        return local.strftime(watermark.format)

    def _row(self, values: Sequence[Value]) -> SourceRow:
        return self.row(dict(zip(self.table.columns, values, strict=True)))

    def _next(
        self,
        position: str | None,
        last: Sequence[Value],
        names: Sequence[str],
        order: Columns,
    ) -> str:
        by_name = dict(zip(names, last, strict=True))
        reached = pack_values([by_name[one.name] for one in order])
        if reached == position:
            # The driver rounded what it was to compare with: the same page would come for ever.
            raise SourceUnavailable("分页没有前进：水位列的精度高于驱动能表示的精度")
        return reached

    def _fetch(self, statement: Select[Any]) -> list[tuple[Value, ...]]:
        try:
            with self.engine.connect() as connection:
                return [tuple(_value(one) for one in row) for row in connection.execute(statement)]
        except DBAPIError as error:
            # Its text may quote the statement with the keys in it.
            kind = type(error.orig).__name__ if error.orig else type(error).__name__
            raise SourceUnavailable(f"来源数据库没有应答：{kind}") from None
        except SQLAlchemyError as error:
            raise SourceUnavailable(f"来源数据库没有应答：{type(error).__name__}") from None


def _after(order: Columns, values: Sequence[Value]) -> ColumnElement[bool]:
    """Return the condition for rows behind `values`, spelt so that every product knows it."""
    steps = [
        and_(*(order[i] == values[i] for i in range(depth)), order[depth] > values[depth])
        for depth in range(len(order))
    ]
    return or_(*steps)


def _value(value: Any) -> Value:
    """Return what a driver gave as one of the types that are kept."""
    if value is None or isinstance(value, str | datetime | date | Decimal):
        return value
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, float):
        # The shortest decimal that is this float: what its writer meant.
        return Decimal(repr(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, timedelta):
        return str(value)
    return str(value)
