"""A sender process: `python -m jobs.sender clinical`, or `… transactional bulk`.

Add and remove them as the hospital needs; each keeps the wire of one process full. Clinical
messages want a process of their own, so that nothing stands before them.
"""

import sys
from typing import Any, Final

import structlog
from celery import Celery, signals
from pydantic import ValidationError

from app import clock, settings
from app.domain.outreach.messaging import Lane
from app.start import start
from jobs.broker import TASK, celery_app, queue_name
from jobs.sending import Pump
from wiring import outlets, platforms, senders

log = structlog.get_logger()

# Chunks in hand at once: one ends while the next is begun.
_CHUNKS: Final = 3


def sender(app: Celery, pump: Pump) -> None:
    """Make `app` a sender process of `pump`."""

    def send(token: str, ids: list[int]) -> None:
        pump.send(token, ids)

    def begin(**_: Any) -> None:
        pump.__enter__()
        log.info("sender_started")

    def stop(**_: Any) -> None:
        pump.stop()  # what is not begun goes back at once; what is begun is called to its end

    def end(**_: Any) -> None:
        pump.__exit__(None, None, None)

    app.task(name=TASK)(send)
    signals.setup_logging.connect(lambda **_: None, weak=False)  # ours are set up
    signals.worker_init.connect(begin, weak=False)
    signals.worker_shutting_down.connect(stop, weak=False)
    signals.worker_shutdown.connect(end, weak=False)


def main(names: list[str]) -> int:
    try:
        configured = settings.load()
        lanes = [Lane[name.upper()] for name in names or ["transactional", "bulk"]]
    except (ValidationError, KeyError) as problem:
        print(problem, file=sys.stderr)  # noqa: T201  # logs are not set up yet
        return 2
    if configured.broker_url is None:
        print("CARELOOP_BROKER_URL is not set", file=sys.stderr)  # noqa: T201
        return 2
    start("sender", configured)
    app = celery_app(configured.broker_url.get_secret_value())
    channels = senders(configured, platforms(configured))
    sender(app, Pump(channels, clock.now, rules=outlets(configured).rules))
    queues = ",".join(queue_name(lane) for lane in lanes)
    app.worker_main(
        ["worker", "--pool=threads", f"--concurrency={_CHUNKS}", "--queues", queues,
         "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=WARNING"]
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
