"""Connections: what is open ends, what rested is asked whether it lives, what died is replaced."""

import time

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from app.database import unit_of_work
from app.models import Lease
from tests.conftest import NOON

pytestmark = pytest.mark.mariadb


def leases(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(text("SELECT COUNT(*) FROM lease")).scalar_one()


def test_what_was_not_committed_does_not_outlive_its_connection(mariadb: Engine) -> None:
    add = text("INSERT INTO lease VALUES ('a', 'x', 1, '2026-01-01')")
    with mariadb.connect() as connection:
        connection.execute(add)
    raw = mariadb.raw_connection()
    raw.cursor().execute(str(add))
    raw.close()
    with mariadb.begin() as connection:
        connection.execute(add)
        connection.rollback()

    with mariadb.connect() as other:
        other.execute(text("SET innodb_lock_wait_timeout = 1"))
        other.execute(add)  # nobody holds a lock on it
        other.rollback()
    assert leases(mariadb) == 0


def test_a_connection_that_died_while_it_rested_is_replaced(mariadb: Engine) -> None:
    killer, resting = mariadb.connect(), mariadb.connect()
    victim = resting.execute(text("SELECT CONNECTION_ID()")).scalar_one()
    resting.close()
    killer.execute(text(f"KILL {victim}"))
    killer.close()
    time.sleep(1.1)

    for _ in range(5):
        with unit_of_work.begin() as session:
            session.execute(text("SELECT 1"))


def test_a_connection_lost_in_mid_work_is_rolled_back_and_the_next_one_works(
    mariadb: Engine,
) -> None:
    def lose_it() -> None:
        with unit_of_work.begin() as session:
            session.add(Lease(name="a", holder="x", fence=1, until=NOON))
            session.flush()
            session.execute(text("KILL CONNECTION_ID()"))

    with pytest.raises(OperationalError):
        lose_it()

    with unit_of_work.begin() as session:
        assert session.get(Lease, "a") is None
