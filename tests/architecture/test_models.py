"""What must hold of every table, whoever writes it."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import DateTime, Engine, Enum, String, func, inspect, select
from sqlalchemy.orm import Session

from app.database import Base, Digest, Sealed
from app.models import Patient
from tests.conftest import NOON, WORKER, create_database, make_engine, migrate
from tests.integration import ward

pytestmark = pytest.mark.both_databases

COLUMNS = [column for table in Base.metadata.tables.values() for column in table.columns]


# A platform's names for people; they open nothing without that platform's secrets.
READABLE_IDENTITY = {
    "wechat_account.openid",
    "wechat_account.unionid",
    "practitioner.wecom_userid",
    "communication_recipient.recipient",
    "contact_arrival.external_userid",
    "contact_arrival.unionid",
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


@pytest.mark.parametrize("kind", ["mariadb", "sqlite"])
def test_migrations_run_up_and_down_with_data(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = (
        create_database(request.getfixturevalue("mariadb_url"), f"careloop_migrations_{WORKER}")
        if kind == "mariadb"
        else f"sqlite:///{tmp_path / 'migrations.sqlite3'}"
    )
    engine = make_engine(url)
    migrate(engine)
    with Session(engine) as session:
        patient = ward.build(session)
        ward.discharge(session, patient)
        ward.measure(session, patient, "2.8", NOON, "LL")
        session.commit()

    migrate(engine, "base", down=True)
    with engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
    migrate(engine)

    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(Patient)) == 0
    engine.dispose()
