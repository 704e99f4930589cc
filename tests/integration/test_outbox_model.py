"""Whatever happens to a message, in whatever order: states, rights and attempts stay true."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

from app.domain.outreach.messaging import (
    FINAL,
    Accepted,
    Channel,
    CommunicationState,
    ErrorClass,
    Failure,
    Outcome,
    may_become,
)
from app.domain.outreach.platform_events import Receipt
from app.models import Communication, CommunicationAttempt, SubscriptionGrant, WeChatAccount
from app.models.outreach.receipt import apply_receipt
from app.models.outreach.subscription_ledger import balance
from app.services.outreach import outbox
from tests.conftest import NOON
from tests.integration.postbox import TEMPLATE, account, allow, end_leases, letter, with_right

State = CommunicationState
NO_RIGHT = 43101
# What certainly had no effect at the platform gives the right back.
DEFINITE = [
    Failure(ErrorClass.BUSY, -1),
    Failure(ErrorClass.NOT_SENT),
    Failure(ErrorClass.PERSON_BUSY, 43108),
    Failure(ErrorClass.RATE, 45011),
    Failure(ErrorClass.QUOTA, 45009),
    Failure(ErrorClass.CONTENT, 47003),
    Failure(ErrorClass.WINDOW, 45015),
    Failure(ErrorClass.RECIPIENT, 40003),
    Failure(ErrorClass.OURS, 40013),
    Failure(ErrorClass.TOKEN, 40014),
    Failure(ErrorClass.OTHER, 99999),
]
OUTCOMES: list[Outcome] = [
    *DEFINITE,
    Failure(ErrorClass.RECIPIENT, NO_RIGHT),
    Failure(ErrorClass.AMBIGUOUS),
    Failure(ErrorClass.DUPLICATE, 45065),
    Accepted("p-1"),
    Accepted(),
]

Step = tuple[str, object]
STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        st.tuples(st.just("queue"), st.none()),
        st.tuples(st.just("queue"), st.none()),
        st.tuples(st.just("allow"), st.integers(1, 2)),
        st.tuples(st.just("claim"), st.none()),
        st.tuples(st.just("call"), st.none()),
        st.tuples(st.just("send"), st.sampled_from(OUTCOMES)),
        st.tuples(st.just("send"), st.sampled_from(OUTCOMES)),
        st.tuples(st.just("settle"), st.sampled_from(OUTCOMES)),
        st.tuples(st.just("crash"), st.none()),
        st.tuples(st.just("sweep"), st.none()),
        st.tuples(st.just("receipt"), st.booleans()),
        st.tuples(st.just("wait"), st.integers(1, 1500)),
    ),
    min_size=4,
    max_size=25,
)


@pytest.fixture(autouse=True)
def only_legal_moves() -> Iterator[None]:
    """Refuse, everywhere in this file, a move that the table of states does not know."""

    def check(_: Communication, after: State, before: object, __: object) -> None:
        if isinstance(before, State) and before is not after:
            assert may_become(before, after), f"{before} → {after}"

    event.listen(Communication.state, "set", check)
    yield
    event.remove(Communication.state, "set", check)


@contextmanager
def undone(engine: Engine) -> Iterator[Session]:
    """A session for one example, rolled back at its end, however it ends."""
    with engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            yield session
        outer.rollback()


@dataclass
class Outbox:
    """The outbox with one recipient, and what the ledger of rights must read."""

    session: Session
    user: WeChatAccount
    rights: int = 0
    calls: int = 0
    now: datetime = NOON
    claims: list[tuple[str, list[int]]] = field(default_factory=list)
    on_the_wire: list[tuple[str, int]] = field(default_factory=list)
    seen: dict[int, State] = field(default_factory=dict)

    def watch(self) -> None:
        """Hold what was written for many at once against the table of states."""
        self.session.flush()
        self.session.expire_all()
        for id_, after in self.session.execute(select(Communication.id, Communication.state)):
            before = self.seen.get(id_, after)
            assert before is after or may_become(before, after), f"{before} → {after}"
            self.seen[id_] = after

    def queue(self, _: None) -> None:
        with_right(self.session, self.user)

    def allow(self, count: int) -> None:
        allow(self.session, self.user, count)
        self.rights += count

    def claim(self, _: None) -> None:
        self.claims.append(outbox.claim(self.session, self.now))
        self.watch()

    def call(self, _: None) -> None:
        for token, ids in self.claims[-1:]:
            called = outbox.begin_calling(self.session, token, ids, self.now)
            self.on_the_wire += [(token, id_) for id_, _ in called]
            self.calls += len(called)
            self.rights -= len(called)
            self.watch()

    def settle(self, outcome: Outcome) -> None:
        if not self.on_the_wire:
            return
        token, id_ = self.on_the_wire.pop()
        lost = outbox.settle(self.session, token, {id_: outcome}, self.now)
        if lost:
            return
        if outcome in DEFINITE:
            self.rights += 1
        elif outcome == Failure(ErrorClass.RECIPIENT, NO_RIGHT):
            self.rights = 0

    def send(self, outcome: Outcome) -> None:
        self.claim(None)
        self.call(None)
        self.settle(outcome)

    def crash(self, _: None) -> None:
        end_leases(self.session)

    def sweep(self, _: None) -> None:
        outbox.sweep(self.session, self.now)

    def receipt(self, is_delivered: bool) -> None:
        newest = select(Communication).order_by(Communication.id.desc()).limit(1)
        message = self.session.scalar(newest)
        if message is not None and message.first_called_at is not None:
            came = Receipt("p-1", is_delivered=is_delivered, outcome="x", template_id=None)
            apply_receipt(self.session, message, came, self.now)

    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    def check(self) -> None:
        self.watch()
        total = self.session.scalar(select(func.sum(SubscriptionGrant.change)))
        assert (total or 0) == self.rights >= 0
        assert balance(self.session, self.user.id, TEMPLATE) == self.rights
        attempts = select(func.count()).select_from(CommunicationAttempt)
        assert self.session.scalar(attempts) == self.calls
        rows = self.session.scalars(select(Communication)).all()
        held = [row.in_flight for row in rows if row.in_flight is not None]
        assert len(held) == len(set(held))
        for row in rows:
            under_way = row.state in (State.CLAIMED, State.CALLING)
            holds = (row.in_flight, row.claim_token, row.lease_until)
            assert all(one is not None for one in holds) is under_way
            assert any(one is not None for one in holds) is under_way


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_the_ledger_reads_what_the_platform_would_and_states_move_as_they_may(
    engine: Engine, steps: list[Step]
) -> None:
    with undone(engine) as session:
        box = Outbox(session, account(session))
        ended: dict[int, State] = {}
        for name, value in steps:
            getattr(box, name)(value)
            box.check()
            for row in session.scalars(select(Communication)):
                assert ended.get(row.id, row.state) is row.state  # the end is the end
                if row.state in FINAL:
                    ended[row.id] = row.state


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    order=st.permutations(["answer", "delivered", "failed", "delivered", "sweep"]),
    late=st.integers(0, 20),
)
def test_receipts_in_any_order_never_undo_an_end(
    engine: Engine, order: list[str], late: int
) -> None:
    told: list[State] = []
    with undone(engine) as session:
        message = letter(session, channel=Channel.SUBSCRIPTION)
        token, ids = outbox.claim(session, NOON)
        outbox.begin_calling(session, token, ids, NOON)
        session.expire_all()
        for step in order:
            if step == "answer":
                outbox.settle(session, token, {message.id: Failure(ErrorClass.AMBIGUOUS)}, NOON)
            elif step == "sweep":
                outbox.sweep(session, NOON + timedelta(minutes=late))
            else:
                is_delivered = step == "delivered"
                came = Receipt("p-1", is_delivered=is_delivered, outcome="x", template_id=None)
                apply_receipt(session, message, came, NOON)
            session.flush()
            told.append(message.state)

    first_end = next(state for state in told if state in FINAL)
    assert told[-1] is first_end
