"""Fixtures everyone may use: keys, a migrated database of each kind, a session rolled back.

`session` is rolled back at the end of its test. `database` may be committed to by many
connections and processes, and is emptied afterwards. Both stand on MariaDB or on SQLite.
"""

import base64
import hashlib
import os
import shutil
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from app import encryption, logs
from app.database import Base, make_engine, unit_of_work
from tests import services

ROOT = Path(__file__).resolve().parent.parent
NOON = datetime(2026, 5, 4, 4, 0, tzinfo=UTC)  # 12:00 at the hospital, a Monday
SECRET_KEY = base64.b64encode(hashlib.sha256(b"tests only").digest()).decode()
SECRET_KEYS = f"t1:{SECRET_KEY}"
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")


DATABASES = ("mariadb", "sqlite")
# Tests that start programs. Several of them at once would starve each other's deadlines.
IN_TURN = (
    "tests/drills/",
    "tests/e2e/",
    "tests/browser/test_demo.py",
    "tests/integration/test_benchmarks.py",
    "tests/integration/test_clockwork.py",
    "tests/integration/test_exchange_workers.py",
    "tests/integration/test_intake_listener.py",
    "tests/integration/test_listener_drills.py",
    "tests/integration/test_outbox_workers.py",
    "tests/integration/test_relay_drills.py",
    "tests/integration/test_tokens.py",
)


class FileByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives a worker one file at a time; those that are `IN_TURN` all to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return "in turn" if nodeid.startswith(IN_TURN) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)  # known only where xdist is
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return FileByFile(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest and is done by one worker alone; leave out the other database.

    A test that could run on both runs on one of them, which its name decides, unless it is about
    their differences: `both_databases`. CARELOOP_TEST_DATABASES=both runs everything on both,
    and `sqlite` or `mariadb` all that can on the one named.
    """
    items.sort(key=lambda item: not item.nodeid.startswith(IN_TURN))
    wanted = os.environ.get("CARELOOP_TEST_DATABASES", "")
    if wanted == "both":
        return
    left_out = [item for item in items if _is_for_the_other_database(item, wanted)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


def _is_for_the_other_database(item: pytest.Item, wanted: str) -> bool:
    call = getattr(item, "callspec", None)
    given = [one for one in call.params.values() if isinstance(one, str)] if call else []
    database = next((one for one in given if one in DATABASES), None)
    if database is None:
        return False
    if wanted in DATABASES:
        return database != wanted
    if item.get_closest_marker("both_databases"):
        return False
    name = item.nodeid.replace(database, "")
    return database != DATABASES[zlib.crc32(name.encode()) % 2]


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


@pytest.fixture(params=DATABASES)
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
    """Delete every row; most tests fill few of the tables, and only those are gone through."""
    is_sqlite = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        filled = connection.exec_driver_sql(_filled_tables()).scalars().all()
        if not filled:
            return
        connection.exec_driver_sql(
            "PRAGMA defer_foreign_keys=ON" if is_sqlite else "SET foreign_key_checks = 0"
        )
        for name in filled:
            connection.exec_driver_sql(f"DELETE FROM `{name}`")
        if not is_sqlite:
            connection.exec_driver_sql("SET foreign_key_checks = 1")


@cache
def _filled_tables() -> str:
    return " UNION ALL ".join(
        f"SELECT '{name}' FROM (SELECT 1 FROM `{name}` LIMIT 1) one"
        for name in Base.metadata.tables
    )


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.fail("Chromium is not installed; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
