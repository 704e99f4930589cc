"""The outbox: claim, call, settle. The row is the truth; a call is made for a committed claim.

A worker claims a chunk (lease and random token), commits `calling` before the first byte leaves,
makes the calls with no transaction open, and settles. Every write after the claim checks the
token, so a worker that slept past its lease changes nothing. What is alike is written by one
statement for all; rows are loaded one by one only where something went another way.
"""

from app.services.outreach.outbox.calling import begin_calling
from app.services.outreach.outbox.claiming import LEASE, claim, release
from app.services.outreach.outbox.routes import open_by_hand, pause
from app.services.outreach.outbox.settling import settle
from app.services.outreach.outbox.sweeping import AGE_LIMIT, overdue, sweep

__all__ = [
    "AGE_LIMIT",
    "LEASE",
    "begin_calling",
    "claim",
    "open_by_hand",
    "overdue",
    "pause",
    "release",
    "settle",
    "sweep",
]
