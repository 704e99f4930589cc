"""`sources`, `replay` and `relay grant` on the command line: what they print, and how they end."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, make_url, select

from app import clock
from app.cli.commands import main
from app.cli.relay import COLUMNS, TABLE
from app.database import make_engine, unit_of_work
from app.integrations.feeds import configured_feeds
from app.models import AuditEvent, FeedAlarm, InboundMessage, ReplayRun
from app.services.intake import replay_runs
from app.settings import load
from tests import factories
from tests.conftest import SECRET_KEYS, WORKER
from tests.unit.hl7.messages import admission

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def environment(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    url = database.url.render_as_string(hide_password=False)
    monkeypatch.setenv("CARELOOP_SECRET_KEYS", SECRET_KEYS)
    monkeypatch.setenv("CARELOOP_DATABASE_URL", url)


@pytest.fixture(autouse=True)
def rebind(database: Engine):  # type: ignore[no-untyped-def]
    """A verb binds the unit of work to an engine of its own, and closes that."""
    yield
    unit_of_work.configure(bind=database)


def run(engine: Engine, *arguments: str) -> int:
    status = main(list(arguments))
    unit_of_work.configure(bind=engine)
    return status


def arrive(count: int = 1, **more: object) -> list[str]:
    body = admission().decode("latin-1")
    with unit_of_work.begin() as session:
        given = {"body": body, "received_at": clock.now() - timedelta(minutes=5)} | more
        return [factories.inbound(session, **given).public_id for _ in range(count)]


def count(status: str) -> int:
    with unit_of_work.begin() as session:
        return session.scalar(
            select(func.count()).select_from(InboundMessage).filter_by(status=status)
        ) or 0  # fmt: skip


def test_sources_tell_the_facts_as_a_table_and_as_json(
    database: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    arrive(2, answered_ms=30)
    arrive(source="hl7:lis", status="received")

    assert run(database, "sources") == 0
    table = capsys.readouterr().out.splitlines()
    assert run(database, "sources", "--json") == 0
    facts = {one["source"]: one for one in json.loads(capsys.readouterr().out.splitlines()[-1])}

    assert [line.split()[0] for line in table] == ["source", "hl7:his", "hl7:lis"]
    assert (facts["hl7:his"]["rejected"], facts["hl7:his"]["answered_median_ms"]) == (2, 30)
    assert facts["hl7:lis"]["backlog"] == 1
    assert 290 <= facts["hl7:lis"]["lag_seconds"] <= 400


def test_sources_end_with_1_while_an_alarm_lasts(
    database: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    arrive()
    with unit_of_work.begin() as session:
        session.add(
            FeedAlarm(source="hl7:his", kind="silent", open_key="hl7:his/silent", since=clock.now())
        )

    assert run(database, "sources") == 1
    assert "silent" in capsys.readouterr().out


def test_replay_reads_again_and_says_what_came_of_it(
    database: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    arrive(60)

    assert run(database, "replay", "--source", "hl7:his", "--all", "--dry-run") == 0
    assert (capsys.readouterr().out, count("rejected")) == ("60 messages\n", 60)
    assert run(database, "replay", "--source", "hl7:his", "--all") == 0

    assert "60 messages read again, 60 taken" in capsys.readouterr().out
    assert (count("rejected"), count("processed")) == (0, 60)
    with unit_of_work.begin() as session:
        assert session.scalars(select(AuditEvent.action)).all() == ["replay"]


def test_replay_ends_with_1_when_messages_cannot_be_taken_this_time_either(
    database: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    arrive(body="not a message")

    assert run(database, "replay", "--source", "hl7:his", "--all") == 1
    assert "1 could not be taken" in capsys.readouterr().err


def test_replay_of_one_message_or_one_reason(database: Engine) -> None:
    one, _ = arrive(2, status="held", reason="no-identifier")
    arrive(status="held", reason="visit-of-another-patient")

    held = ("replay", "--source", "hl7:his", "--status", "held")
    assert run(database, *held, "--id", one) == 0
    assert (count("held"), count("processed")) == (2, 1)
    assert run(database, *held, "--reason", "no-identifier") == 0
    assert (count("held"), count("processed")) == (1, 2)


@pytest.mark.parametrize(
    "wrong",
    [[], ["--all", "--reason", "x"], ["--id", "nobody"], ["--all", "--status", "processed"]],
)
def test_a_wrong_call_ends_with_2_and_changes_nothing(database: Engine, wrong: list[str]) -> None:
    arrive()

    assert run(database, "replay", "--source", "hl7:his", *wrong) == 2
    assert count("rejected") == 1


def test_a_replay_broken_off_goes_on_where_it_was(database: Engine) -> None:
    arrive(60)
    run(database, "replay", "--source", "hl7:his", "--all", "--dry-run")
    with unit_of_work.begin() as session:
        replay_runs.start(session, replay_runs.Which("hl7:his", "rejected"), None, clock.now())
    replay_runs.replay_batch(unit_of_work, configured_feeds(load()), clock.now)

    assert run(database, "replay", "--source", "hl7:his", "--all") == 0

    with unit_of_work.begin() as session:
        done = session.scalars(select(ReplayRun)).one()
        assert (done.done, done.processed) == (60, 60)


def test_relay_grant_prints_what_lets_the_relay_insert_and_nothing_else(
    database: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(database, "relay", "grant", "--host", "10.0.1.5")

    told = capsys.readouterr()
    if make_url(str(database.url)).get_backend_name() == "sqlite":
        assert (status, "SQLite has no accounts" in told.err) == (2, True)
        return
    create, grant = told.out.splitlines()
    assert status == 0
    assert create.startswith("CREATE USER 'careloop_relay'@'10.0.1.5' IDENTIFIED BY '")
    assert "REQUIRE SSL" in create
    assert grant.startswith("GRANT INSERT (source, delivery_key, push_sealed, received_at) ON ")


def test_relay_grant_refuses_names_that_would_break_out(
    database: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(database, "relay", "grant", "--host", "x' OR '1") == 2
    assert capsys.readouterr().out == ""


@pytest.mark.mariadb
def test_relay_grant_makes_the_account(
    mariadb: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    admin = mariadb.url.render_as_string(hide_password=False)
    monkeypatch.setenv("CARELOOP_DATABASE_URL", admin)
    monkeypatch.setattr("click.prompt", lambda *_, **__: admin)

    name = f"relay_by_verb_{WORKER}"
    status = run(
        mariadb, "relay", "grant", "--account", name, "--host", "127.0.0.1", "--no-tls",
        "--execute",
    )  # fmt: skip

    password = capsys.readouterr().out.split("password ")[1].strip()
    account = make_engine(mariadb.url.set(username=name, password=password).render_as_string(False))
    with account.connect() as connection:
        grants = connection.exec_driver_sql("SHOW GRANTS").scalars().all()
    account.dispose()
    with mariadb.connect() as connection:
        connection.exec_driver_sql(f"DROP USER '{name}'@'127.0.0.1'")
    assert status == 0
    usage, insert = grants
    assert usage.startswith("GRANT USAGE ON *.*")
    columns, _, where = insert.removeprefix("GRANT INSERT (").partition(") ON ")
    assert {one.strip("`") for one in columns.split(", ")} == set(COLUMNS)
    assert f".`{TABLE}` TO" in where
