"""Sending on many processes: chunks of claimed messages go to them over RabbitMQ.

The broker carries a claim's token and ids, never a message; the outbox row stays the truth. What
a broker loses is found by the end of its lease, what it delivers twice is called once: beginning
a call takes the row's state along.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import structlog
from celery import Celery
from kombu import Exchange, Queue
from kombu.exceptions import KombuError, OperationalError

from app.database import unit_of_work
from app.domain.outreach.messaging import Channel, Lane
from app.services.outreach import outbox
from jobs.insisting import insist
from jobs.sending import CHUNK

log = structlog.get_logger()

TASK: Final = "careloop.send"
# Chunks that wait for a process, in each lane: enough that none rests, few enough that a claim
# does not grow old in the queue and a lane's order is not decided long before its time.
_AHEAD: Final = 4
_DELIVERIES: Final = 5  # a chunk that kills its process is given up; the sweeper finds its rows
_EXCHANGE: Final = Exchange("careloop", type="direct", durable=True)


def queue_name(lane: Lane) -> str:
    return f"careloop.{lane.name.lower()}"


def celery_app(url: str) -> Celery:
    """Return the Celery application with a queue for each lane.

    Quorum queues, late acknowledgement, rejection when a worker is lost, one task prefetched and
    publisher confirms: without any of these a killed process or broker loses what it held.
    """
    app = Celery("careloop", broker=url, set_as_current=False)
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        broker_transport_options={"confirm_publish": True, "max_retries": 2},
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=3,
        task_ignore_result=True,
        task_create_missing_queues=False,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        task_serializer="json",
        accept_content=["json"],
        task_queues=[
            Queue(
                queue_name(lane), _EXCHANGE, routing_key=queue_name(lane),
                queue_arguments={"x-queue-type": "quorum", "x-delivery-limit": _DELIVERIES},
            )
            for lane in Lane
        ],
        task_default_exchange=_EXCHANGE.name,
        task_default_queue=queue_name(Lane.BULK),
        task_default_routing_key=queue_name(Lane.BULK),
    )  # fmt: skip
    return app


class Dispatcher:
    """Hands claims of one lane to the sender processes; a thread each, with a connection."""

    def __init__(
        self, app: Celery, lane: Lane, channels: set[Channel], now: Callable[[], datetime]
    ) -> None:
        self._app = app
        self._lane = lane
        self._channels = channels
        self._now = now
        self._connection: Any = None

    def dispatch(self) -> int:
        """Claim what is due and hand it over; return how many messages, 0 when enough waits.

        While the broker is away nothing is claimed: it stays in the outbox.
        """
        try:
            if self._waiting() >= _AHEAD:
                return 0
        except (OSError, KombuError, OperationalError) as error:
            log.warning("broker_unreachable", lane=self._lane, kind=type(error).__name__)
            self._forget()
            return 0
        with unit_of_work.begin() as session:
            token, ids = outbox.claim(session, self._now(), CHUNK, self._channels, (self._lane,))
        if ids:
            self._hand_over(token, ids)
        return len(ids)

    def _hand_over(self, token: str, ids: list[int]) -> None:
        name = queue_name(self._lane)
        try:
            self._app.send_task(
                TASK, (token, ids), queue=name, routing_key=name, connection=self._connection,
                retry=False,
            )  # fmt: skip
        except Exception as error:
            # Handed over or not, the claim goes back; a process that has it all the same finds
            # no row of it.
            log.warning("chunk_not_handed_over", lane=self._lane, kind=type(error).__name__)
            self._forget()
            insist(lambda session: outbox.release(session, token, ids))

    def _waiting(self) -> int:
        if self._connection is None:
            self._connection = self._app.connection_for_write()
            for queue in self._app.conf.task_queues:
                queue(self._connection.default_channel).declare()
        found = self._connection.default_channel.queue_declare(queue_name(self._lane), passive=True)
        return int(found.message_count)

    def close(self) -> None:
        """Leave the broker."""
        self._forget()

    def _forget(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except Exception as error:
                log.info("broker_connection_lost", kind=type(error).__name__)
