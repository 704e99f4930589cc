"""What had an effect, in order, and which calls came in."""

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterator
from typing import Any

from standin.clock import Clock, written

Entry = dict[str, Any]

KINDS = (
    "subscribe_message",
    "template_message",
    "app_message",
    "card_update",
    "customer_message",
    "medical_message",
    "group_task",
    "group_message",
    "sms",
    "token_issued",
    "callback_sent",
    "callback_result",
)


class Ledger:
    """Effects with sequence numbers from 1; the caller holds the stand-in's lock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.entries: list[Entry] = []
        # A page about one person must not read the whole ledger while it holds the lock.
        self._by_person: defaultdict[str, list[Entry]] = defaultdict(list)
        self.counts: Counter[str] = Counter()

    def add(self, kind: str, **fields: Any) -> Entry:
        entry = {"seq": len(self.entries) + 1, "at": written(self._clock.now()), "kind": kind}
        entry.update(fields)
        self.entries.append(entry)
        self.counts[kind] += 1
        if person := fields.get("openid") or fields.get("userid"):
            self._by_person[person].append(entry)
        return entry

    def select(
        self, since: int, kinds: Collection[str], openid: str | None, userid: str | None
    ) -> Iterator[Entry]:
        """Yield entries after `since`; no kinds means all, None means anyone."""
        person = openid or userid
        entries = self._by_person.get(person, []) if person else self.entries[max(since, 0) :]
        for entry in entries:
            if entry["seq"] <= since or (kinds and entry["kind"] not in kinds):
                continue
            if openid is not None and entry.get("openid") != openid:
                continue
            if userid is not None and entry.get("userid") != userid:
                continue
            yield entry

    def latest(self, count: int, *kinds: str) -> list[Entry]:
        """Return the newest `count` entries of these kinds, newest first."""
        found: list[Entry] = []
        for entry in reversed(self.entries):
            if entry["kind"] in kinds:
                found.append(entry)
                if len(found) == count:
                    break
        return found


class Traffic:
    """The newest calls and counts of all; never a query string, so never a token or secret."""

    KEPT = 20_000

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seq = 0
        self.calls: deque[Entry] = deque(maxlen=self.KEPT)
        self.by_path: Counter[str] = Counter()
        self.by_errcode: Counter[str] = Counter()

    def add(self, path: str, *, errcode: int | None, status: int, ms: float) -> None:
        """Count a call; `status` 0 says that no answer went out."""
        self._seq += 1
        self.by_path[path] += 1
        if errcode:
            self.by_errcode[str(errcode)] += 1
        self.calls.append(
            {
                "seq": self._seq,
                "at": written(self._clock.now()),
                "path": path,
                "errcode": errcode,
                "status": status,
                "ms": round(ms, 1),
            }
        )
