"""How fast the outbox drains, against the best bare client.

The shipped senders and worker step, every state durable in MariaDB, against the stand-in platform
at 20 ms; the limit is a pool of `http.client` connections that posts the same bodies to the same
endpoint with the same concurrency and keeps nothing.
"""

import base64
import http.client
import itertools
import json
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import func, select

from app import encryption
from app.database import make_engine, unit_of_work
from app.domain.outreach.messaging import Channel, CommunicationState, Lane, Sender, dedupe_key
from app.models import Communication, SubscriptionGrant, WeChatAccount
from app.settings import Settings
from benchmarks import measuring
from jobs.send_communications import IN_FLIGHT, send_communications
from tests.conftest import SECRET_KEY, SECRET_KEYS
from tests.standin.support import (
    ACCOUNT,
    FOLLOWER_TEMPLATE,
    MINI,
    ONE_TIME,
    Platform,
    configuration,
    started,
)
from wiring import platforms, senders

LATENCY_MS = 20
DATA = {
    Channel.SUBSCRIPTION: {"thing1": "记录今天的血糖", "time2": "18:30"},
    Channel.TEMPLATE: {"thing1": "记录今天的血糖", "keyword2": "今天"},
}
PATHS = {Channel.SUBSCRIPTION: "subscribe", Channel.TEMPLATE: "template"}
APPS = {Channel.SUBSCRIPTION: MINI, Channel.TEMPLATE: ACCOUNT}
SECRETS = {Channel.SUBSCRIPTION: "mini-secret", Channel.TEMPLATE: "account-secret"}
TEMPLATES = {Channel.SUBSCRIPTION: ONE_TIME, Channel.TEMPLATE: FOLLOWER_TEMPLATE}
LEDGER = {Channel.SUBSCRIPTION: "subscribe_message", Channel.TEMPLATE: "template_message"}

_numbers = itertools.count()


def people(platform: Platform, channel: Channel, count: int) -> list[str]:
    """Make users of the stand-in who may be written to once, and return their openids."""
    openids = [f"oBench{next(_numbers):08d}" for _ in range(count)]
    for start in range(0, count, 500):
        more: dict[str, object] = (
            {"grants": {ONE_TIME: 1}} if channel is Channel.SUBSCRIPTION else {"follow": True}
        )
        platform.control(
            "/phones", appid=APPS[channel], openids=openids[start : start + 500], **more
        )
    return openids


def queue(openids: Sequence[str], channel: Channel, now: datetime) -> None:
    """Put one message for each into the outbox, as patient notices are."""
    template = TEMPLATES[channel]
    with unit_of_work.begin() as session:
        for openid in openids:
            user = WeChatAccount(
                app_key=APPS[channel], openid=openid, created_at=now, last_seen_at=now
            )
            session.add(user)
            session.flush()
            is_right = channel is Channel.SUBSCRIPTION
            if is_right:
                session.add(
                    SubscriptionGrant(
                        account_id=user.id, template_id=template, change=1, reason="accepted",
                        at=now,
                    )
                )  # fmt: skip
            content = {
                "openid": openid, "template_id": template, "page": "pages/task/index",
                "data": DATA[channel],
            }  # fmt: skip
            session.add(
                Communication(
                    dedupe_key=dedupe_key("bench", openid), account_id=user.id,
                    kind="task-reminder", channel=channel, lane=Lane.BULK, app_key=_KEYS[channel],
                    template_id=template, needs_right=is_right, content=json.dumps(content),
                    recipient_key=f"{APPS[channel]}:{openid}", planned_at=now, due_at=now,
                    expires_at=now + timedelta(days=1),
                )
            )  # fmt: skip


_KEYS = {Channel.SUBSCRIPTION: "patient", Channel.TEMPLATE: "service"}


def drain(channels: dict[Channel, Sender], pool: ThreadPoolExecutor, count: int) -> float:
    """Send all that is due, as the clock process's two workers do; return messages a second."""

    def send(_: int) -> None:
        while send_communications(channels, pool, lambda: datetime.now(UTC)):
            pass

    begun = time.perf_counter()
    with ThreadPoolExecutor(2) as workers:
        list(workers.map(send, range(2)))
    return count / (time.perf_counter() - begun)


def post_bare(platform: Platform, channel: Channel, openids: Sequence[str], token: str) -> float:
    """Post the same to each, with as many connections; return messages a second."""
    address = urlsplit(platform.url)
    path = f"/weixin/cgi-bin/message/{PATHS[channel]}/send?access_token={token}"
    data = {keyword: {"value": text} for keyword, text in DATA[channel].items()}
    left = iter(openids)
    lock, failures = threading.Lock(), []

    def post() -> None:
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        while True:
            with lock:
                openid = next(left, None)
            if openid is None:
                connection.close()
                return
            body = {"touser": openid, "template_id": TEMPLATES[channel], "data": data}
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
            if answer["errcode"]:
                failures.append(answer)

    threads = [threading.Thread(target=post) for _ in range(IN_FLIGHT)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begun
    if failures:
        raise AssertionError(f"{len(failures)} refused: {failures[0]}")
    return len(openids) / seconds


@contextmanager
def stand_in() -> Iterator[Platform]:
    with tempfile.TemporaryDirectory(prefix="careloop-bench-") as folder:
        config = Path(folder) / "standin.json"
        told = configuration("http://127.0.0.1:9")
        for app in (*told["mini_programs"], *told["official_accounts"]):
            app.pop("callback_url", None)  # receipts are not measured here
        config.write_text(json.dumps(told))
        with started(config, "--threads", "64") as platform:
            platform.control("/latency", ms=LATENCY_MS)
            yield platform


def wired(url: str, platform: Platform) -> dict[Channel, Sender]:
    callback = {"callback_token": "unused", "callback_aes_key": "unused"}
    apps = [
        {"key": "patient", "kind": "mini-program", "appid": MINI, "secret": "mini-secret"},
        {"key": "service", "kind": "official-account", "appid": ACCOUNT,
         "secret": "account-secret"},
    ]  # fmt: skip
    settings = Settings.model_validate(
        {
            "database_url": url,
            "secret_keys": SECRET_KEYS,
            "wechat": {
                "api_base": f"{platform.url}/weixin",
                "apps": [{**app, **callback} for app in apps],
            },
        }
    )
    return senders(settings, platforms(settings))


def measure(
    platform: Platform,
    channel: Channel,
    channels: dict[Channel, Sender],
    pool: ThreadPoolExecutor,
    options: measuring.Options,
) -> dict[str, object]:
    """Drain and post in turn; after each drain the stand-in's ledger must equal our rows."""
    count = max(IN_FLIGHT, int(600 * options.scale))
    token = platform.stable_token(APPS[channel], SECRETS[channel])["access_token"]
    sent_in_all = 0

    def ours() -> dict[str, float]:
        nonlocal sent_in_all
        openids = people(platform, channel, count)
        queue(openids, channel, datetime.now(UTC))
        rate = drain(channels, pool, count)
        sent_in_all += count
        _check(platform, channel, openids, sent_in_all)
        return {"per_second": rate}

    def bare() -> dict[str, float]:
        return {"per_second": post_bare(platform, channel, people(platform, channel, count), token)}

    measuring.progress(f"{channel}: {count} messages a round")
    a, b = measuring.alternate(ours, bare, options.rounds)
    return {
        "ratio_to_bare_client": measuring.paired_ratio(a, b, "per_second"),
        "ours": measuring.medians(a),
        "bare": measuring.medians(b),
        "sent": sent_in_all,
    }


def _check(platform: Platform, channel: Channel, openids: Sequence[str], sent: int) -> None:
    chosen = {CommunicationState.SENT, CommunicationState.DELIVERED}
    with unit_of_work.begin() as session:
        rows = session.scalar(
            select(func.count()).where(
                Communication.channel == channel, Communication.state.in_(chosen)
            )
        )
    if rows != sent:
        raise AssertionError(f"{rows} rows sent of {sent}")
    reached = _reached(platform, set(openids))
    if reached != dict.fromkeys(openids, 1):
        raise AssertionError(f"the platform knows of {sum(reached.values())} of {len(openids)}")


def _reached(platform: Platform, openids: set[str]) -> dict[str, int]:
    """Return how many messages each of `openids` got, by the stand-in's own ledger."""
    found: dict[str, int] = {}
    since, more = 0, True
    while more:
        page = platform.get("/standin/ledger", since=since, limit=1000)
        for entry in page["entries"]:
            if entry["kind"] in LEDGER.values() and entry.get("openid") in openids:
                found[entry["openid"]] = found.get(entry["openid"], 0) + 1
        since, more = page["last"], page["more"]
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    options = measuring.options(__doc__ or "", arguments)
    encryption.use(encryption.Keyring({"t1": base64.b64decode(SECRET_KEY)}, "hospital"))
    busyness = measuring.Busyness()
    kinds: dict[str, dict[str, object]] = {}
    with (
        measuring.fresh_database() as url,
        stand_in() as platform,
        ThreadPoolExecutor(IN_FLIGHT) as pool,
    ):
        engine = make_engine(url)
        unit_of_work.configure(bind=engine)
        channels = wired(url, platform)
        for name, channel in (
            ("at_least_once", Channel.TEMPLATE),
            ("at_most_once", Channel.SUBSCRIPTION),
        ):
            kinds[name] = measure(platform, channel, channels, pool, options)
        engine.dispose()
    measuring.finish(
        "outreach",
        {
            "ratio": kinds["at_least_once"]["ratio_to_bare_client"],
            "ratio_to_bare_client": kinds["at_least_once"]["ratio_to_bare_client"],
            "target": None,  # of a later release: 0.8 and 0.6 at 20 ms
            **kinds,
            "sizes": {
                "in_flight": IN_FLIGHT, "latency_ms": LATENCY_MS, "rounds": options.rounds,
                "messages": max(IN_FLIGHT, int(600 * options.scale)),
            },
            "machine": busyness.report(),
        },
    )  # fmt: skip


if __name__ == "__main__":
    main()
