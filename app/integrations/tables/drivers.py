"""Connections to hospitals' databases: read only, with a time limit, whatever the product.

What each product offers to hold a session to reading differs; the account must be a read-only one
all the same. Not one of them was tried here but MariaDB and SQLite.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

# The extras of pyproject.toml, as pip takes them; the project itself is no package of an index.
DRIVERS: Final = {
    "oracle": "oracledb==26.1.0",
    "mssql": "pymssql==2.4.6",
    "dm": "dmPython==2.6.1 dmSQLAlchemy==2.0.17",
}
_CONNECT_SECONDS: Final = 5
# SQLite asks after so many of its steps whether to go on.
_STEPS: Final = 10_000


class SourceUnavailable(Exception):
    """A source cannot be read now; the text names no server, account, row or value."""


def open_source(url: str, seconds: int) -> Engine:
    """Return an engine whose sessions only read, each statement within `seconds`.

    :raises SourceUnavailable: the address is none, or its driver is not installed
    """
    try:
        product = make_url(url).drivername.partition("+")[0]
    except ArgumentError:
        raise SourceUnavailable("数据库地址无法识别（应为 SQLAlchemy URL）") from None
    try:
        engine = create_engine(
            url,
            pool_size=1,
            max_overflow=0,
            pool_pre_ping=True,
            pool_recycle=900,
            connect_args=_connect_arguments(product, seconds),
        )
    except (ModuleNotFoundError, NoSuchModuleError):
        driver = DRIVERS.get(product)
        how = f"请安装：pip install {driver}" if driver else "不支持这种数据库"
        raise SourceUnavailable(f"缺少 {product} 的数据库驱动，{how}") from None
    if product in _PREPARE:
        event.listen(engine, "connect", lambda raw, _: _PREPARE[product](raw, seconds))
    if product in _BEGIN:
        event.listen(engine, "begin", lambda connection: _BEGIN[product](connection, seconds))
    return engine


def _connect_arguments(product: str, seconds: int) -> dict[str, Any]:
    if product in ("mysql", "mariadb"):
        return {
            "charset": "utf8mb4",
            "connect_timeout": _CONNECT_SECONDS,
            # The server ends the statement; this only ends a wait for a server that is gone.
            "read_timeout": seconds + _CONNECT_SECONDS,
            "write_timeout": seconds + _CONNECT_SECONDS,
        }
    if product == "mssql":
        return {"timeout": seconds, "login_timeout": _CONNECT_SECONDS, "charset": "UTF-8"}
    if product == "oracle":
        return {"tcp_connect_timeout": _CONNECT_SECONDS}
    return {}


def _prepare_mysql(raw: Any, seconds: int) -> None:
    with raw.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        is_mariadb = "mariadb" in str(cursor.fetchone()[0]).lower()
        # MariaDB counts seconds, MySQL milliseconds.
        limit = (
            f"max_statement_time = {seconds}"
            if is_mariadb
            else f"max_execution_time = {seconds * 1000}"
        )
        cursor.execute(f"SET SESSION {limit}")
        cursor.execute("SET SESSION TRANSACTION READ ONLY")


def _prepare_sqlite(raw: Any, seconds: int) -> None:
    raw.execute("PRAGMA query_only = ON")


def _prepare_oracle(raw: Any, seconds: int) -> None:
    raw.call_timeout = seconds * 1000


def _prepare_sqlserver(raw: Any, seconds: int) -> None:
    # SQL Server has no read-only transaction; not to wait for its writers is what can be asked.
    with raw.cursor() as cursor:
        cursor.execute(f"SET LOCK_TIMEOUT {seconds * 1000}")


def _begin_read_only(connection: Connection, seconds: int) -> None:
    connection.exec_driver_sql("SET TRANSACTION READ ONLY")


def _begin_sqlite(connection: Connection, seconds: int) -> None:
    deadline = time.monotonic() + seconds
    raw: Any = connection.connection.driver_connection
    raw.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)


_PREPARE: Final[dict[str, Callable[[Any, int], None]]] = {
    "mysql": _prepare_mysql,
    "mariadb": _prepare_mysql,
    "sqlite": _prepare_sqlite,
    "oracle": _prepare_oracle,
    "mssql": _prepare_sqlserver,
}
_BEGIN: Final[dict[str, Callable[[Connection, int], None]]] = {
    "oracle": _begin_read_only,
    "dm": _begin_read_only,
    "sqlite": _begin_sqlite,
}
