"""Leadership by a row: one holder, a fence that grows, slots promised once."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.models import JobRun, Lease
from app.services import leases
from tests.conftest import NOON

TERM = timedelta(seconds=10)


def lapse(session: Session) -> None:
    session.flush()
    session.execute(text("UPDATE lease SET until = '2020-01-01 00:00:00'"))
    session.expire_all()


def test_a_lease_has_one_holder_and_only_the_holder_renews_it(session: Session) -> None:
    assert leases.hold(session, "clock", "a", TERM) == 1
    assert leases.hold(session, "clock", "b", TERM) is None
    assert leases.hold(session, "clock", "a", TERM) == 1


def test_the_fence_grows_when_the_holder_changes(session: Session) -> None:
    leases.hold(session, "clock", "a", TERM)
    lapse(session)

    assert leases.hold(session, "clock", "b", TERM) == 2
    assert leases.hold(session, "clock", "a", TERM) is None


def test_a_released_lease_is_free_at_once_and_only_its_holder_releases_it(
    session: Session,
) -> None:
    leases.hold(session, "clock", "a", TERM)
    leases.release(session, "clock", "b")
    assert leases.hold(session, "clock", "b", TERM) is None

    leases.release(session, "clock", "a")

    assert leases.hold(session, "clock", "b", TERM) == 2


def test_a_slot_is_promised_once_to_the_leader_alone(session: Session) -> None:
    fence = leases.hold(session, "clock", "a", TERM)
    assert fence is not None

    def promise(fence: int) -> bool:
        return leases.promise_slot(session, "clock", fence, "tick", NOON, NOON)

    assert promise(fence)
    assert not promise(fence)
    assert leases.last_slot(session, "tick") == NOON


def test_a_leader_whose_lease_was_taken_is_promised_nothing(session: Session) -> None:
    old = leases.hold(session, "clock", "a", TERM)
    lapse(session)
    new = leases.hold(session, "clock", "b", TERM)
    assert old is not None
    assert new is not None

    assert not leases.promise_slot(session, "clock", old, "tick", NOON, NOON)
    assert leases.promise_slot(session, "clock", new, "tick", NOON, NOON)


def test_a_leader_whose_lease_ran_out_is_promised_nothing(session: Session) -> None:
    fence = leases.hold(session, "clock", "a", TERM)
    assert fence is not None
    lapse(session)

    assert not leases.promise_slot(session, "clock", fence, "tick", NOON, NOON)


@pytest.mark.mariadb
def test_of_eight_that_reach_for_a_lease_at_once_one_holds_it(mariadb: Engine) -> None:
    gate = threading.Barrier(8)
    fences: list[int | None] = []

    def reach(name: str) -> None:
        gate.wait()
        with unit_of_work.begin() as session:
            fences.append(leases.hold(session, "clock", name, TERM))

    threads = [threading.Thread(target=reach, args=(f"h{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(fences, key=str) == [1] + [None] * 7
    with unit_of_work.begin() as session:
        assert session.scalars(select(Lease.fence)).one() == 1


@pytest.mark.mariadb
def test_of_eight_promises_of_one_slot_one_is_given(mariadb: Engine) -> None:
    with unit_of_work.begin() as session:
        fence = leases.hold(session, "clock", "a", TERM) or 0
    gate = threading.Barrier(8)
    given: list[bool] = []

    def promise() -> None:
        gate.wait()
        with unit_of_work.begin() as session:
            given.append(leases.promise_slot(session, "clock", fence, "tick", NOON, NOON))

    threads = [threading.Thread(target=promise) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(given) == 1
    with unit_of_work.begin() as session:
        assert len(session.scalars(select(JobRun)).all()) == 1


def test_a_slot_whose_leader_died_is_taken_over_and_a_finished_one_is_not(
    session: Session,
) -> None:
    leases.hold(session, "clock", "a", TERM)
    died, done = NOON, NOON + timedelta(minutes=1)
    for slot_at in (died, done):
        assert leases.promise_slot(session, "clock", 1, "job", slot_at, NOON)
    session.flush()
    leases.finish_slot(session, "job", done, "done", NOON)
    lapse(session)
    leases.hold(session, "clock", "b", TERM)

    assert leases.broken_slots(session, "job", 2, NOON - TERM) == [died]
    assert leases.promise_slot(session, "clock", 2, "job", died, NOON)
    assert not leases.promise_slot(session, "clock", 2, "job", died, NOON)
    assert not leases.promise_slot(session, "clock", 2, "job", done, NOON)
