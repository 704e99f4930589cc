"""Fixtures everyone may use: keys, a migrated database of each kind, a session rolled back.

`session` is rolled back at the end of its test. `database` may be committed to by many
connections and processes, and is emptied afterwards. Both run on MariaDB and on SQLite.
"""

import base64
import hashlib
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import Engine, make_url, text
from sqlalchemy.orm import Session

from app import encryption, logs
from app.database import Base, make_engine, unit_of_work
from tests import services

ROOT = Path(__file__).resolve().parent.parent
NOON = datetime(2026, 5, 4, 4, 0, tzinfo=UTC)  # 12:00 at the hospital, a Monday
SECRET_KEY = base64.b64encode(hashlib.sha256(b"tests only").digest()).decode()
SECRET_KEYS = f"t1:{SECRET_KEY}"
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(scope="session", autouse=True)
def keys() -> None:
    logs.configure("test")
    key = base64.b64decode(SECRET_KEY)
    encryption.use(encryption.Keyring({"t1": key}, "hospital"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Sample files that only some machines have."""
    folder = Path(os.environ.get("CARELOOP_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"sample data not at {folder}")
    return folder


@pytest.fixture(scope="session")
def mariadb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A MariaDB server, without a database name; `make test` starts one for all processes."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given.rstrip("/")
        return
    with services.mariadb(tmp_path_factory.mktemp("mariadb")) as url:
        yield url


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    given = os.environ.get("TEST_REDIS_URL")
    if given:
        yield given
        return
    with services.redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


def migrate(engine: Engine, revision: str = "head", *, down: bool = False) -> None:
    config = Config(ROOT / "alembic.ini")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(config, revision)
        connection.commit()


def create_database(server_url: str, name: str) -> str:
    """Make an empty database on a MariaDB server and return its URL."""
    server = make_engine(server_url)
    with server.begin() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        connection.execute(text(f"CREATE DATABASE {name} CHARACTER SET utf8mb4"))
    server.dispose()
    return f"{server_url}/{name}"


@pytest.fixture(scope="session")
def mariadb_engine(mariadb_url: str) -> Iterator[Engine]:
    engine = make_engine(create_database(mariadb_url, f"careloop_{WORKER}"))
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    engine = make_engine(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()  # the last connection folds the write-ahead log into the file
    return path


@pytest.fixture(scope="session")
def sqlite_engine(sqlite_template: Path) -> Iterator[Engine]:
    path = sqlite_template.with_name("shared.sqlite3")
    shutil.copy(sqlite_template, path)
    engine = make_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture(params=["mariadb", "sqlite"])
def engine(request: pytest.FixtureRequest) -> Engine:
    made: Engine = request.getfixturevalue(f"{request.param}_engine")
    return made


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session inside a transaction that the end of the test rolls back."""
    with engine.connect() as connection:
        outer = connection.begin()
        with Session(
            connection, join_transaction_mode="create_savepoint", expire_on_commit=False
        ) as session:
            yield session
        outer.rollback()


@pytest.fixture
def database(engine: Engine) -> Iterator[Engine]:
    """A database that may be committed to; `unit_of_work` is bound to it; emptied afterwards."""
    unit_of_work.configure(bind=engine)
    yield engine
    empty(engine)


@pytest.fixture
def mariadb(mariadb_engine: Engine) -> Iterator[Engine]:
    """Like `database`, for what only a real MariaDB can prove."""
    unit_of_work.configure(bind=mariadb_engine)
    yield mariadb_engine
    empty(mariadb_engine)


def empty(engine: Engine) -> None:
    url = make_url(str(engine.url))
    with engine.begin() as connection:
        if url.get_backend_name() == "sqlite":
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        else:
            connection.exec_driver_sql("SET foreign_key_checks = 0")
        for table in Base.metadata.tables.values():
            connection.execute(table.delete())
        if url.get_backend_name() != "sqlite":
            connection.exec_driver_sql("SET foreign_key_checks = 1")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.fail("Chromium is not installed; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
