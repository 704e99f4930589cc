"""Messages read again: in their order, each once a run, stoppable, whoever dies on the way."""

from datetime import datetime

import pytest
from sqlalchemy import Engine, func, select, update

from app.database import unit_of_work
from app.domain.errors import NotFound
from app.domain.intake.rejections import Rejected, RejectionReason
from app.domain.intake.replays import ReplayState
from app.integrations.feeds import Feeds
from app.integrations.hl7.interpret import Reader
from app.integrations.hl7.source import Source
from app.models import InboundMessage, Patient, ReplayRun
from app.services.intake import Told, replay_runs
from app.services.intake.replay_runs import Which, replay_batch
from tests import factories
from tests.conftest import NOON
from tests.unit.hl7.messages import admission

READ = Feeds({"hl7": Reader([Source("his")])})
REJECTED = Which("hl7:his", "rejected")


def now() -> datetime:
    return NOON


def arrive(count: int, **more: object) -> list[int]:
    """Keep messages that were refused, though they can be read now."""
    with unit_of_work.begin() as session:
        rows = [factories.inbound(session, body=_admission(), **more) for _ in range(count)]
        return [row.id for row in rows]


def _admission() -> str:
    return admission().decode("latin-1")


def ask(which: Which = REJECTED) -> int:
    with unit_of_work.begin() as session:
        return replay_runs.start(session, which, None, NOON).id


def work_off(run_id: int | None = None) -> int:
    count = 0
    while done := replay_batch(unit_of_work, READ, now, run_id):
        count += done
    return count


def run() -> ReplayRun:
    with unit_of_work.begin() as session:
        return session.scalars(select(ReplayRun).order_by(ReplayRun.id.desc()).limit(1)).one()


def by_status() -> dict[str, int]:
    with unit_of_work.begin() as session:
        rows = session.execute(
            select(InboundMessage.status, func.count()).group_by(InboundMessage.status)
        )
        return {row.status: row[1] for row in rows}


def test_all_of_a_source_are_read_again_in_batches(database: Engine) -> None:
    arrive(replay_runs.BATCH + 7)
    arrive(1, source="hl7:lis")

    ask()
    assert work_off() == replay_runs.BATCH + 7

    done = run()
    assert (done.state, done.total, done.done) == (ReplayState.FINISHED, 57, 57)
    assert done.processed == 57
    assert by_status() == {"processed": 57, "rejected": 1}
    with unit_of_work.begin() as session:
        assert session.scalar(select(func.count()).select_from(Patient)) == 1


def test_one_reason_or_one_message_alone(database: Engine) -> None:
    arrive(2, reason="bad-segment: line 3")
    other, one = arrive(2, reason="not-hl7")

    ask(Which("hl7:his", "rejected", reason="bad-segment"))
    work_off()
    assert by_status() == {"processed": 2, "rejected": 2}

    ask(Which("hl7:his", "rejected", message_id=one))
    work_off()
    with unit_of_work.begin() as session:
        assert session.get_one(InboundMessage, other).status == "rejected"
        assert session.get_one(InboundMessage, one).status == "processed"


def test_what_fails_again_is_not_met_twice(database: Engine) -> None:
    asked = []

    def refuse(source: str, body: bytes) -> Told:
        asked.append(source)
        return Rejected(RejectionReason.BAD_SEGMENT, "line 9")

    arrive(3)
    ask()
    while replay_batch(unit_of_work, refuse, now):
        pass

    assert len(asked) == 3
    assert (run().done, run().processed) == (3, 0)
    with unit_of_work.begin() as session:
        assert set(session.scalars(select(InboundMessage.reason))) == {"bad-segment: line 9"}


def test_a_held_message_goes_on_after_a_person_looked(database: Engine) -> None:
    arrive(1, status="held", reason="visit-of-another-patient")

    ask(Which("hl7:his", "held"))
    work_off()

    assert by_status() == {"processed": 1}


def test_what_comes_later_is_not_part_of_the_run(database: Engine) -> None:
    arrive(1)
    ask()
    arrive(1)

    work_off()

    assert by_status() == {"processed": 1, "rejected": 1}


def test_a_run_can_be_stopped_and_begun_again(database: Engine) -> None:
    arrive(replay_runs.BATCH + 5)
    ask()
    replay_batch(unit_of_work, READ, now)
    with unit_of_work.begin() as session:
        replay_runs.stop(session, run().public_id)

    assert work_off() == 0
    assert (run().state, run().done) == (ReplayState.STOPPED, replay_runs.BATCH)

    ask()
    assert work_off() == 5
    assert by_status() == {"processed": replay_runs.BATCH + 5}


def test_a_second_wish_joins_the_run_under_way(database: Engine) -> None:
    arrive(2)

    assert ask() == ask()


def test_a_run_without_messages_ends_at_once(database: Engine) -> None:
    ask()

    assert work_off() == 0
    assert (run().state, run().total) == (ReplayState.FINISHED, 0)


def test_a_batch_is_taken_by_one_and_taken_over_after_its_lease(database: Engine) -> None:
    arrive(3)
    ask()
    with unit_of_work.begin() as session:
        first = replay_runs.claim(session, NOON)
    with unit_of_work.begin() as session:
        assert replay_runs.claim(session, NOON) is None

    # The worker died: its lease passes.
    with unit_of_work.begin() as session:
        session.execute(
            update(ReplayRun).values(lease_until=datetime(2020, 1, 1, tzinfo=NOON.tzinfo))
        )
    with unit_of_work.begin() as session:
        again = replay_runs.claim(session, NOON)

    assert first is not None
    assert again == first


def test_a_message_that_breaks_the_reader_is_held(database: Engine) -> None:
    def broken(source: str, body: bytes) -> Told:
        raise KeyError("a value of somebody")

    arrive(2)
    ask()
    while replay_batch(unit_of_work, broken, now):
        pass

    assert by_status() == {"held": 2}
    assert (run().state, run().done, run().processed) == (ReplayState.FINISHED, 2, 0)


def test_pushes_of_a_platform_go_back_to_their_own_worker(database: Engine) -> None:
    arrive(1, source="wecom:nurse", reason="KeyError", tries=5)

    ask(Which("wecom:nurse", "rejected"))
    work_off()

    with unit_of_work.begin() as session:
        row = session.scalars(select(InboundMessage)).one()
        assert (row.status, row.tries, row.reason) == ("received", 0, None)


def test_an_unknown_run_cannot_be_stopped(database: Engine) -> None:
    with unit_of_work.begin() as session, pytest.raises(NotFound):
        replay_runs.stop(session, "nobody")
