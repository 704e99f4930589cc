"""D5: Redis is killed, emptied and hung; logins, limits, callbacks and sends go on."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import quantiles

import pytest
import redis
import requests
from sqlalchemy import Engine

from app.integrations.hints import Hints
from app.integrations.spool import Spool
from app.web.callbacks import INBOX_TOPIC, CallbackReceiver
from tests.api.test_signing_in import claim
from tests.drills import sending
from tests.drills.crew import Staff
from tests.drills.sending import UNFINISHED, State, wait_until
from tests.drills.sizes import IS_WHOLE, report, size
from tests.drills.web import web_process
from tests.integration.callback_site import DOORS, Site, make_site_app
from tests.services import Redis
from tests.standin.support import MINI, Platform

MESSAGES, LOGINS = size(20, 600), size(2, 60)  # in each phase
HUNG_SECONDS = size(2, 60)
TRIES_A_DAY = 5


class Visitor:
    """Somebody at the web process: signs in, and tries to be linked once too often."""

    def __init__(self, port: int, platform: Platform) -> None:
        self._base = f"http://127.0.0.1:{port}/api/v1"
        self._platform = platform
        self.answers: Counter[int] = Counter()
        self.seconds: list[float] = []

    def come(self, openid: str) -> None:
        code = self._platform.control(f"/phones/{openid}/login-code", appid=MINI)["code"]
        token = self._post("/sessions", {"code": code})["token"]
        for _ in range(TRIES_A_DAY + 1):
            self._post("/bindings", claim(), token)
        self._post("/sessions", {"code": code})  # used already

    def _post(self, path: str, body: object, token: str = "") -> dict[str, str]:
        begun = time.monotonic()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = requests.post(self._base + path, json=body, headers=headers, timeout=30)
        self.seconds.append(time.monotonic() - begun)
        self.answers[answer.status_code] += 1
        told: dict[str, str] = answer.json()
        return told


@pytest.mark.mariadb
@pytest.mark.timeout(240 if not IS_WHOLE else 1200)
def test_nobody_misses_redis(
    mariadb: Engine,
    platform: Platform,
    one_site: Site,
    staff: Callable[[str], Staff],
    tmp_path: Path,
) -> None:
    server = Redis(tmp_path)
    server.start()
    hints = Hints(server.url)
    one_site.app = make_site_app(CallbackReceiver(DOORS, Spool(tmp_path / "spool"), hints))
    environment = sending.environment(
        sending.url_of(mariadb), platform.url,
        CARELOOP_REDIS_URL=server.url, CARELOOP_SPOOL_FOLDER=str(tmp_path / "web-spool"),
    )  # fmt: skip
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            if not sending.read_receipts():
                hints.wait(INBOX_TOPIC, 0.3)

    reader = threading.Thread(target=read)
    reader.start()
    posted, people, slow = sending.Post([], []), 0, dict[str, float]()
    answers: Counter[int] = Counter()
    try:
        staff("embedded").add()
        with web_process(environment, tmp_path / "web.log", size(1, 2)) as (_, port):
            for phase in ("well", "killed", "emptied", "hung", "well again"):
                _enter(phase, server)
                visitor, begun = Visitor(port, platform), time.monotonic()
                posted += sending.post(platform, MESSAGES // 2)
                for _ in range(LOGINS):
                    people += 1
                    visitor.come(f"oLogin{people:06d}")
                wait_until(lambda: not sending.count(*UNFINISHED), 60)
                if phase == "hung":
                    time.sleep(max(0.0, begun + HUNG_SECONDS - time.monotonic()))
                answers += visitor.answers
                slow[phase] = quantiles(visitor.seconds, n=100)[98]
            sending.await_receipts(platform)
    finally:
        is_over.set()
        reader.join()
        hints.close()
        server.kill()

    pushes = Counter(entry["status"] for entry in platform.ledger("callback_result", limit=10_000))
    report(
        "D5", messages=posted.size, logins=people, answers=sending.flat(answers),
        pushes=sending.flat(pushes),
        p99={phase: round(seconds, 2) for phase, seconds in slow.items()},
    )  # fmt: skip
    assert answers == {
        201: people,  # signed in
        202: people * TRIES_A_DAY,
        429: people,  # the limit holds whatever becomes of Redis
        401: people,  # a code works once
    }
    assert set(pushes) == {200}
    if IS_WHOLE:  # of a few requests it says nothing
        assert max(slow.values()) <= max(2 * slow["well"], 1.0)
    assert sending.states() == {State.DELIVERED: posted.size}
    sending.check_books(platform, posted)


def _enter(phase: str, server: Redis) -> None:
    if phase == "killed":
        server.kill()
    elif phase == "emptied":
        server.start()
        with redis.Redis.from_url(server.url) as client:
            client.flushall()
    elif phase == "hung":
        server.signal(signal.SIGSTOP)
    elif phase == "well again":
        server.signal(signal.SIGCONT)
