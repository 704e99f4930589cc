"""The index of a process: where it starts from, how it follows, and what it does in trouble."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from pyroaring import BitMap
from sqlalchemy import Engine, NullPool, create_engine, delete, func, select, text, update
from sqlalchemy.orm import Session

from app.cli.commands import main
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.criteria.tree import All, HasTag, Leaf, Measured
from app.domain.outreach.messaging import Outlets
from app.domain.segments.errors import TooSlow
from app.models import Event, IndexSnapshot, IndexSnapshotChunk, Patient, Tag, TagAssignment
from app.models.segments.index import snapshot
from app.models.segments.index.bitmaps import SegmentIndex
from app.models.segments.index.build import build
from app.models.segments.index.checking import differences
from app.models.segments.index.live import LiveIndex, reading
from app.models.segments.index.tail import refresh
from jobs import chores
from tests import factories
from tests.conftest import NOON, SECRET_KEYS
from tests.integration.random_population import populate
from tests.integration.test_segment_index import assert_same_answers, assert_true, bear, by_index

PATIENCE = 30.0


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def library(session: Session) -> None:
    session.add(Tag(key="frail", name="衰弱", tag_class="risk"))
    session.flush()


@pytest.fixture
def live(database: Engine) -> Iterator[LiveIndex]:
    index = LiveIndex(unit_of_work, HOSPITAL, every=0.02)
    yield index
    index.stop()


# ----------------------------------------------------------------------------- snapshots


def test_an_index_taken_up_from_its_snapshot_goes_on_as_if_nothing_were(session: Session) -> None:
    random = Random(5)
    ids = populate(session, random, NOON, 50)
    session.add(Event.of("patient.registered", NOON, patient_id=ids[0]))
    index = build(session)
    kept = snapshot.save(session, index, NOON)
    late = factories.patient(session, region="宁波")
    session.add(Event.of("patient.registered", NOON, patient_id=late.id))
    bear(session, ids[0], "frail")

    taken_up = snapshot.load(session)

    assert taken_up is not None
    assert (kept.patients, taken_up.base) == (len(index.base), index.base)
    assert taken_up.sets == index.sets
    refresh(session, taken_up)
    assert_same_answers(session, taken_up, random, 30)


def test_a_snapshot_in_many_chunks_is_the_same(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    populate(session, Random(6), NOON, 30)
    monkeypatch.setattr(snapshot, "CHUNK_BYTES", 1_000)
    index = build(session)

    snapshot.save(session, index, NOON)
    snapshot.save(session, index, NOON)  # the one before goes, with its chunks

    taken_up = snapshot.load(session)
    assert taken_up is not None
    assert taken_up.sets == index.sets
    assert len(session.scalars(select(IndexSnapshot)).all()) == 1
    owners = set(session.scalars(select(IndexSnapshotChunk.snapshot_id)))
    assert owners == set(session.scalars(select(IndexSnapshot.id)))
    assert session.scalar(select(IndexSnapshotChunk.number).order_by(text("1 DESC"))) > 1


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda kept: setattr(kept, "format", 0), id="another-format"),
        pytest.param(lambda kept: setattr(kept, "mark", b"x" * 32), id="another-database"),
        pytest.param(lambda kept: setattr(kept, "position", kept.position + 9), id="the-future"),
        pytest.param(lambda kept: setattr(kept, "digest", b"x" * 32), id="a-torn-one"),
    ],
)
def test_a_snapshot_that_is_not_of_here_is_left_alone(
    session: Session, harm: Callable[[IndexSnapshot], None]
) -> None:
    patient = factories.patient(session)
    session.add(Event.of("patient.registered", NOON, patient_id=patient.id))
    kept = snapshot.save(session, build(session), NOON)
    assert snapshot.load(session) is not None

    harm(kept)
    session.flush()

    assert snapshot.load(session) is None


def test_a_database_restored_to_an_earlier_day_that_went_on_otherwise_is_another_one(
    session: Session,
) -> None:
    patient = factories.patient(session)
    event = Event.of("patient.registered", NOON, patient_id=patient.id)
    session.add(event)
    session.flush()
    snapshot.save(session, build(session), NOON)

    event.at = NOON + timedelta(hours=1)  # the same id, but not what the snapshot read
    session.flush()

    assert snapshot.load(session) is None


def test_the_clock_keeps_a_snapshot_only_where_something_changed(database: Engine) -> None:
    with unit_of_work.begin() as session:
        library(session)
        patient = factories.patient(session)
        session.flush()
        # Ids that other tests took would look like events still to come.
        session.add(Event.of("alert.opened", NOON, patient_id=patient.id, alert_id=1))
    work = chores.Work(HOSPITAL, Outlets())

    def saved_at() -> list[datetime]:
        chores.save_segment_index(work, datetime.now(UTC))
        with unit_of_work() as session:
            return list(session.scalars(select(IndexSnapshot.saved_at)))

    first = saved_at()
    assert len(first) == 1
    with unit_of_work.begin() as session:
        session.add(Event.of("alert.opened", NOON, patient_id=patient.id, alert_id=1))
    assert saved_at() == first
    with unit_of_work.begin() as session:
        bear(session, patient.id, "frail")
    assert saved_at() != first
    with unit_of_work() as session:
        taken_up = snapshot.load(session)
        assert taken_up is not None
        assert by_index(session, taken_up, HasTag("frail")) == [patient.id]


# ----------------------------------------------------------------------------- following


def test_what_commits_late_under_a_lower_id_is_seen(mariadb: Engine) -> None:
    with unit_of_work.begin() as session:
        library(session)
        first, second = factories.patient(session), factories.patient(session)
    with reading(unit_of_work) as session:
        index = build(session)

    with unit_of_work() as slow:
        bear(slow, first.id, "frail")
        slow.flush()
        late = slow.scalars(select(func.max(Event.id))).one()
        with unit_of_work.begin() as quick:
            bear(quick, second.id, "frail")
        assert seen(index) == [second.id]
        assert late in index.reading.missed
        # Whoever takes over here must know of the gap too.
        with unit_of_work.begin() as session:
            snapshot.save(session, index, NOON)
        with unit_of_work() as session:
            taken_up = snapshot.load(session)
            built = build(session)
        slow.commit()

    assert taken_up is not None
    for one in (index, taken_up, built):
        assert seen(one) == [first.id, second.id]
        assert late not in one.reading.missed


def seen(index: SegmentIndex) -> list[int]:
    with reading(unit_of_work) as session:
        refresh(session, index)
        return by_index(session, index, HasTag("frail"))


def test_a_change_is_seen_by_every_index_without_being_asked_for(live: LiveIndex) -> None:
    with unit_of_work.begin() as session:
        library(session)
        patient = factories.patient(session)
    other = LiveIndex(unit_of_work, HOSPITAL, every=0.02)
    try:
        assert live.wait(PATIENCE)
        assert other.wait(PATIENCE)
        assert [live.count(HasTag("frail"), NOON), other.count(HasTag("frail"), NOON)] == [0, 0]

        with unit_of_work.begin() as session:
            bear(session, patient.id, "frail")

        until(lambda: live.count(HasTag("frail"), NOON) == 1)
        until(lambda: other.count(HasTag("frail"), NOON) == 1)
        ids = live.ids(HasTag("frail"), NOON)
        assert ids is not None
        assert list(ids) == [patient.id]
    finally:
        other.stop()


def test_until_it_is_there_it_has_no_answer(live: LiveIndex) -> None:
    assert live.count(All(()), NOON) is None
    assert live.wait(PATIENCE)
    assert live.count(All(()), NOON) == 0


def test_a_leaf_that_looks_back_is_asked_of_the_database(live: LiveIndex) -> None:
    with unit_of_work.begin() as session:
        measured, other = factories.patient(session), factories.patient(session)
        factories.observation(session, measured, "6.1", NOON - timedelta(hours=1))
    tree = Measured(factories.GLUCOSE, timedelta(days=1))
    assert live.wait(PATIENCE)
    assert live.count(tree, NOON) == 1

    with unit_of_work.begin() as session:
        factories.observation(session, other, "6.2", NOON - timedelta(hours=1))
        session.add(Event.of("observation.recorded", NOON, patient_id=other.id))

    until(lambda: live.count(tree, NOON) == 2)


def test_a_lost_connection_is_got_over(mariadb: Engine) -> None:
    live = LiveIndex(unit_of_work, HOSPITAL, every=0.02)
    with unit_of_work.begin() as session:
        library(session)
        patient = factories.patient(session)
    try:
        assert live.wait(PATIENCE)
        assert live.count(HasTag("frail"), NOON) == 0
        # Not from the pool whose connections end.
        apart = create_engine(mariadb.url, poolclass=NullPool)
        for _ in range(5):
            kill_others(apart)
            time.sleep(0.05)
        with Session(apart) as session:
            bear(session, patient.id, "frail")
            session.commit()
        until(lambda: live.count(HasTag("frail"), NOON) == 1)
    finally:
        live.stop()


def kill_others(engine: Engine) -> None:
    with engine.connect() as connection:
        mine = connection.scalar(text("SELECT CONNECTION_ID()"))
        of_here = text("SELECT id FROM information_schema.processlist WHERE db = DATABASE()")
        for id_ in connection.execute(of_here).scalars().all():
            if id_ != mine:
                connection.execute(text(f"KILL SOFT CONNECTION {id_}"))


def test_one_that_cannot_follow_any_more_does_not_answer(
    live: LiveIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert live.wait(PATIENCE)
    assert live.count(All(()), NOON) == 0

    def refuse(*_: object) -> int:
        raise ConnectionError

    monkeypatch.setattr("app.models.segments.index.live._STALE", 0.2)
    monkeypatch.setattr("app.models.segments.index.live._AFTER_FAILURE", 0.01)
    with monkeypatch.context() as broken:
        broken.setattr("app.models.segments.index.live.refresh", refuse)
        until(lambda: live.count(All(()), NOON) is None)
    until(lambda: live.count(All(()), NOON) == 0)


def test_a_database_that_was_set_back_under_it_is_read_anew(live: LiveIndex) -> None:
    with unit_of_work.begin() as session:
        library(session)
        patient = factories.patient(session)
        bear(session, patient.id, "frail")
    assert live.wait(PATIENCE)
    assert live.count(HasTag("frail"), NOON) == 1

    with unit_of_work.begin() as session:
        session.execute(delete(TagAssignment))
        session.execute(delete(Event))

    until(lambda: live.count(HasTag("frail"), NOON) == 0)


def test_what_takes_the_database_too_long_is_left_to_whoever_asked(database: Engine) -> None:
    def slow(session: Session, leaf: Leaf, now: datetime) -> BitMap:
        raise TooSlow

    live = LiveIndex(unit_of_work, HOSPITAL, slow, every=0.02)
    try:
        assert live.wait(PATIENCE)
        assert live.count(Measured(factories.GLUCOSE, timedelta(days=1)), NOON) is None
        assert live.count(All(()), NOON) == 0
    finally:
        live.stop()


# ----------------------------------------------------------------------------- the operator


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(
    database: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    monkeypatch.setenv("CARELOOP_SECRET_KEYS", SECRET_KEYS)
    url = database.url.render_as_string(hide_password=False)
    monkeypatch.setenv("CARELOOP_DATABASE_URL", url)

    def once(verb: str, *options: str) -> tuple[int, str]:
        capsys.readouterr()
        status = main(["segments", "index", verb, *options])
        printed = capsys.readouterr()
        unit_of_work.configure(bind=database)
        return status, (printed.out + printed.err).strip()

    return once


def test_the_operator_builds_saves_looks_and_checks(run: Run) -> None:
    with unit_of_work.begin() as session:
        populate(session, Random(7), NOON, 20)
        patient = factories.patient(session)
        session.add(Event.of("patient.registered", NOON, patient_id=patient.id))
    assert run("status")[1].startswith("no snapshot")

    assert run("build")[0] == 0
    assert run("check")[0] == 0
    with unit_of_work.begin() as session:
        bear(session, patient.id, "frail")

    status, told = run("status", "--json")
    assert (status, '"events_behind": 1' in told, '"usable": true' in told) == (0, True, True)
    assert run("save")[0] == 0
    assert '"events_behind": 0' in run("status", "--json")[1]
    assert run("check")[0] == 0


def test_a_change_that_nobody_told_of_is_found_by_the_check(run: Run) -> None:
    with unit_of_work.begin() as session:
        library(session)
        patient = factories.patient(session, region="宁波")
    assert run("build")[0] == 0
    with unit_of_work.begin() as session:
        tag_id = session.scalars(select(Tag.id)).one()
        session.execute(
            TagAssignment.__table__.insert(),
            {"public_id": "x", "patient_id": patient.id, "tag_id": tag_id, "is_live": True,
             "source": "rule", "starts_at": NOON, "confidence": 1, "is_locked": False,
             "evidence_of": []},
        )  # fmt: skip
        session.execute(update(Patient).values(region="杭州", birth_date=None))

    status, told = run("check")

    assert status == 1
    assert f"tag frail\n  only in the database: 1 patients ({patient.id})" in told
    assert f"region 宁波\n  only in the index: 1 patients ({patient.id})" in told
    assert f"birth\n  only in the index: 1 patients ({patient.id})" in told
    assert run("build")[0] == 0
    assert run("check")[0] == 0


def test_a_check_while_people_work_tells_of_no_difference(database: Engine) -> None:
    """Between reading the one and the other somebody may always change something."""
    with unit_of_work.begin() as session:
        library(session)
        patient = factories.patient(session)
    with unit_of_work() as session:
        index = build(session)

    def work(done: int, total: int) -> None:
        with unit_of_work.begin() as other:
            bear(other, patient.id, "frail")

    with reading(unit_of_work) as session:
        if database.dialect.name == "sqlite":
            session.rollback()  # a reader of SQLite sees one moment alone
            return
        assert differences(session, index, NOON.date(), work) == []
        assert_true(session, index)
