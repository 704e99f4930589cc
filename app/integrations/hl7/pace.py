"""How fast one peer may send: more than that waits its turn, nothing is turned away."""

import threading

_PEERS_BEFORE_SWEEPING = 1000


class Pace:
    """A token bucket for each peer; times are in seconds of one clock that only goes forward."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._interval = 1 / per_second
        self._ahead = burst / per_second
        # When a peer's bucket is full again: the more it sent, the further ahead.
        self._full_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def wait_of(self, peer: str, now: float) -> float:
        """Return how many seconds the peer's next message must wait; it counts as sent then."""
        with self._lock:
            if len(self._full_at) > _PEERS_BEFORE_SWEEPING:
                self._full_at = {p: at for p, at in self._full_at.items() if at > now}
            full_at = max(self._full_at.get(peer, now), now) + self._interval
            self._full_at[peer] = full_at
        return max(0.0, full_at - now - self._ahead)
