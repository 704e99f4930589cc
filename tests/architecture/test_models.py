"""What must hold of every table, whoever writes it."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import DateTime, Engine, Enum, String

import app.models  # noqa: F401
from app.database import Base, Digest, Sealed
from tests.conftest import create_database, make_engine, migrate

COLUMNS = [column for table in Base.metadata.tables.values() for column in table.columns]


# A platform's names for people; they open nothing without that platform's secrets.
READABLE_IDENTITY = {
    "wechat_account.openid",
    "wechat_account.unionid",
    "practitioner.wecom_userid",
}


def test_every_column_says_how_sensitive_it_is() -> None:
    unlabelled = [
        str(column)
        for column in COLUMNS
        if column.info.get("level") not in (1, 2, 3, 4, 5) or not column.info.get("category")
    ]

    assert unlabelled == []


def test_what_names_a_person_or_says_anything_is_sealed() -> None:
    readable = {
        str(column)
        for column in COLUMNS
        if column.info["level"] >= 4 and not isinstance(column.type, Sealed | Digest)
    }

    assert readable == READABLE_IDENTITY


def test_no_column_uses_a_bare_time_or_text_type() -> None:
    """Our own types refuse naive times and untyped text; the bare ones would not."""
    bare = [
        str(column)
        for column in COLUMNS
        if isinstance(column.type, DateTime | String) and not isinstance(column.type, Enum)
    ]

    assert bare == []


def test_models_equal_migrations(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrations_run_down_and_up_again(mariadb_url: str) -> None:
    engine = make_engine(create_database(mariadb_url, "careloop_migrations"))
    migrate(engine)
    migrate(engine, "base", down=True)
    migrate(engine)
    engine.dispose()
