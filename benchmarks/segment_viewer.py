"""A web process as far as segments are concerned: starts its index, and says when it sees a change.

Says once how long it took and what memory it holds; then of each number on a line of its input,
when the count of the tag first was that. The clock is the machine's, the same in each process.
"""

import base64
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from app import encryption, logs
from app.clock import HOSPITAL
from app.database import make_engine, unit_of_work
from app.domain.criteria.tree import HasTag
from app.models.segments.index.live import LiveIndex
from tests.conftest import SECRET_KEY


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main(url: str, key: str) -> None:
    logs.configure("benchmark")  # to standard error
    encryption.use(encryption.Keyring({"t1": base64.b64decode(SECRET_KEY)}, "hospital"))
    unit_of_work.configure(bind=make_engine(url))
    with unit_of_work() as session:
        session.connection()  # a web process has one by then
    before, begun = resident_mb(), time.monotonic()
    live = LiveIndex(unit_of_work, HOSPITAL)
    if not live.wait(300):
        raise AssertionError("no index came")
    now, tag = datetime(2026, 5, 4, 4, tzinfo=UTC), HasTag(key)
    found = live.count(tag, now)  # the first one sorts everybody by age
    seconds = time.monotonic() - begun
    print(json.dumps({"ms": 1000 * seconds, "mb": resident_mb() - before, "count": found}))
    sys.stdout.flush()
    for line in sys.stdin:
        wanted = int(line)
        while live.count(tag, now) != wanted:
            time.sleep(0.002)
        print(time.monotonic(), flush=True)
    live.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
