"""Base class, column types, labels, engine and unit of work."""

import re
import secrets
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    Date,
    DateTime,
    Engine,
    Enum,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Uuid,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.exc import DisconnectionError, OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from sqlalchemy.pool import PoolResetState
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeDecorator, TypeEngine

Made = TypeVar("Made")

_COLLISIONS: Final = 5

# ----------------------------------------------------------------- labels (GB/T 39725-2020, §6)


def _label(level: int, category: str) -> dict[str, Any]:
    return {"level": level, "category": category}


KNOWLEDGE: Final = _label(1, "knowledge")  # articles, plans, rules: may be shown to anyone
OPERATION: Final = _label(2, "operation")  # keys, states, times of work: names nobody
CARE: Final = _label(3, "care")  # values, codes and dates of care, beside an opaque key
IDENTITY: Final = _label(4, "identity")  # says who somebody is
FREE_TEXT: Final = _label(4, "free-text")  # may say anything
CREDENTIAL: Final = _label(5, "credential")  # opens a door


# ----------------------------------------------------------------------------- column types


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant in `DATETIME(6)`: MySQL keeps no zone, TIMESTAMP ends in 2038."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "mysql" or dialect.name == "mariadb":
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime is no instant")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class PlatformId(TypeDecorator[str]):
    """An id another system made, compared byte by byte.

    MariaDB's default collation reads oAbC and oabc as equal, and `ascii_bin` still pads with
    spaces; so the column is `ascii_bin` and white space is refused here.
    """

    impl = String
    cache_ok = True
    _allowed = re.compile(r"[!-~]{1,255}")

    def __init__(self, length: int = 64) -> None:
        super().__init__(length)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        length = self.impl_instance.length  # type: ignore[attr-defined]
        if dialect.name == "mysql" or dialect.name == "mariadb":
            return dialect.type_descriptor(
                mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
            )
        return dialect.type_descriptor(String(length))

    @classmethod
    def allows(cls, value: object) -> bool:
        """Tell whether `value` can be kept; what goes around the type's binding is asked here."""
        # MariaDB answers `text = 0` with almost every row: only text may be bound as text.
        return isinstance(value, str) and cls._allowed.fullmatch(value) is not None

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is not None and not self.allows(value):
            raise ValueError("not a platform id")
        return value


class Text(TypeDecorator[str]):
    """Text, compared byte by byte; anything else is refused before it is bound (`PlatformId`)."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        length = self.impl_instance.length  # type: ignore[attr-defined]
        if dialect.name == "mysql" or dialect.name == "mariadb":
            return dialect.type_descriptor(
                mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
            )
        return dialect.type_descriptor(String(length))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is not None and not isinstance(value, str):
            raise ValueError("only text is bound as text")
        return value


class Sealed(TypeDecorator[bytes]):
    """What `Encrypted` keeps; never compared, never searched."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "mysql" or dialect.name == "mariadb":
            return dialect.type_descriptor(mysql.MEDIUMBLOB())
        return dialect.type_descriptor(LargeBinary())


class Digest(TypeDecorator[bytes]):
    """32 bytes: a SHA-256, an HMAC, a blind index."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "mysql" or dialect.name == "mariadb":
            return dialect.type_descriptor(mysql.BINARY(32))
        return dialect.type_descriptor(LargeBinary(32))


_REST: Final = 1.0  # seconds
Big = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers only INTEGER keys itself


def new_public_id() -> str:
    """Return 128 random bits as text: what the outside may call a row."""
    return secrets.token_urlsafe(16)


class Base(DeclarativeBase):
    """Mapped classes. Column types follow from annotations; every column carries a label."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy's name
        datetime: Instant(),
        date: Date(),
        Decimal: Numeric(18, 6),
        str: Text(255),
        UUID: Uuid(),
        dict[str, Any]: JSON(),
        list[Any]: JSON(),
        StrEnum: Enum(
            StrEnum, native_enum=False, length=32, values_callable=lambda e: [m.value for m in e]
        ),
    }

    def __init__(self, **values: Any) -> None:
        # Encrypted attributes are bound to the row's public id: it must be there first.
        if "public_id" in type(self).__mapper__.columns:
            self.public_id = values.pop("public_id", None) or new_public_id()
        for name, value in values.items():
            if not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__} has no {name}")
            setattr(self, name, value)

    def __repr__(self) -> str:
        # A representation ends up in logs and tracebacks: class and id only.
        return f"<{type(self).__name__} {getattr(self, 'id', '?')}>"


def key_column() -> Mapped[int]:
    return mapped_column(Big, primary_key=True, info=OPERATION)


def public_id_column() -> Mapped[str]:
    return mapped_column(PlatformId(32), unique=True, default=new_public_id, info=OPERATION)


# ----------------------------------------------------------------------------- the database


class database_now(GenericFunction[datetime]):  # noqa: N801  # an SQL function
    """The database's own clock, for leases: workers' clocks may differ."""

    type = Instant()
    inherit_cache = True


@compiles(database_now, "mysql")
@compiles(database_now, "mariadb")
def _mysql_now(*_: Any, **__: Any) -> str:
    return "UTC_TIMESTAMP(6)"


@compiles(database_now, "sqlite")
def _sqlite_now(*_: Any, **__: Any) -> str:
    return "strftime('%Y-%m-%d %H:%M:%f', 'now')"


class random_public_id(GenericFunction[str]):  # noqa: N801  # an SQL function
    """A public id of the database's own making: 128 random bits for each row."""

    type = PlatformId(32)
    inherit_cache = True


@compiles(random_public_id, "mysql")
@compiles(random_public_id, "mariadb")
def _mysql_random_public_id(*_: Any, **__: Any) -> str:
    return "LOWER(HEX(RANDOM_BYTES(16)))"


@compiles(random_public_id, "sqlite")
def _sqlite_random_public_id(*_: Any, **__: Any) -> str:
    return "lower(hex(randomblob(16)))"


class start_of(GenericFunction[datetime]):  # noqa: N801  # an SQL function
    """The instant at which a date begins in UTC: dates and instants in one order."""

    type = Instant()
    inherit_cache = True


@compiles(start_of, "mysql")
@compiles(start_of, "mariadb")
def _mysql_start_of(element: Any, compiler: Any, **more: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **more)} AS DATETIME(6))"


@compiles(start_of, "sqlite")
def _sqlite_start_of(element: Any, compiler: Any, **more: Any) -> str:
    # As the driver writes instants: they are compared as text.
    return f"({compiler.process(element.clauses, **more)} || ' 00:00:00.000000')"


def make_engine(url: str, *, pool_size: int = 10) -> Engine:
    """Return an engine for SQLite (WAL) or MariaDB/MySQL (READ COMMITTED, UTC, strict)."""
    if make_url(url).get_backend_name() == "sqlite":
        _make_folder(make_url(url).database)
        engine = create_engine(url, connect_args={"timeout": 15, "check_same_thread": False})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    # READ COMMITTED: under the default an earlier read makes "lock, then look" collide.
    engine = create_engine(
        url,
        isolation_level="READ COMMITTED",
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=3,
        pool_reset_on_return=None,  # `_end_transaction` sees to it
        pool_recycle=1800,
        connect_args={
            "charset": "utf8mb4",
            "connect_timeout": 3,
            "read_timeout": 30,
            "write_timeout": 30,
            "init_command": "SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,"
            "NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO', "
            "innodb_lock_wait_timeout = 10",
        },
    )
    event.listen(engine, "checkout", _check_out)
    event.listen(engine, "begin", lambda connection: _settle(connection, is_settled=False))
    event.listen(engine, "commit", _settle)
    event.listen(engine, "rollback", _settle)
    event.listen(engine, "reset", _end_transaction)
    event.listen(engine, "checkin", _note_rest)
    return engine


def _settle(connection: Connection, *, is_settled: bool = True) -> None:
    if not connection.invalidated:  # a lost one has nothing left to settle
        connection.info["is_settled"] = is_settled


def _end_transaction(connection: Any, record: Any, state: PoolResetState) -> None:
    """Roll back what is open; right after a commit there is nothing, and no need to ask."""
    if not record.info["is_settled"] or state.terminate_only:
        connection.rollback()


def _note_rest(_: Any, record: Any) -> None:
    record.info["rests_since"] = time.monotonic()


def _check_out(connection: Any, record: Any, _: Any) -> None:
    """Ask a connection that rested whether it lives; under load each request would pay for it."""
    record.info["is_settled"] = False
    if time.monotonic() - record.info.get("rests_since", time.monotonic()) < _REST:
        return
    try:
        connection.ping(reconnect=False)
    except Exception:
        raise DisconnectionError from None  # the pool tries another one


def _make_folder(file: str | None) -> None:
    if file and file != ":memory:":
        Path(file).parent.mkdir(parents=True, exist_ok=True)


def _prepare_sqlite(connection: Any, _: Any) -> None:
    # The driver must not begin transactions by itself: `_begin_sqlite` does.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=15000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    # A reader that later writes would fail at once instead of waiting its turn.
    reads_only = connection.get_execution_options().get("reads_only")
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


# `with unit_of_work.begin() as session:` in a route, callback or job is the whole transaction.
# The wiring files bind it to the engine.
unit_of_work: sessionmaker[Session] = sessionmaker(expire_on_commit=False)


def database_time(session: Session) -> datetime:
    now: datetime = session.scalars(select(func.database_now())).one()
    return now


def after_collisions(work: Callable[[], Made]) -> Made:
    """Return what `work`, a whole transaction, makes.

    Two connections may insert side by side and meet in a deadlock; whoever lost tries again.

    :raises OperationalError: the database is away, or one collision followed another
    """
    for _ in range(_COLLISIONS - 1):
        try:
            return work()
        except OperationalError as error:
            if not _is_collision(error):
                raise
    return work()


def _is_collision(error: OperationalError) -> bool:
    """Tell whether MariaDB ended the transaction for another's sake (deadlock, error 1213)."""
    return bool(error.orig is not None and error.orig.args[:1] == (1213,))
