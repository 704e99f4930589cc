"""What the drills of sending share: messages of two kinds, sending processes, and the books.

The stand-in platform is the judge: what its ledger holds has arrived, whatever our rows say.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import OperationalError

from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.outreach.messaging import Channel, CommunicationState, Outlets
from app.models import Communication, CommunicationAttempt, Event
from app.services.outreach import outbox, receipts
from app.services.outreach.platform_inbox import process_pending
from app.settings import Settings
from benchmarks import outreach
from jobs.chores import Work
from jobs.platform_events import handlers
from jobs.sending import Pump
from jobs.wire import Senders
from tests.conftest import SECRET_KEYS
from tests.standin.support import (
    ACCOUNT,
    AES_KEY,
    FOLLOWER_TEMPLATE,
    MINI,
    ONE_TIME,
    TOKEN,
    Platform,
)
from wiring import platforms, senders

State = CommunicationState
ONCE = outreach.Kind(
    Channel.SUBSCRIPTION, "mini", "subscribe", {}, ONE_TIME,
    {"thing1": "记录今天的血糖", "time2": "2026-05-04 18:30"},
)  # fmt: skip
AGAIN = outreach.Kind(
    Channel.TEMPLATE, "account", "template", {}, FOLLOWER_TEMPLATE,
    {"thing1": "随访提醒", "keyword2": "请打开小程序查看"},
)  # fmt: skip
PATHS = {
    ONCE.channel: "/weixin/cgi-bin/message/subscribe/send",
    AGAIN.channel: "/weixin/cgi-bin/message/template/send",
}
TOKEN_PATH = "/weixin/cgi-bin/stable_token"
UNFINISHED = (State.QUEUED, State.CLAIMED, State.CALLING)
_LEDGERS = {ONCE.channel: "subscribe_message", AGAIN.channel: "template_message"}
_MOST = 10_000  # entries of the stand-in's ledger in one answer
_HANDLERS = handlers(Work(HOSPITAL, Outlets()))


def environment(database: str, platform: str, **more: str) -> dict[str, str]:
    """Return the settings of a process of ours as its environment."""
    callback = {"callback_token": TOKEN, "callback_aes_key": AES_KEY}
    apps: list[dict[str, Any]] = [
        {"key": "mini", "kind": "mini-program", "appid": MINI, "secret": "mini-secret", **callback},
        {"key": "account", "kind": "official-account", "appid": ACCOUNT,
         "secret": "account-secret", **callback},
    ]  # fmt: skip
    return {
        "CARELOOP_DATABASE_URL": database,
        "CARELOOP_SECRET_KEYS": SECRET_KEYS,
        "CARELOOP_WECHAT": json.dumps({"api_base": f"{platform}/weixin", "apps": apps}),
        **more,
    }


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def wired(engine: Engine, platform: str) -> Senders:
    """Return the senders of this process."""
    told = environment(url_of(engine), platform)
    settings = Settings.model_validate(
        {
            "database_url": told["CARELOOP_DATABASE_URL"],
            "secret_keys": SECRET_KEYS,
            "wechat": json.loads(told["CARELOOP_WECHAT"]),
        }
    )
    return senders(settings, platforms(settings))


class Hands:
    """A clock that the drill moves, and the stand-in's with it."""

    def __init__(self, offset_file: Path) -> None:
        self._file = offset_file
        self._ahead = timedelta()
        self.move(timedelta())

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def move(self, by: timedelta) -> None:
        self._ahead += by
        # In one step: the stand-in reads it at every call.
        new = self._file.with_suffix(".new")
        new.write_text(str(self._ahead.total_seconds()))
        new.replace(self._file)

    def reset(self) -> None:
        self.move(-self._ahead)


@dataclass(frozen=True)
class Post:
    """Who is to get a message of either kind."""

    once: list[str]
    again: list[str]

    def __add__(self, more: "Post") -> "Post":
        return Post(self.once + more.once, self.again + more.again)

    @property
    def size(self) -> int:
        return len(self.once) + len(self.again)


def post(platform: Platform, each: int, now: datetime | None = None) -> Post:
    """Queue so many messages of each kind, each to somebody who may have it."""
    now = now or datetime.now(UTC)
    told = Post(outreach.queue(ONCE, each, now), outreach.queue(AGAIN, each, now))
    platform.control("/phones", appid=MINI, openids=told.once, grants={ONE_TIME: 1})
    platform.control("/phones", appid=ACCOUNT, openids=told.again, follow=True)
    return told


# ---------------------------------------------------------------------------- what became of it


def count(*states: State) -> int:
    with unit_of_work() as session:
        found = select(func.count()).where(Communication.state.in_(states))
        return session.scalar(found) or 0


def states(channel: Channel | None = None) -> Counter[State]:
    chosen = select(Communication.state, func.count()).group_by(Communication.state)
    if channel is not None:
        chosen = chosen.where(Communication.channel == channel)
    with unit_of_work() as session:
        return Counter(dict(session.execute(chosen).all()))


def calls_without_end() -> int:
    """Return how many calls were begun by those who did not live to settle them."""
    with unit_of_work() as session:
        found = select(func.count()).where(CommunicationAttempt.finished_at.is_(None))
        return session.scalar(found) or 0


def most_tries() -> int:
    with unit_of_work() as session:
        tries = (
            select(func.count().label("tries"))
            .select_from(CommunicationAttempt)
            .group_by(CommunicationAttempt.communication_id)
            .subquery()
        )
        return session.scalar(select(func.max(tries.c.tries))) or 0


def arrived(platform: Platform, channel: Channel) -> Counter[str]:
    """Return how often the platform told each person something."""
    entries = platform.ledger(_LEDGERS[channel], limit=_MOST)
    return Counter(entry["openid"] for entry in entries)


def called(platform: Platform, channel: Channel) -> int:
    """Return how many calls the platform saw, those included that it did not answer."""
    counted: int = platform.get("/standin/stats")["requests"].get(PATHS[channel], 0)
    return counted


def failures_told() -> set[int]:
    """Return the messages of which an event says that another channel may take them up."""
    with unit_of_work() as session:
        told = session.scalars(select(Event.payload).filter_by(kind="communication.failed"))
        return {one["communication_id"] for one in told}


def check_books(platform: Platform, posted: Post, *, receipts_come: bool = True) -> Counter[str]:
    """Hold our rows against the platform's ledger: none lost, none told twice; return counts.

    What arrived is `delivered` where receipts come; what did not is dead with a reason, and an
    event tells of it.
    """
    there = {channel: arrived(platform, channel) for channel in PATHS}
    for channel in PATHS:
        assert not [one for one, times in there[channel].items() if times > 1], "told twice"
    failed = failures_told()
    with unit_of_work() as session:
        rows = session.execute(
            select(
                Communication.id, Communication.channel, Communication.recipient_key,
                Communication.state, Communication.reason,
            )
        ).all()  # fmt: skip
    assert len(rows) == posted.size
    counts: Counter[str] = Counter()
    for id_, channel, recipient, state, reason in rows:
        has_arrived = bool(there[channel][recipient.partition(":")[2]])
        counts[f"{channel} {state}"] += 1
        if state in (State.SENT, State.DELIVERED):
            assert has_arrived, f"{id_} is {state} and never arrived"
            assert state is State.DELIVERED or not receipts_come
        else:
            assert state is State.DEAD, f"{id_} is left {state}"
            assert reason
            assert id_ in failed
            assert not (has_arrived and receipts_come), f"{id_} arrived and is {state}"
    return counts


# ------------------------------------------------------------------------------- moving it on


def sweep(now: datetime | None = None) -> dict[str, int]:
    with unit_of_work.begin() as session:
        return outbox.sweep(session, now or datetime.now(UTC))


def send_all(senders: Senders) -> None:
    """Send what waits, by another worker, as if half a minute passed between looks."""
    hand = [datetime.now(UTC)]
    with Pump(senders, lambda: hand[0]) as other:
        while count(*UNFINISHED):
            hand[0] += timedelta(seconds=31)
            assert hand[0] < datetime.now(UTC) + timedelta(minutes=9), "it would not end"
            other.send_due()


def end_leases_of(engine: Engine, tokens: Sequence[str], begun_until: datetime) -> None:
    """Let the database's clock pass the leases of a dead process's claims, and of no other.

    A chunk of the broker has one token, whoever takes it up after the dead: what its successor
    began has a later lease.
    """
    lapse = text(
        "UPDATE communication SET lease_until = '2020-01-01 00:00:00'"
        " WHERE claim_token IN :tokens AND lease_until <= :until"
    )
    if tokens:
        until = begun_until + outbox.LEASE
        with engine.begin() as connection:
            connection.execute(
                lapse, {"tokens": tuple(tokens), "until": until.replace(tzinfo=None)}
            )


def read_receipts() -> int:
    """Do what the clock process does with pushes that came."""
    try:
        with unit_of_work.begin() as session:
            return process_pending(session, _HANDLERS, datetime.now(UTC))
    except OperationalError:
        return 1  # a deadlock with a sender: nothing was written, as in `jobs.workers`


def await_receipts(platform: Platform) -> None:
    """Read until every receipt of what arrived is in."""

    def is_over() -> bool:
        while read_receipts():
            pass
        ledger = platform.get("/standin/stats")["ledger"]
        effects = sum(ledger.get(kind, 0) for kind in _LEDGERS.values())
        return bool(ledger.get("callback_result", 0) >= effects)

    wait_until(is_over, 60)
    while read_receipts():
        pass
    with unit_of_work.begin() as session:
        receipts.retry_early_receipts(session, datetime.now(UTC), _MOST)


def wait_until(condition: Callable[[], object], seconds: float) -> float:
    """Return how long it took until `condition` was true."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "it did not happen in time"
        time.sleep(0.02)
    return time.monotonic() - begun


def flat(counts: Mapping[Any, int]) -> str:
    return " ".join(f"{name}={number}" for name, number in sorted(counts.items())) or "none"
