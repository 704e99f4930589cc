"""The clock process: the timetable, and the worker threads. It wires, it decides nothing."""

import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import structlog
from pydantic import ValidationError

from app import clock, settings
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.definitions import InvalidDefinition
from app.domain.exchange.targets import HospitalTargets
from app.integrations.feeds import configured_feeds
from app.integrations.hints import Hints
from app.integrations.tables.mapping_files import InvalidMapping
from app.integrations.tables.sources import TableSources
from app.integrations.text_files import text_pack
from app.integrations.webhooks import webhook_sender
from app.services.intake import Reader, interpret_pending, replay
from app.services.intake.replay_runs import replay_batch
from app.services.outreach import receipts
from app.services.outreach.platform_inbox import process_pending
from app.settings import Settings
from app.start import start
from app.web.callbacks import INBOX_TOPIC, CallbackReceiver
from jobs import exchange
from jobs.chores import Work
from jobs.clockwork import Clockwork
from jobs.contacts import follow_contacts
from jobs.device_readings import take_readings
from jobs.engine import sending_engine
from jobs.followers import name_followers
from jobs.platform_events import handlers
from jobs.receipt_queries import ask_after
from jobs.relayed import take_callbacks
from jobs.term_rereading import reread_terms
from jobs.timetable import TIMETABLE
from jobs.workers import Crew, Worker, react_to_events
from wiring import (
    Platforms,
    hospital_targets,
    inquirers,
    outlets,
    platforms,
    receiver,
    senders,
    watches,
)  # fmt: skip

log = structlog.get_logger()


def crew(configured: Settings, work: Work, clients: Platforms, sending: Sequence[Worker]) -> Crew:
    """Return the workers: each takes up what others committed, wherever it comes from."""
    asking = inquirers(configured, clients)
    hints = Hints(configured.redis_url)
    pushes = receiver(configured, hints)
    read = configured_feeds(configured)
    targets = hospital_targets(configured)
    tell = webhook_sender(configured.exchange.webhook_networks, clock.now)
    callers = ThreadPoolExecutor(exchange.WEBHOOKS_AT_ONCE, thread_name_prefix="webhook")
    return Crew(
        (
            Worker("react", lambda: react_to_events(work), 0.3),
            *sending,
            Worker(
                "platform-inbox",
                lambda: _read_pushes(work),
                0.3,
                lambda seconds: hints.wait(INBOX_TOPIC, seconds),
            ),
            Worker("receipts", _retry_receipts, 5.0),
            Worker("receipt-queries", lambda: ask_after(asking, clock.now), 15.0),
            Worker("followers", lambda: name_followers(clients.official_accounts), 5.0),
            Worker("contacts", lambda: follow_contacts(clients.wecom, work.zone), 10.0),
            Worker("spool", lambda: _replay(pushes), 2.0),
            Worker("relayed", lambda: take_callbacks(pushes), 0.5),
            Worker("intake", lambda: interpret_pending(unit_of_work, read, clock.now(), 100), 2.0),
            Worker("devices", take_readings, 2.0),
            Worker("terms", lambda: _reread(read), 5.0),
            Worker("replay", lambda: replay_batch(unit_of_work, read, clock.now), 2.0),
            Worker("approved", lambda: exchange.queue_approved(targets, clock.now), 1.0),
            # A worker each: a system that is slow or down keeps nobody else waiting.
            *(
                Worker(f"his-{name}", partial(exchange.hand_over, name, send, clock.now), 1.0)
                for name, send in targets.senders.items()
            ),
            Worker("his-answers", lambda: _ask_back(targets), 30.0),
            Worker("webhooks", lambda: exchange.tell_subscribers(tell, callers, clock.now), 0.5),
        )
    )


def _ask_back(targets: HospitalTargets) -> int:
    exchange.ask_back(targets, clock.now)
    return 0  # answered or not, they are asked again after the pause


def _read_pushes(work: Work) -> int:
    with unit_of_work.begin() as session:
        return process_pending(session, handlers(work), clock.now())


def _retry_receipts() -> int:
    with unit_of_work.begin() as session:
        return receipts.retry_early_receipts(session, clock.now())


def _reread(read: Reader) -> int:
    return reread_terms(lambda ids: replay(unit_of_work, ids, read, clock.now()), clock.now)


def _replay(pushes: CallbackReceiver) -> int:
    return pushes.replay()


def main() -> int:
    try:
        configured = settings.load()
    except ValidationError as problem:
        print(problem, file=sys.stderr)  # noqa: T201  # logs are not set up yet
        return 2
    start("clock", configured)
    try:
        work = Work(
            HOSPITAL,
            outlets(configured),
            TableSources(configured.tables),
            watches(configured),
            configured.hospital_region,
            text_pack(configured.packs_folder),
            configured.medicines.rules,
            timedelta(days=configured.pack_draft_days),
        )
        clients = platforms(configured)
        channels, rules = senders(configured, clients), work.outlets.rules
        engine = sending_engine(configured, channels, clock.now, rules)
        workers = crew(configured, work, clients, engine.workers)
        clockwork = Clockwork(TIMETABLE, work)
    except (InvalidMapping, InvalidDefinition) as problem:
        print(problem, file=sys.stderr)  # noqa: T201  # a sentence for whoever wrote the file
        return 2

    def stop(*_: object) -> None:
        work.stopping.set()
        clockwork.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with engine:
        workers.start()
        log.info("clock_started")
        try:
            clockwork.run()
        finally:
            engine.stop()
            workers.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
