"""A place to send from on many processes: a broker, sender processes, a platform that counts."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from celery import Celery

from app.domain.outreach.messaging import Channel, Lane
from jobs.broker import Dispatcher, celery_app
from tests.conftest import ROOT, SECRET_KEYS

CHANNELS = {Channel.TEMPLATE, Channel.SUBSCRIPTION}


def settings_of(database: str, broker: str, platform: str) -> dict[str, str]:
    """Return the environment of a sender process."""
    callback = {"callback_token": "unused", "callback_aes_key": "unused", "secret": "secret"}
    apps: list[dict[str, Any]] = [
        {"key": "patient", "kind": "mini-program", "appid": "wxbench1", **callback},
        {"key": "service", "kind": "official-account", "appid": "wxbench2", **callback},
    ]
    return {
        **os.environ,
        "CARELOOP_DATABASE_URL": database,
        "CARELOOP_BROKER_URL": broker,
        "CARELOOP_SECRET_KEYS": SECRET_KEYS,
        "CARELOOP_WECHAT": json.dumps({"api_base": platform, "apps": apps}),
    }


@dataclass
class Site:
    """Sender processes around one database; `dispatch` does what the clock process does."""

    environment: dict[str, str]
    app: Celery
    senders: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._dispatchers = [
            Dispatcher(self.app, lane, CHANNELS, lambda: datetime.now(UTC)) for lane in Lane
        ]

    def add_sender(self, lanes: Sequence[str] = ("clinical", "transactional", "bulk")) -> None:
        self.senders.append(
            subprocess.Popen(
                [sys.executable, "-m", "jobs.sender", *lanes],
                cwd=ROOT, env=self.environment, stderr=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        )  # fmt: skip

    def kill_one(self) -> None:
        """End the oldest sender as a power failure would."""
        process = self.senders.pop(0)
        process.kill()
        process.wait()

    def retire_one(self) -> int:
        """End the oldest sender as an operator does; return its exit code."""
        process = self.senders.pop(0)
        process.send_signal(signal.SIGTERM)
        return process.wait(60)

    def dispatch(self) -> int:
        return sum(one.dispatch() for one in self._dispatchers)

    def close(self) -> None:
        for one in self._dispatchers:
            one.close()
        for process in self.senders:
            process.kill()
            process.wait()


@contextmanager
def sending_site(database: str, broker: str, platform: str) -> Iterator[Site]:
    site = Site(settings_of(database, broker, platform), celery_app(broker))
    try:
        yield site
    finally:
        site.close()
