"""Calls signed with a shared secret: an HMAC over the time and the body.

The same scheme both ways: what we tell subscribers, and what the clouds of devices tell us. The
time is part of what is signed, so that a recorded call cannot be replayed later.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

HEADER: Final = "CareLoop-Signature"
# How old a call may be, or how far the sender's clock may run ahead.
WINDOW: Final = timedelta(minutes=5)

_TIME: Final = re.compile(r"t=([0-9]{1,11})")
_MARK: Final = re.compile(r"v1=([0-9a-f]{64})")


def sign(secrets: Iterable[str], at: datetime, body: bytes) -> str:
    """Return the header: the time, and an HMAC-SHA256 by each secret; two while one is replaced."""
    moment = str(int(at.timestamp()))
    return ",".join([f"t={moment}", *(f"v1={_mark(secret, moment, body)}" for secret in secrets)])


def is_signed(header: str, secrets: Iterable[str], body: bytes, now: datetime) -> bool:
    """Tell whether a body was signed by one of `secrets` within `WINDOW` of now."""
    moment, *marks = header.replace(" ", "").split(",")
    said = _TIME.fullmatch(moment)
    if said is None or abs(now - datetime.fromtimestamp(int(said[1]), UTC)) > WINDOW:
        return False
    given = [found[1] for mark in marks if (found := _MARK.fullmatch(mark))]
    wanted = [_mark(secret, said[1], body) for secret in secrets]
    return any(hmac.compare_digest(one, other) for one in given for other in wanted)


def _mark(secret: str, moment: str, body: bytes) -> str:
    signed = moment.encode() + b"." + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
