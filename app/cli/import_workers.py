"""Several processes that import parts of one file: reading and writing need a core each.

The messages of one patient go to one process, so that these rarely meet; that they come in another
order than in the file changes nothing (`app.domain.intake.versions`).
"""

import gc
import multiprocessing
import os
import re
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy.orm import Session, sessionmaker

T = TypeVar("T")
Work = Callable[[sessionmaker[Session], Sequence[bytes], datetime], T]

_PID = re.compile(rb"[\r\n]PID(.)")
# Batches that wait for a process: enough that it never waits for us, few enough for memory.
_AHEAD = 2
# A batch makes many objects and drops them together; looking for circles each time costs a tenth.
_OBJECTS_BETWEEN_SWEEPS = 50_000


def in_processes(
    unit_of_work: sessionmaker[Session],
    bodies: Iterable[bytes],
    work: Work[T],
    now: Callable[[], datetime],
    *,
    processes: int,
    batch: int,
) -> Iterator[T]:
    """Yield what `work` makes of batches of messages, in the order in which they are ready.

    :raises Exception: whatever `work` raised first
    """
    context = multiprocessing.get_context("fork")
    pools = [
        ProcessPoolExecutor(1, context, _begin, (unit_of_work, work)) for _ in range(processes)
    ]
    parts: list[list[bytes]] = [[] for _ in pools]
    running: list[deque[Future[T]]] = [deque() for _ in pools]
    try:
        for body in bodies:
            place = part_of(body, processes)
            parts[place].append(body)
            if len(parts[place]) == batch:
                running[place].append(pools[place].submit(_do, parts[place], now()))
                parts[place] = []
                if len(running[place]) > _AHEAD:
                    yield running[place].popleft().result()
        for place, left in enumerate(parts):
            if left:
                running[place].append(pools[place].submit(_do, left, now()))
        for waiting in running:
            while waiting:
                yield waiting.popleft().result()
    finally:
        for pool in pools:
            pool.shutdown(cancel_futures=True)


def part_of(body: bytes, parts: int) -> int:
    """Return to which of so many parts a message belongs, by the first number of its patient."""
    found = _PID.search(body)
    if found is None:
        return 0
    fields = body[found.end() :].split(found[1], 3)
    number = re.split(rb"[\^~\r\n]", fields[2], maxsplit=1)[0] if len(fields) > 2 else b""
    return zlib.crc32(number) % parts


_state: dict[str, Any] = {}


def _begin(unit_of_work: sessionmaker[Session], work: Work[T]) -> None:
    # The connections of the parent are the parent's: they are forgotten here, not closed.
    unit_of_work.kw["bind"].dispose(close=False)
    _state["unit_of_work"], _state["work"] = unit_of_work, work
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_SWEEPS)


def _end_with(parent: int) -> None:
    """End this process when its parent is gone, killed perhaps: nobody else would tell it."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _do(bodies: Sequence[bytes], now: datetime) -> Any:
    return _state["work"](_state["unit_of_work"], bodies, now)
