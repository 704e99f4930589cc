"""`python -m app.cli outbox …`: lanes, routes, sending again, pausing and opening."""

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from app import clock
from app.database import unit_of_work
from app.domain.outreach.gates import Closed
from app.domain.outreach.messaging import CommunicationState, Lane
from app.models import AuditEvent, Communication, CommunicationAttempt, RouteGate, SendingDeed
from tests.integration.postbox import letter
from tests.integration.verbs import Verb

State = CommunicationState


@pytest.fixture
def run(verb: Verb) -> Verb:
    return partial(verb, "outbox")


def lay_to_rest(who: str, *, is_lost: bool = False) -> str:
    now = clock.now()
    with unit_of_work.begin() as session:
        one = letter(session, who, due_at=now, expires_at=now + timedelta(days=1))
        one.state, one.reason = State.DEAD, "content"
        if is_lost:
            session.add(
                CommunicationAttempt(communication_id=one.id, claim_token="t", calling_at=now)
            )
        return one.public_id


def states() -> list[State]:
    with unit_of_work.begin() as session:
        return list(session.scalars(select(Communication.state).order_by(Communication.id)))


def test_lanes_and_routes_are_shown(run: Verb) -> None:
    now = clock.now()
    with unit_of_work.begin() as session:
        letter(session, "a", lane=Lane.CLINICAL, due_at=now - timedelta(seconds=90))

    status, lanes, _ = run("lanes")
    assert status == 0
    clinical = next(line for line in lanes.splitlines() if line.startswith("1-clinical")).split()
    assert clinical[1] == "1"
    assert 90 <= int(clinical[2].removesuffix("s")) < 200
    status, routes, _ = run("routes")
    assert status == 0
    assert routes.splitlines()[1].split() == [
        "template", "patient", "0/0", "0/0", "0/0", "100000",
    ]  # fmt: skip


def test_a_route_is_paused_and_opened(run: Verb) -> None:
    with unit_of_work.begin() as session:
        letter(session, "a")

    assert run("pause", "template", "patient")[0] == 2  # no reason
    assert run("pause", "template", "nobody", "--why", "维护中")[0] == 1
    status, told, _ = run("pause", "template", "patient", "--why", "平台今晚维护")
    assert (status, told) == (0, "template patient is paused")
    status, routes, _ = run("routes")
    assert status == 1
    assert "paused since" in routes
    status, told, _ = run("open", "template", "patient")

    assert (status, told) == (0, "the next message tries it")
    with unit_of_work.begin() as session:
        gate = session.scalars(select(RouteGate)).one()
        assert gate.closed is Closed.PAUSED
        assert gate.until is not None
        why, *_ = session.scalars(select(SendingDeed).order_by(SendingDeed.id))
        assert why.why == "平台今晚维护"
        actions = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
        assert actions == ["pause", "open"]


def test_messages_are_sent_again_by_reason_or_one_by_one(run: Verb) -> None:
    lay_to_rest("a")
    lay_to_rest("b")
    lost = lay_to_rest("c", is_lost=True)

    assert run("replay")[0] == 2
    assert run("replay", "--reason", "other")[1] == "0 messages queued again"
    assert run("replay", "--reason", "content")[1] == "2 messages queued again"
    assert states() == [State.QUEUED, State.QUEUED, State.DEAD]
    status, _, problem = run("replay", "--id", lost)
    assert status == 1
    assert "可能已经送达" in problem
    assert run("replay", "--id", lost, "--why", "患者没有收到")[1] == "1 message queued again"
    assert states()[2] is State.QUEUED
