"""The index of one process: a thread keeps it up to date while others ask."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from threading import Event, Lock, Thread
from typing import Final, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

import structlog
from pyroaring import BitMap
from sqlalchemy.orm import Session, sessionmaker

from app.domain.criteria.tree import Criterion, Leaf
from app.domain.profile.tag_tree import TagTree
from app.domain.segments.errors import TooSlow
from app.models.segments.criteria_sql import matching_leaf
from app.models.segments.index import evaluating, snapshot
from app.models.segments.index.bitmaps import SegmentIndex
from app.models.segments.index.build import build
from app.models.segments.index.events import is_of_another_history
from app.models.segments.index.id_lists import ids_of
from app.models.segments.index.packing import PatientIdTooLarge
from app.models.segments.index.tail import refresh
from app.models.segments.time_limit import limited

log = structlog.get_logger()

_EVERY: Final = 0.4  # seconds between two looks at the events: a change shows within one
_AFTER_FAILURE: Final = 1.0
# Whoever could not follow for so long does not answer: the database may.
_STALE: Final = 5.0
_KEPT_FOR: Final = 5.0  # seconds that the answer to an asked leaf is good for, at most
_MOST_KEPT: Final = 64
_ASK_FOR: Final = 5.0  # seconds that the database may take for such an answer

T = TypeVar("T")
# Finds the patients for whom a leaf holds that the index does not know.
AskLeaf: TypeAlias = Callable[[Session, Leaf, datetime], BitMap]


@contextmanager
def reading(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """Yield a session that only reads, and so locks nobody out."""
    with sessions() as session:
        session.connection(execution_options={"reads_only": True})
        yield session


def open_index(session: Session) -> SegmentIndex:
    """Return the index as of now, from the newest snapshot where that is of use."""
    index = snapshot.load(session)
    if index is None:
        index = build(session)
    refresh(session, index)
    return index


def ask_database(zone: ZoneInfo) -> AskLeaf:
    """Return what asks the database for the patients of one leaf."""

    def ask(session: Session, leaf: Leaf, now: datetime) -> BitMap:
        with limited(session, _ASK_FOR):
            # Only tags need the tree, and those the index knows.
            return ids_of(session, matching_leaf(leaf, now, zone, TagTree({})))

    return ask


class LiveIndex:
    """Answers from memory once it is there; until then, and while it cannot follow, not at all.

    The first question starts the thread: a process that nobody asks pays nothing.
    """

    def __init__(
        self,
        sessions: sessionmaker[Session],
        zone: ZoneInfo,
        ask: AskLeaf | None = None,
        every: float = _EVERY,
    ) -> None:
        self._sessions = sessions
        self._zone = zone
        self._ask = ask or ask_database(zone)
        self._every = every
        self._index: SegmentIndex | None = None
        self._fresh_at = 0.0
        self._asked: dict[Leaf, tuple[int, float, BitMap]] = {}
        self._thread: Thread | None = None
        self._starting = Lock()
        self._stopping = Event()
        self._ready = Event()

    def count(self, criterion: Criterion, now: datetime) -> int | None:
        """Return how many patients criteria mean, or None: ask the database."""
        return self._answer(evaluating.count, criterion, now)

    def ids(self, criterion: Criterion, now: datetime) -> BitMap | None:
        """Return whom criteria mean as a bitmap of the caller's own, or None: ask the database."""
        return self._answer(evaluating.evaluate, criterion, now)

    def _answer(
        self,
        evaluate: Callable[[SegmentIndex, Criterion, date, evaluating.Ask], T],
        criterion: Criterion,
        now: datetime,
    ) -> T | None:
        index = self._current()
        if index is None:
            return None
        try:
            asked = self._answers(index, criterion, now)
        except TooSlow:
            return None
        day = now.astimezone(self._zone).date()
        return evaluate(index, criterion, day, asked.__getitem__)

    def wait(self, seconds: float) -> bool:
        """Start if need be and wait until there is an index; return whether there is."""
        self._start()
        return self._ready.wait(seconds)

    def stop(self) -> None:
        """End the thread; the next question starts another one."""
        with self._starting:
            self._stopping.set()
            if self._thread is not None:
                self._thread.join()
            self._thread, self._index = None, None
            self._ready.clear()

    def _current(self) -> SegmentIndex | None:
        self._start()
        if time.monotonic() - self._fresh_at > _STALE:
            return None
        return self._index

    def _answers(
        self, index: SegmentIndex, criterion: Criterion, now: datetime
    ) -> dict[Leaf, BitMap]:
        """Ask what the index does not know; not under its lock, for the database may take long."""
        wanted = evaluating.asked_leaves(criterion)
        if not wanted:
            return {}
        found: dict[Leaf, BitMap] = {}
        position, moment = index.reading.position, time.monotonic()
        for leaf in wanted:
            known_at, asked_at, patients = self._asked.get(leaf, (-1, 0.0, BitMap()))
            if known_at == position and moment - asked_at < _KEPT_FOR:
                found[leaf] = patients
        missing = [leaf for leaf in wanted if leaf not in found]
        if missing:
            with reading(self._sessions) as session:
                for leaf in missing:
                    found[leaf] = self._ask(session, leaf, now)
                    self._keep(leaf, (position, moment, found[leaf]))
        return found

    def _keep(self, leaf: Leaf, answer: tuple[int, float, BitMap]) -> None:
        if len(self._asked) >= _MOST_KEPT:
            self._asked = {}
        self._asked[leaf] = answer

    def _start(self) -> None:
        if self._thread is not None:
            return
        with self._starting:
            if self._thread is None:
                self._stopping.clear()
                self._thread = Thread(target=self._run, name="segment-index", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except PatientIdTooLarge:
                log.error("segment_index_impossible")
                self._index = None
                return
            except Exception as error:
                # Whatever it is, the pages go on by the database, and this tries again.
                log.warning("segment_index_interrupted", exc_info=error)
                self._stopping.wait(_AFTER_FAILURE)
                continue
            self._stopping.wait(self._every)

    def _follow(self) -> None:
        begun = time.monotonic()
        with reading(self._sessions) as session:
            if self._index is None or is_of_another_history(session, self._index.reading):
                index = open_index(session)
                log.info("segment_index_ready", seconds=round(time.monotonic() - begun, 1))
            else:
                index = self._index
                refresh(session, index)
        # Fresh as of the moment at which the look at the events began.
        self._index, self._fresh_at = index, time.monotonic()
        self._ready.set()
