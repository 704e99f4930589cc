"""Runs the migrations; renders our column types as plain ones, so that none imports the app."""

from typing import Any

from alembic import context
from sqlalchemy import BigInteger, Connection, Enum

import app.models  # noqa: F401  # maps every table
from app.database import Base, Digest, Instant, PlatformId, Sealed, Text, make_engine

_HELPERS = {Instant: "instant()", Sealed: "sealed()", Digest: "digest()"}


def render(kind: str, item: Any, autogen: Any) -> str | bool:
    if kind != "type":
        return False
    autogen.imports.add(
        "from migrations.types import big, digest, instant, platform_id, sealed, text"
    )
    if isinstance(item, PlatformId):
        return f"platform_id({item.impl_instance.length})"
    if isinstance(item, Text):
        return f"text({item.impl_instance.length})"
    if type(item) in _HELPERS:
        return _HELPERS[type(item)]
    if isinstance(item, BigInteger):
        return "big()"
    if isinstance(item, Enum):
        return f"sa.String({item.length})"
    return False


def run(connection: Connection) -> None:
    is_sqlite = connection.dialect.name == "sqlite"
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_item=render,
        render_as_batch=is_sqlite,
        compare_type=True,
    )
    if is_sqlite:
        _let_tables_be_remade(connection)
    with context.begin_transaction():
        context.run_migrations()


def _let_tables_be_remade(connection: Connection) -> None:
    """SQLite alters a table by making it anew: while the old one is dropped, keys point nowhere.

    The pragma is heard only outside a transaction; the connection is not used again afterwards.
    """
    connection.commit()
    connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[union-attr]
    connection.detach()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    from app import settings

    with make_engine(settings.load().database_url).connect() as connection:
        run(connection)
        connection.commit()
