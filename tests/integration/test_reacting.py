"""Reading events: none missed, none twice, poison set aside, and history may be read again."""

import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import clock
from app.clock import HOSPITAL
from app.database import Base, unit_of_work
from app.models import Alert, Event, ReactionCursor, ReactionFailure
from app.models.event import MAX_DEPTH, ChainTooDeep
from app.services.outreach import patient_notices
from app.services.plans import plan_expansion
from app.services.profile import risk_assessing
from app.services.reacting import Handler, forget_cursor, react, who_must_read
from jobs.reactions import REACTIONS
from tests.conftest import NOON, ROOT, SECRET_KEY
from tests.integration.ward import OUTLETS, WORK, build, discharge, grant, measure
from tests.settling import settle

pytestmark = pytest.mark.both_databases

KINDS = {"cause"}


def answer(session: Session, event: Event) -> None:
    """The effect of one event: another, of a kind nobody reads."""
    session.add(Event.of("effect", NOON, cause=event, of=event.id))


def happen(session: Session, count: int = 1) -> list[int]:
    events = [Event.of("cause", NOON) for _ in range(count)]
    session.add_all(events)
    session.flush()
    return [event.id for event in events]


def read(session: Session, handle: Handler = answer, seconds: float = 0) -> int:
    """Let the reaction read until nothing is new."""
    react(session, "test", KINDS, handle, NOON)  # a new cursor reads from its second turn
    total = 0
    while count := react(session, "test", KINDS, handle, NOON + timedelta(seconds=seconds)):
        total += count
        session.flush()
    return total


def effects(session: Session) -> Counter[int]:
    session.flush()
    payloads = session.scalars(select(Event.payload).filter_by(kind="effect"))
    return Counter(payload["of"] for payload in payloads)


def test_each_event_of_the_asked_kinds_is_handled_once(session: Session) -> None:
    ids = happen(session, 45)
    session.add(Event.of("other", NOON))

    read(session)
    read(session)

    assert effects(session) == dict.fromkeys(ids, 1)


def test_an_event_committed_after_a_later_one_is_not_missed(mariadb: Engine) -> None:
    with unit_of_work() as slow:
        (low,) = happen(slow)
        with unit_of_work.begin() as quick:
            (high,) = happen(quick)
        assert low < high
        with unit_of_work.begin() as session:
            read(session)
            assert effects(session) == {high: 1}
        slow.commit()

    with unit_of_work.begin() as session:
        read(session)
        assert effects(session) == {low: 1, high: 1}


def test_a_clock_set_forward_forgets_no_event_still_under_way(mariadb: Engine) -> None:
    with unit_of_work() as slow:
        (low,) = happen(slow)
        with unit_of_work.begin() as quick:
            happen(quick)
        for seconds in (0, 86_400):
            with unit_of_work.begin() as session:
                read(session, seconds=seconds)
        slow.commit()

    with unit_of_work.begin() as session:
        read(session, seconds=86_400)
        assert effects(session)[low] == 1


def test_who_is_behind_is_seen_at_one_look(session: Session) -> None:
    def waiting(seconds: float = 0) -> frozenset[str]:
        session.flush()
        return who_must_read(session, {"test": KINDS}, NOON + timedelta(seconds=seconds))

    assert waiting() == {"test"}  # it has not begun
    happen(session)
    read(session)
    cursor = session.get_one(ReactionCursor, "test")
    cursor.gaps = []  # ids that other tests took and gave back
    assert waiting() == set()

    (poison,) = happen(session)
    assert waiting() == {"test"}
    read(session, _poisonous(poison))
    cursor.gaps = []  # the id of what the failure had begun
    assert waiting() == set()
    assert waiting(seconds=6) == {"test"}  # what failed is tried again
    read(session, seconds=6)
    cursor.gaps = []
    assert waiting(seconds=6) == set()


def test_what_is_not_for_a_reaction_is_passed_over_without_reading(session: Session) -> None:
    happen(session)
    read(session)
    cursor = session.get_one(ReactionCursor, "test")
    cursor.gaps = []
    others = [Event.of("other", NOON) for _ in range(3)]
    session.add_all(others)
    session.flush()

    assert who_must_read(session, {"test": KINDS}, NOON) == set()

    assert cursor.position == others[-1].id
    assert effects(session).total() == 1


def test_what_was_passed_over_and_comes_late_is_still_read(mariadb: Engine) -> None:
    with unit_of_work.begin() as session:
        happen(session)
        read(session)
    with unit_of_work() as late:
        (low,) = happen(late)
        with unit_of_work.begin() as session:
            session.add(Event.of("other", NOON))
        with unit_of_work.begin() as session:
            assert who_must_read(session, {"test": KINDS}, NOON) == set()
            assert low in [id_ for id_, _ in session.get_one(ReactionCursor, "test").gaps]
        late.commit()

    with unit_of_work.begin() as session:
        assert who_must_read(session, {"test": KINDS}, NOON) == {"test"}
        read(session)
        assert effects(session)[low] == 1


def test_an_id_that_was_rolled_back_is_forgotten_in_the_end(mariadb: Engine) -> None:
    with unit_of_work() as undone:
        (lost,) = happen(undone)
        undone.rollback()
    with unit_of_work.begin() as session:
        happen(session)
        read(session)
        cursor = session.get_one(ReactionCursor, "test")
        assert lost in [id_ for id_, _ in cursor.gaps]

        cursor.gaps = [[id_, "2020-01-01T00:00:00+00:00"] for id_, _ in cursor.gaps]
        read(session)

        assert cursor.gaps == []


def test_a_jump_of_a_million_ids_costs_little(session: Session) -> None:
    happen(session)
    read(session)
    session.add(Event(id=30_000_000, kind="cause", payload={}, at=NOON))
    session.flush()

    started = time.monotonic()
    read(session)

    assert time.monotonic() - started < 1
    assert effects(session)[30_000_000] == 1
    assert len(session.get_one(ReactionCursor, "test").gaps) <= 500


# -------------------------------------------------------------------------------- poison


def _poisonous(event_id: int) -> Handler:
    def handle(session: Session, event: Event) -> None:
        answer(session, event)
        session.flush()
        if event.id == event_id:
            raise ValueError("cannot be digested")

    return handle


def test_an_event_that_cannot_be_handled_is_set_aside_and_the_others_go_on(
    session: Session,
) -> None:
    ids = happen(session, 5)

    read(session, _poisonous(ids[2]))

    assert set(effects(session)) == {*ids} - {ids[2]}
    failure = session.scalars(select(ReactionFailure)).one()
    assert (failure.event_id, failure.tries, failure.error) == (ids[2], 1, "ValueError")
    assert failure.retry_at == NOON + timedelta(seconds=5)


def test_it_is_tried_again_three_times_and_then_left_to_a_person(session: Session) -> None:
    (poison,) = happen(session)
    waits = [0, 5, 65, 665, 100_000]
    tried = []
    for seconds in waits:
        read(session, _poisonous(poison), seconds)
        session.flush()
        tried.append(session.scalars(select(ReactionFailure)).one().tries)

    assert tried == [1, 2, 3, 4, 4]
    assert session.scalars(select(ReactionFailure)).one().retry_at is None
    assert effects(session) == {}


def test_what_can_be_handled_the_second_time_has_its_effect_once(session: Session) -> None:
    (event_id,) = happen(session)
    read(session, _poisonous(event_id))

    read(session, answer, 5)
    read(session, answer, 10)

    assert effects(session) == {event_id: 1}
    assert not session.scalars(select(ReactionFailure)).all()


def test_an_error_that_the_driver_only_calls_operational_stops_nobody(mariadb: Engine) -> None:
    def handle(session: Session, event: Event) -> None:
        if event.id == first:
            session.execute(text("SELECT no_such_column FROM event"))
        answer(session, event)

    with unit_of_work.begin() as session:
        first, second = happen(session, 2)
        read(session, handle)

        assert effects(session) == {second: 1}
        assert session.scalars(select(ReactionFailure.error)).one() == "OperationalError"


def test_a_lost_connection_is_no_fault_of_the_event(mariadb: Engine) -> None:
    def handle(session: Session, event: Event) -> None:
        answer(session, event)
        session.execute(text("KILL CONNECTION_ID()"))

    with unit_of_work.begin() as session:
        (event_id,) = happen(session)
        react(session, "test", KINDS, answer, NOON)
    with pytest.raises(OperationalError), unit_of_work.begin() as session:
        react(session, "test", KINDS, handle, NOON)

    with unit_of_work.begin() as session:
        assert not session.scalars(select(ReactionFailure)).all()
        read(session)
        assert effects(session) == {event_id: 1}


def test_a_chain_of_changes_ends_at_its_fifth_link(session: Session) -> None:
    def echo(session: Session, event: Event) -> None:
        session.add(Event.of("cause", NOON, cause=event))
        session.flush()

    happen(session)
    read(session, echo)

    depths = session.scalars(select(Event.depth).order_by(Event.id)).all()
    assert depths == list(range(MAX_DEPTH + 1))
    assert session.scalars(select(ReactionFailure.error)).one() == ChainTooDeep.__name__


# --------------------------------------------------------------------- workers, and their end


def test_four_workers_handle_200_events_once_each(mariadb: Engine) -> None:
    errors: list[BaseException] = []
    with unit_of_work.begin() as session:
        ids = happen(session, 200)

    def work() -> None:
        try:
            idle = 0
            while idle < 10:
                with unit_of_work.begin() as session:
                    count = react(session, "test", KINDS, answer, NOON)
                idle = 0 if count else idle + 1
                time.sleep(0 if count else 0.02)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    with unit_of_work.begin() as session:
        ids += happen(session, 20)
    for thread in threads:
        thread.join()

    assert not errors
    with unit_of_work.begin() as session:
        assert effects(session) == dict.fromkeys(ids, 1)


def test_a_worker_killed_between_effect_and_commit_leaves_neither(mariadb: Engine) -> None:
    with unit_of_work.begin() as session:
        ids = happen(session, 3)
        react(session, "test", KINDS, answer, NOON)
    url = mariadb.url.render_as_string(hide_password=False)
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.reacting_worker", url, SECRET_KEY],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert worker.stdout is not None
    assert int(worker.stdout.readline()) == ids[0]
    worker.kill()
    worker.wait()
    worker.stdout.close()

    end = time.monotonic() + 10
    while time.monotonic() < end:  # until the server has noticed and freed the cursor
        with unit_of_work.begin() as session:
            if react(session, "test", KINDS, answer, NOON):
                break
        time.sleep(0.05)

    with unit_of_work.begin() as session:
        assert effects(session) == dict.fromkeys(ids, 1)


# ------------------------------------------------------------------------------ read again


def _counted(session: Session) -> dict[str, int]:
    return {
        table.name: session.scalar(select(func.count()).select_from(table)) or 0
        for table in Base.metadata.tables.values()
        if not table.name.startswith("reaction")
    }


@pytest.fixture
def history(session: Session, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A patient on a plan, three readings, one alert and a reminder: all of it reacted to."""
    hands = [NOON]
    monkeypatch.setattr(clock, "now", lambda: hands[0])
    ward = build(session)
    grant(session, ward, 5)
    discharge(session, ward)
    settle(session, WORK)
    for hours, value, interpretation in ((1, "3.5", "L"), (2, "2.8", "LL"), (3, "6.0", "N")):
        hands[0] = NOON + timedelta(hours=hours)
        measure(session, ward, value, hands[0], interpretation)
        settle(session, WORK)
    hands[0] = NOON + timedelta(days=1)
    plan_expansion.open_due_tasks(session, hands[0])
    patient_notices.remind_of_tasks(session, hands[0], HOSPITAL, OUTLETS)
    # A day went by: what time alone changes is asked as each night.
    risk_assessing.follow_on(session, 0, hands[0], HOSPITAL)
    settle(session, WORK)
    return session


def _read_again(session: Session) -> None:
    for one in REACTIONS:
        forget_cursor(session, one.key)
    session.expire_all()
    settle(session, WORK)


def test_history_read_again_has_no_second_effect(history: Session) -> None:
    before = _counted(history)
    assert before["alert"] >= 1
    assert before["communication"] >= 3

    _read_again(history)

    after = _counted(history)
    assert after | {"alert_step": 0} == before | {"alert_step": 0}
    assert not history.scalars(select(ReactionFailure)).all()


def test_history_read_again_counts_no_reading_twice(history: Session) -> None:
    before = history.execute(select(Alert.id, Alert.hits, Alert.normals)).all()
    steps = _counted(history)["alert_step"]

    _read_again(history)

    assert history.execute(select(Alert.id, Alert.hits, Alert.normals)).all() == before
    assert _counted(history)["alert_step"] == steps
