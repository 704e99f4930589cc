"""One cell: which column it comes from, how it is written there, and what it says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from enum import StrEnum
from typing import Final

from app.domain.intake.hospital_records import Coded, Identifier
from app.domain.intake.table_rows import Value, Values, text_of, tidy
from app.integrations.hl7.results import read_number
from app.integrations.hl7.timestamps import read_date, read_instant


class CellProblem(StrEnum):
    """Why a cell cannot be used; `sentence` is for whoever mends the table."""

    MISSING = "missing"
    NOT_IN_MAP = "not-in-map"
    NOT_A_TIME = "not-a-time"
    NOT_A_DATE = "not-a-date"
    NOT_A_NUMBER = "not-a-number"
    TOO_LONG = "too-long"
    NO_COLUMN = "no-column"
    FORMULA = "formula"
    INEXACT = "inexact"
    REPEATED = "repeated"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES: Final = {
    CellProblem.MISSING: "必填，但没有内容",
    CellProblem.NOT_IN_MAP: "这个值不在映射文件的对照表里",
    CellProblem.NOT_A_TIME: "不是能识别的日期时间",
    CellProblem.NOT_A_DATE: "不是能识别的日期",
    CellProblem.NOT_A_NUMBER: "不是数字",
    CellProblem.TOO_LONG: "内容超过 10000 个字",
    CellProblem.NO_COLUMN: "表里没有这一列",
    CellProblem.REPEATED: "与前面的一行主键相同",
    CellProblem.FORMULA: "是公式，请粘贴为数值后再导入",
    CellProblem.INEXACT: "是超过 15 位的数字，表格已丢失精度，请把这一列设为文本格式",
}
_LONGEST_TEXT = 10_000


class BadCell(Exception):
    """A cell cannot be used; it names the column, never what stands in it."""

    def __init__(self, column: str, problem: CellProblem) -> None:
        super().__init__(f"{column}: {problem}")
        self.column = column
        self.problem = problem


class FieldKind(StrEnum):
    """How the cells of a field are read."""

    TEXT = "text"
    CHOICE = "choice"
    CODE = "code"
    IDENTIFIER = "identifier"
    INSTANT = "instant"
    DATE = "date"
    NUMBER = "number"
    INTEGER = "integer"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a field comes from: a column, or a constant that every row has.

    `translations` maps what stands in the column to what it means; `format` is that of strptime.
    """

    column: str | None = None
    constant: str | None = None
    translations: Mapping[str, str] | None = None
    otherwise: str | None = None  # for values that `translations` lacks
    format: str | None = None
    is_deleted_when_empty: bool = False
    display: str | None = None  # CODE: the column with the words
    system: str = ""
    issuer: str = ""  # IDENTIFIER
    type_code: str = ""
    truths: frozenset[str] = field(default=frozenset())  # FLAG: the values that mean yes

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in (self.column, self.display) if name)

    @property
    def named(self) -> str:
        """What to call the cell in a report."""
        return self.column or "constant"

    def raw(self, values: Values) -> Value:
        """Return what stands in the column, tidy.

        :raises BadCell: the row has no such column
        """
        if self.column is None:
            return self.constant
        try:
            return tidy(values[self.column])
        except KeyError:
            raise BadCell(self.column, CellProblem.NO_COLUMN) from None

    def text(self, values: Values) -> str:
        """Return the text, translated where a translation is given; '' where there is none.

        :raises BadCell: it has no translation, or is longer than any text of a record
        """
        found = text_of(self.raw(values))
        if self.translations is not None and self.column is not None:
            translated = self.translations.get(found, self.otherwise)
            if translated is None and found:
                raise BadCell(self.named, CellProblem.NOT_IN_MAP)
            found = translated or ""
        if len(found) > _LONGEST_TEXT:
            raise BadCell(self.named, CellProblem.TOO_LONG)
        return found

    def is_true(self, values: Values) -> bool:
        return text_of(self.raw(values)) in self.truths

    def code(self, values: Values) -> Coded | None:
        """Return the concept; where a column has only words, the words are the code."""
        words = text_of(values.get(self.display)) if self.display else ""
        code = self.text(values) or words
        return Coded(code, words, self.system) if code else None

    def identifier(self, values: Values) -> Identifier | None:
        number = self.text(values)
        return Identifier(self.issuer, self.type_code, number) if number else None

    def instant(self, values: Values, zone: tzinfo) -> datetime | None:
        """Return the instant, in UTC; a time without a zone is the hospital's."""
        value = self.raw(values)
        if value is None:
            return None
        moment = self._moment(value, zone)
        if moment is None:
            raise BadCell(self.named, CellProblem.NOT_A_TIME)
        return moment

    def _moment(self, value: Value, zone: tzinfo) -> datetime | None:
        try:
            if isinstance(value, datetime):
                return _aware(value, zone)
            if isinstance(value, date):
                return _aware(datetime.combine(value, time.min), zone)
            if self.format:
                return _aware(_parsed(text_of(value), self.format), zone)
        except (ValueError, OverflowError):
            return None
        return read_instant(text_of(value), zone)

    def day(self, values: Values) -> date | None:
        """Return the calendar day; the time behind a birthday is ignored, never converted."""
        value = self.raw(values)
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
        try:
            day = (
                _parsed(text_of(value), self.format).date()
                if self.format
                else read_date(text_of(value))
            )
        except ValueError:
            day = None
        if day is None:
            raise BadCell(self.named, CellProblem.NOT_A_DATE)
        return day

    def number(self, values: Values) -> Decimal | None:
        found = text_of(self.raw(values))
        if not found:
            return None
        number = read_number(found)
        if number is None or number[0] or number[2]:
            raise BadCell(self.named, CellProblem.NOT_A_NUMBER)
        return number[1]

    def integer(self, values: Values) -> int | None:
        number = self.number(values)
        if number is None:
            return None
        if number != number.to_integral_value():
            raise BadCell(self.named, CellProblem.NOT_A_NUMBER)
        return int(number)


def _parsed(text: str, form: str) -> datetime:
    return datetime.strptime(text, form)  # noqa: DTZ007  # the caller knows the zone


def _aware(moment: datetime, zone: tzinfo) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


# What a cell of each kind gives, but for CHOICE, whose meaning the field knows.
READ: Final[Mapping[FieldKind, Callable[[Cell, Values, tzinfo], object]]] = {
    FieldKind.TEXT: lambda cell, values, _: cell.text(values),
    FieldKind.CHOICE: lambda cell, values, _: cell.text(values),
    FieldKind.CODE: lambda cell, values, _: cell.code(values),
    FieldKind.IDENTIFIER: lambda cell, values, _: cell.identifier(values),
    FieldKind.INSTANT: lambda cell, values, zone: cell.instant(values, zone),
    FieldKind.DATE: lambda cell, values, _: cell.day(values),
    FieldKind.NUMBER: lambda cell, values, _: cell.number(values),
    FieldKind.INTEGER: lambda cell, values, _: cell.integer(values),
    FieldKind.FLAG: lambda cell, values, _: cell.is_true(values),
}
