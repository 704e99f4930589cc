"""Reading again, portion by portion, what used a term that staff have given a meaning."""

from collections.abc import Callable, Sequence
from datetime import datetime

from app.database import unit_of_work
from app.services.staff import term_rereading

# Reads kept messages again, each in a transaction of its own.
Reread = Callable[[Sequence[int]], object]


def reread_terms(reread: Reread, now: Callable[[], datetime]) -> int:
    """Read the next portion again and return how many messages that were; 0: nothing is left.

    No transaction is open while messages are read. A crash in between repeats the portion, which
    does no harm.
    """
    with unit_of_work.begin() as session:
        portion = term_rereading.next_portion(session, now())
    if portion is None:
        return 0
    reread(portion.message_ids)
    with unit_of_work.begin() as session:
        term_rereading.advance(session, portion)
    return len(portion.message_ids)
