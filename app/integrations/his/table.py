"""A hospital system that takes requests from an agreed table (中间库 / 接口表).

A mapping says which of their columns takes which of our fields. Their column for our number is
looked up before a row is inserted, and should be unique: a repeat finds the first row. A status
column, where agreed, is read back.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Engine, TableClause, column, create_engine, insert, select, table
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from app.domain.exchange.answers import Answer, Verdict
from app.domain.exchange.delivering import Broken, CallError, CallOutcome, Taken
from app.domain.exchange.documents import OutgoingDocument
from app.integrations.his.flat import FIELDS, flat

log = structlog.get_logger()

_CONNECT_SECONDS: Final = 3
_READ_SECONDS: Final = 10
_ASKED_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Agreement:
    """Which of their columns means what.

    `columns`: our field (`flat.FIELDS`) → their column; `number` must be among them. `verdicts`:
    what a value of `status_column` says.
    """

    table: str
    columns: Mapping[str, str]
    schema: str | None = None
    constants: Mapping[str, str] = field(default_factory=dict)
    status_column: str | None = None
    filler_column: str | None = None
    reason_column: str | None = None
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = set(self.columns) - FIELDS
        if unknown:
            raise ValueError(f"fields that no document has: {', '.join(sorted(unknown))}")
        if "number" not in self.columns:
            raise ValueError("our number needs a column: it makes a repeat harmless")


class InterfaceTable:
    """One such table; made once for a process."""

    def __init__(self, url: str, agreement: Agreement, zone: tzinfo) -> None:
        self._engine = _engine(url)
        self._agreement = agreement
        self._zone = zone
        self._table = _clause(agreement)

    def send(self, document: OutgoingDocument) -> CallOutcome:
        """Insert the row of a document, unless it is there."""
        agreed = self._agreement
        values = {**flat(document, self._zone)}
        row: dict[str, Any] = {their: values.get(our) for our, their in agreed.columns.items()}
        row |= agreed.constants
        outcome = self._insert(document.number, row)
        if isinstance(outcome, Broken):
            log.warning("table_call_failed", error_class=outcome.error.value)
        return outcome

    def answers(self, numbers: Sequence[str], now: datetime) -> tuple[Answer, ...]:
        """Return what their status column says of these documents; nothing where none is agreed.

        :raises SQLAlchemyError: the table cannot be read
        """
        agreed = self._agreement
        if agreed.status_column is None or not numbers:
            return ()
        number = self._table.c[agreed.columns["number"]]
        asked = [number, self._table.c[agreed.status_column]]
        for name in (agreed.filler_column, agreed.reason_column):
            asked.append(self._table.c[name] if name else number)
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(*asked).where(number.in_(numbers[:_ASKED_AT_ONCE]))
            ).all()
        return tuple(self._answers(rows, now))

    def close(self) -> None:
        self._engine.dispose()

    def _answers(self, rows: Sequence[Any], now: datetime) -> Iterator[Answer]:
        agreed = self._agreement
        for number, status, filler, reason in rows:
            # CHAR columns of other systems are padded.
            verdict = agreed.verdicts.get(str(status).strip())
            if verdict is not None:
                yield Answer(
                    str(number).strip(), verdict, now,
                    str(filler or "").strip() if agreed.filler_column else "",
                    str(reason or "").strip() if agreed.reason_column else "",
                )  # fmt: skip

    def _insert(self, number: str, row: dict[str, Any]) -> CallOutcome:
        has_sent = False
        try:
            with self._connected() as connection:
                has_sent = True
                if not self._is_there(connection, number):
                    connection.execute(insert(self._table).values(row))
                connection.commit()
        except IntegrityError:
            return self._after_collision(number)
        except DataError:
            return Broken(CallError.CONTENT)
        except DBAPIError as problem:
            # A lost connection may have committed; their own refusal has not.
            lost = has_sent and problem.connection_invalidated
            error = CallError.AMBIGUOUS if lost else CallError.BUSY
            return Broken(error if has_sent else CallError.NOT_SENT)
        except SQLAlchemyError:
            return Broken(CallError.AMBIGUOUS if has_sent else CallError.NOT_SENT)
        return Taken()

    def _after_collision(self, number: str) -> CallOutcome:
        """Their unique key refused the row: it is there already, or another key is violated."""
        try:
            with self._connected() as connection:
                is_there = self._is_there(connection, number)
        except SQLAlchemyError:
            return Broken(CallError.BUSY)
        return Taken() if is_there else Broken(CallError.CONTENT)

    def _is_there(self, connection: Connection, number: str) -> bool:
        own = self._table.c[self._agreement.columns["number"]]
        return connection.execute(select(own).where(own == number)).first() is not None

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            yield connection


def _clause(agreed: Agreement) -> TableClause:
    names = dict.fromkeys([*agreed.columns.values(), *agreed.constants])
    more = (agreed.status_column, agreed.filler_column, agreed.reason_column)
    names |= dict.fromkeys(name for name in more if name)
    return table(agreed.table, *(column(name) for name in names), schema=agreed.schema)


# What each driver calls its time limits, in seconds.
_LIMITS: Final[dict[str, dict[str, Any]]] = {
    "pymysql": {
        "connect_timeout": _CONNECT_SECONDS,
        "read_timeout": _READ_SECONDS,
        "write_timeout": _READ_SECONDS,
        "charset": "utf8mb4",
    },
    "pymssql": {"login_timeout": _CONNECT_SECONDS, "timeout": _READ_SECONDS},
    "oracledb": {"tcp_connect_timeout": _CONNECT_SECONDS},
    "pysqlite": {"timeout": _CONNECT_SECONDS},
}


def _engine(url: str) -> Engine:
    """Return an engine with the driver's own time limits; parameters stay out of errors."""
    made = make_url(url)
    limits = _LIMITS.get(made.get_dialect().driver, {})
    return create_engine(
        made, pool_size=1, max_overflow=1, pool_timeout=_CONNECT_SECONDS, pool_pre_ping=True,
        hide_parameters=True, connect_args=limits,
    )  # fmt: skip
