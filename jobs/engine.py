"""Which engine sends: threads of the clock process, or sender processes behind a broker.

The same claims, calls and rows; the settings choose.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Final, Self

from app.domain.outreach.decency import Rules
from app.domain.outreach.messaging import Lane
from app.settings import Settings
from jobs.broker import Dispatcher, celery_app
from jobs.sending import Pump
from jobs.wire import Senders
from jobs.workers import Worker

# Calls of clinical messages at once, on a wire of their own: a platform that hangs on ten
# thousand newsletters keeps no alert waiting.
_CLINICAL_IN_FLIGHT: Final = 16
_OTHER_LANES: Final = (Lane.TRANSACTIONAL, Lane.BULK)
_PAUSE: Final = 0.3  # seconds between looks at an empty outbox


class Engine(AbstractContextManager["Engine"]):
    """The workers that send, and the pumps that must be closed after them."""

    def __init__(self, workers: Sequence[Worker], pumps: Sequence[Pump] = ()) -> None:
        self.workers = workers
        self._pumps = pumps
        self._open = ExitStack()

    def __enter__(self) -> Self:
        for pump in self._pumps:
            self._open.enter_context(pump)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def stop(self) -> None:
        """Begin no more calls."""
        for pump in self._pumps:
            pump.stop()


def sending_engine(
    settings: Settings, senders: Senders, now: Callable[[], datetime], rules: Rules
) -> Engine:
    """Return the engine that the settings choose."""
    if settings.broker_url is None:
        return _embedded(senders, now, rules)
    app = celery_app(settings.broker_url.get_secret_value())
    return Engine(
        [
            Worker(
                f"dispatch-{lane.name.lower()}",
                Dispatcher(app, lane, set(senders), now).dispatch,
                _PAUSE,
            )
            for lane in Lane
        ]
    )


def _embedded(senders: Senders, now: Callable[[], datetime], rules: Rules) -> Engine:
    clinical = Pump(senders, now, _CLINICAL_IN_FLIGHT, rules)
    others = Pump(senders, now, rules=rules)
    return Engine(
        [
            Worker("send-clinical", partial(clinical.send_due, (Lane.CLINICAL,)), _PAUSE),
            # Two: one claims while the other's last calls are on the wire.
            Worker("send-1", partial(others.send_due, _OTHER_LANES), _PAUSE),
            Worker("send-2", partial(others.send_due, _OTHER_LANES), _PAUSE),
        ],
        (clinical, others),
    )
