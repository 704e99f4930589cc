"""How fast the outbox drains, against the best bare client.

The shipped senders and pump, every state durable in MariaDB (each commit synced), against a light
platform at 0, 20 and 50 ms; the limit is a pool of `http.client` connections that posts the same
bodies to the same address with the same concurrency and keeps nothing. Template messages go at
least once, subscription messages at most once, with a right of the ledger spent for each.
"""

import base64
import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from app import encryption
from app.database import make_engine, new_public_id, unit_of_work
from app.domain.outreach.messaging import Channel, CommunicationState, Lane, dedupe_key
from app.models import Communication, SubscriptionGrant, WeChatAccount
from app.settings import Settings
from benchmarks import measuring, stub_platform
from jobs.sending import IN_FLIGHT, Pump
from jobs.wire import Senders
from tests.conftest import SECRET_KEY, SECRET_KEYS
from wiring import platforms, senders

_DELAYS_MS: Final = (0, 20, 50)
_MESSAGES: Final = 6_000  # a round
_FEEDERS: Final = 2  # as the clock process has
_TEMPLATE: Final = "tmpl-bench"
_DATA: Final = {"thing1": "记录今天的血糖", "time2": "2026-05-04 18:30"}
_PAGE: Final = "pages/task/index"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of delivery: its channel, our key of its app, its path, and what to reach."""

    channel: Channel
    app_key: str
    path: str
    targets: Mapping[int, float]  # ratio by delay
    template_id: str = _TEMPLATE
    data: Mapping[str, str] = field(default_factory=lambda: _DATA)


KINDS: Final = {
    "at_least_once": Kind(Channel.TEMPLATE, "service", "template", {0: 0.6, 20: 0.8, 50: 0.9}),
    "at_most_once": Kind(Channel.SUBSCRIPTION, "patient", "subscribe", {0: 0.4, 20: 0.6, 50: 0.7}),
}
_numbers = itertools.count()


def wired(url: str, address: str) -> Senders:
    callback = {"callback_token": "unused", "callback_aes_key": "unused", "secret": "secret"}
    apps = [
        {"key": "patient", "kind": "mini-program", "appid": "wxbench1", **callback},
        {"key": "service", "kind": "official-account", "appid": "wxbench2", **callback},
    ]
    settings = Settings.model_validate(
        {
            "database_url": url,
            "secret_keys": SECRET_KEYS,
            "wechat": {"api_base": address, "apps": apps},
        }
    )
    return senders(settings, platforms(settings))


def queue(kind: Kind, count: int, now: datetime) -> list[str]:
    """Put one message for each of so many new people into the outbox; return their openids."""
    openids = [f"oBench{next(_numbers):010d}" for _ in range(count)]
    with unit_of_work.begin() as session:
        session.execute(
            insert(WeChatAccount),
            [
                {"public_id": new_public_id(), "app_key": kind.app_key, "openid": openid,
                 "created_at": now, "last_seen_at": now}
                for openid in openids
            ],
        )  # fmt: skip
        ids = dict(
            session.execute(
                select(WeChatAccount.openid, WeChatAccount.id).where(
                    WeChatAccount.openid.in_(openids)
                )
            ).all()
        )
        needs_right = kind.channel is Channel.SUBSCRIPTION
        if needs_right:
            _grant(session, kind, ids.values(), now)
        session.execute(
            insert(Communication),
            [_message(kind, openid, ids[openid], needs_right, now) for openid in openids],
        )
    return openids


def _grant(session: Session, kind: Kind, ids: Any, now: datetime) -> None:
    given = {"template_id": kind.template_id, "change": 1, "reason": "accepted", "at": now}
    session.execute(insert(SubscriptionGrant), [{"account_id": id_, **given} for id_ in ids])


def _message(
    kind: Kind, openid: str, account_id: int, needs_right: bool, now: datetime
) -> dict[str, Any]:
    public_id = new_public_id()
    content = {
        "openid": openid, "template_id": kind.template_id, "page": _PAGE,
        "data": dict(kind.data),
        "title": "记录今天的血糖", "subject": "bench",
    }  # fmt: skip
    sealed = Communication.content.seal(
        Communication.__tablename__, public_id, json.dumps(content, ensure_ascii=False)
    )
    return {
        "public_id": public_id, "dedupe_key": dedupe_key("bench", openid),
        "account_id": account_id, "kind": "task-reminder", "channel": kind.channel,
        "lane": Lane.BULK, "state": CommunicationState.QUEUED, "app_key": kind.app_key,
        "template_id": kind.template_id, "needs_right": needs_right, "content_sealed": sealed,
        "recipient_key": f"{kind.app_key}:{openid}", "tries": 0, "planned_at": now,
        "due_at": now, "expires_at": now + timedelta(days=1),
    }  # fmt: skip


def drain(channels: Senders) -> None:
    """Send all that is due, as the clock process's feeders do."""
    with (
        Pump(channels, lambda: datetime.now(UTC)) as pump,
        ThreadPoolExecutor(_FEEDERS) as feeders,
    ):

        def send(_: int) -> None:
            while pump.send_due():
                pass

        list(feeders.map(send, range(_FEEDERS)))


def post_bare(kind: Kind, address: str, openids: Sequence[str]) -> None:
    """Post the same to each, with as many connections, keeping nothing."""
    host = urlsplit(address)
    path = f"/cgi-bin/message/{kind.path}/send?access_token=bench-token"
    data = {keyword: {"value": text} for keyword, text in _DATA.items()}
    left = iter(openids)
    lock, failures = threading.Lock(), []

    def post() -> None:
        connection = http.client.HTTPConnection(host.hostname or "", host.port, timeout=30)
        while True:
            with lock:
                openid = next(left, None)
            if openid is None:
                connection.close()
                return
            body = {"touser": openid, "template_id": _TEMPLATE, "page": _PAGE, "data": data}
            told = json.dumps(body, ensure_ascii=False).encode()
            connection.request("POST", path, told, {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
            if answer["errcode"]:
                failures.append(answer)

    threads = [threading.Thread(target=post) for _ in range(IN_FLIGHT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise AssertionError(f"{len(failures)} refused: {failures[0]}")


def told(address: str, delay_ms: int | None = None) -> dict[str, Any]:
    """Set the platform's delay, or return what it counted since the last time."""
    host = urlsplit(address)
    connection = http.client.HTTPConnection(host.hostname or "", host.port, timeout=30)
    if delay_ms is None:
        connection.request("GET", "/told")
    else:
        connection.request("POST", "/delay", json.dumps({"ms": delay_ms}))
    answer: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def measure(
    kind: Kind, address: str, send_all: Callable[[], None], rounds: int, count: int
) -> dict[str, Any]:
    """Drain and post in turn; after each, the platform's count must equal what was to be sent."""

    def timed(run: Callable[[], None], openids: Sequence[str]) -> dict[str, float]:
        told(address)
        begun = time.perf_counter()
        run()
        seconds = time.perf_counter() - begun
        counted = told(address)["people"]
        if counted != dict.fromkeys(openids, 1):
            raise AssertionError(f"{sum(counted.values())} messages came of {len(openids)}")
        return {"per_second": len(openids) / seconds}

    def ours() -> dict[str, float]:
        openids = queue(kind, count, datetime.now(UTC))
        found = timed(send_all, openids)
        _check(kind, openids)
        return found

    def bare() -> dict[str, float]:
        openids = [f"oBare{next(_numbers):010d}" for _ in range(count)]
        return timed(lambda: post_bare(kind, address, openids), openids)

    a, b = measuring.alternate(ours, bare, rounds)
    return {
        "ratio": measuring.paired_ratio(a, b, "per_second"),
        "ours": measuring.medians(a)["per_second"],
        "bare": measuring.medians(b)["per_second"],
    }


def _check(kind: Kind, openids: Sequence[str]) -> None:
    sent = (CommunicationState.SENT, CommunicationState.DELIVERED)
    keys = [f"{kind.app_key}:{openid}" for openid in openids]
    with unit_of_work() as session:
        rows = session.scalar(
            select(func.count()).where(
                Communication.recipient_key.in_(keys),
                Communication.state.in_(sent),
                Communication.platform_id.is_not(None),
                Communication.in_flight.is_(None),
            )
        )
    if rows != len(openids):
        raise AssertionError(f"{rows} rows sent of {len(openids)}")


def main(arguments: Sequence[str] | None = None) -> None:
    options = measuring.options(__doc__ or "", arguments)
    encryption.use(encryption.Keyring({"t1": base64.b64decode(SECRET_KEY)}, "hospital"))
    busyness = measuring.Busyness()
    count = max(2 * IN_FLIGHT, int(_MESSAGES * options.scale))
    found: dict[str, dict[str, Any]] = {}
    with measuring.fresh_database(durable=True) as url, stub_platform.started() as address:
        engine = make_engine(url)
        unit_of_work.configure(bind=engine)
        channels = wired(url, address)
        for delay in _DELAYS_MS:
            told(address, delay)
            for name, kind in KINDS.items():
                measuring.progress(f"{name} at {delay} ms, {count} messages a round")
                one = measure(kind, address, lambda: drain(channels), options.rounds, count)
                found[f"{name}_{delay}_ms"] = {**one, "target": kind.targets[delay]}
        engine.dispose()
    measuring.finish(
        "outreach",
        {
            "ratio": min(one["ratio"] / one["target"] for one in found.values()),
            "target": 1.0,  # the least of the ratios, each by its own target
            "embedded": found,
            "sizes": {"in_flight": IN_FLIGHT, "rounds": options.rounds, "messages": count},
            "machine": busyness.report(),
        },
    )


if __name__ == "__main__":
    main()
