"""`relay grant`: the account with which the relay of the outer zone hands in callbacks."""

import re
import secrets
from typing import Final

import click
from sqlalchemy import Engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from app.cli.frame import Failed, with_database
from app.database import make_engine
from app.settings import Settings

TABLE: Final = "relayed_callback"
COLUMNS: Final = ("source", "delivery_key", "push_sealed", "received_at")
_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,32}")
_HOST: Final = re.compile(r"[A-Za-z0-9.:%_-]{1,60}")
_PASSWORD: Final = re.compile(r"[A-Za-z0-9_-]{20,64}")


@click.group()
def relay() -> None:
    """The relay of the outer zone."""


@relay.command()
@click.option("--account", default="careloop_relay", show_default=True)
@click.option("--host", required=True, help="Where the relay connects from, to the database.")
@click.option("--tls/--no-tls", default=True, help="Refuse the account without TLS.")
@click.option("--execute", is_flag=True, help="Make the account; asks for an administrator's URL.")
@with_database
def grant(
    loaded: Settings, engine: Engine, *, account: str, host: str, tls: bool, execute: bool
) -> None:
    """Print the statements that let the relay insert callbacks and nothing else.

    With --execute they are run, and the password is printed once.
    """
    database = make_url(loaded.database_url).database or ""
    password = secrets.token_urlsafe(32)
    try:
        statements = grant_statements(database, account, host, password, tls=tls)
    except ValueError as problem:
        raise click.UsageError(str(problem)) from None
    if execute:
        url = click.prompt("URL of an administrator", hide_input=True)
        _run(url, statements)
        print(f"user {account}, password {password}")
        return
    for statement in statements:
        print(f"{statement};")


def grant_statements(
    database: str, account: str, host: str, password: str, *, tls: bool
) -> tuple[str, ...]:
    """Return the statements for MariaDB and MySQL, in order.

    :raises ValueError: a name that would have to be quoted
    """
    checks = ((_NAME, database), (_NAME, account), (_HOST, host), (_PASSWORD, password))
    if not all(pattern.fullmatch(text) for pattern, text in checks):
        raise ValueError("database, account and host are plain names; SQLite has no accounts")
    who = f"'{account}'@'{host}'"
    required = "SSL" if tls else "NONE"
    columns = ", ".join(COLUMNS)
    limits = f"REQUIRE {required} WITH MAX_USER_CONNECTIONS 4"
    return (
        f"CREATE USER {who} IDENTIFIED BY '{password}' {limits}",
        f"GRANT INSERT ({columns}) ON {database}.{TABLE} TO {who}",
    )


def _run(url: str, statements: tuple[str, ...]) -> None:
    admin = make_engine(url, pool_size=1)
    try:
        with admin.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
    except SQLAlchemyError as problem:
        # Its text would quote the password.
        raise Failed(f"The database refused: {type(problem).__name__}") from None
    finally:
        admin.dispose()
