"""Who may stay connected while the house is full.

Turning newcomers away would let five hundred idle connections shut out the hospital's own system.
So the newcomer gets the place of whoever is of least use: first those who never delivered a
message, most of all where one peer holds many such places; then whoever delivered longest ago.
Nobody is sent away in the middle of being answered.
"""

import socket
import threading
from collections import Counter
from contextlib import suppress


class Place:
    """One connection's place; times are in seconds of one clock."""

    __slots__ = ("connection", "has_delivered", "is_busy", "is_lost", "peer", "since")

    def __init__(self, connection: socket.socket, peer: str, now: float) -> None:
        self.connection = connection
        self.peer = peer
        self.since = now  # connected, or was answered last
        self.has_delivered = False
        self.is_busy = False
        self.is_lost = False


class Places:
    """A bounded number of connections."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: set[Place] = set()
        self._changed = threading.Condition()

    def take(
        self, connection: socket.socket, peer: str, now: float, patience: float
    ) -> Place | None:
        """Return a place; where all are taken the least useful one is vacated for it.

        Waits up to `patience` seconds while everyone is being answered, then returns None.
        """
        place = Place(connection, peer, now)
        with self._changed:
            is_free = self._changed.wait_for(self._make_room, patience)
            if not is_free:
                return None
            self._held.add(place)
        return place

    def leave(self, place: Place) -> None:
        """Give the place back; one that was lost before stays so."""
        with self._changed:
            self._held.discard(place)
            self._changed.notify()

    def begin(self, place: Place) -> bool:
        """Hold the place while a message is being answered; False where it is lost already."""
        with self._changed:
            place.is_busy = not place.is_lost
            return place.is_busy

    def end(self, place: Place, now: float) -> None:
        """Say that the message is answered."""
        with self._changed:
            place.is_busy, place.has_delivered, place.since = False, True, now
            self._changed.notify()

    def _make_room(self) -> bool:
        if len(self._held) < self._limit:
            return True
        victim = self._least_useful()
        if victim is None:
            return False
        self._held.discard(victim)
        victim.is_lost = True
        hang_up(victim.connection)
        return True

    def _least_useful(self) -> Place | None:
        idle = [place for place in self._held if not place.is_busy]
        share = Counter((place.has_delivered, place.peer) for place in idle)
        return min(
            idle,
            key=lambda p: (p.has_delivered, -share[p.has_delivered, p.peer], p.since),
            default=None,
        )


def hang_up(connection: socket.socket) -> None:
    """Wake whoever reads from the connection with its end; closing is the reader's."""
    with suppress(OSError):
        # Past the TLS layer, which another thread may be inside of.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
