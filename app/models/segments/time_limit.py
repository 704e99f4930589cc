"""A statement that takes too long is ended: a count for a form must not hold the database."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.domain.segments.errors import TooSlow

# MariaDB ER_STATEMENT_TIMEOUT; MySQL ER_QUERY_TIMEOUT, and what a killed query says.
_TIMED_OUT: Final = frozenset({1969, 3024, 1317})
_INSTRUCTIONS: Final = 20_000  # of SQLite's machine between two looks at the clock


@contextmanager
def limited(session: Session, seconds: float) -> Iterator[None]:
    """End each statement of `session` inside that runs longer than `seconds`.

    :raises TooSlow: one did
    """
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        deadline = time.monotonic() + seconds
        driver.set_progress_handler(lambda: time.monotonic() > deadline, _INSTRUCTIONS)
    else:
        connection.exec_driver_sql(_limit(session, seconds))
    try:
        yield
    except DBAPIError as error:
        if _is_timeout(error):
            raise TooSlow from None
        raise
    finally:
        if connection.dialect.name == "sqlite":
            driver.set_progress_handler(None, 0)
        elif not connection.invalidated:
            connection.exec_driver_sql(_limit(session, 0))


def _limit(session: Session, seconds: float) -> str:
    if getattr(session.get_bind().dialect, "is_mariadb", False):
        return f"SET SESSION max_statement_time = {seconds:.3f}"
    return f"SET SESSION max_execution_time = {int(seconds * 1000)}"


def _is_timeout(error: DBAPIError) -> bool:
    told = next(iter(getattr(error.orig, "args", ())), None)
    return told in _TIMED_OUT or told == "interrupted"
