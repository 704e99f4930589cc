"""Reading events to the end although their ids appear out of order.

Ids are given before commit, so a lower id may appear after a higher one. A reader keeps its
position, the highest id it has seen, and the ids that it passed over, each with the time by the
database's clock at which it was first missed: our own clock may be set forward.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

# An id missed for longer than any transaction lives was rolled back.
GAP_LIFE: Final = timedelta(seconds=60)


def missed_after(
    position: int,
    missed: Mapping[int, str],
    seen: Iterable[int],
    most: int,
    database_time: Callable[[], datetime],
) -> tuple[int, dict[int, str]]:
    """Return the position after reading `seen`, and the ids missed since when, in their order.

    At most `most` ids are remembered, the last ones. The time is asked only where ids are missed.
    """
    read = set(seen)
    still = {id_: since for id_, since in missed.items() if id_ not in read}
    newest = max([position, *read])
    # A new reader, or a restored database, may face a jump: only the last few can be in flight.
    first = max(position + 1, newest - most)
    new = set(range(first, newest)) - read - still.keys()
    if new or still:
        at = database_time()
        still.update(dict.fromkeys(new, at.isoformat()))
        oldest = (at - GAP_LIFE).isoformat()
        still = {id_: since for id_, since in still.items() if since > oldest}
    return newest, dict(sorted(still.items())[-most:])
