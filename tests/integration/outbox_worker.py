"""A worker of the outbox in a process of its own, to be killed while it calls.

It says each message's public id when the call begins; the call never ends by itself.
"""

import base64
import sys
import time
from datetime import UTC, datetime

from app import encryption
from app.database import make_engine, unit_of_work
from app.domain.outreach.messaging import Channel, Outcome, Outgoing
from jobs.sending import Pump

CALLS_AT_ONCE = 32


def call_without_end(message: Outgoing) -> Outcome:
    sys.stdout.write(f"{message.public_id}\n")
    sys.stdout.flush()
    time.sleep(120)
    raise AssertionError("nobody killed this worker")


def main(url: str, key: str) -> None:
    encryption.use(encryption.Keyring({"t1": base64.b64decode(key)}, "hospital"))
    unit_of_work.configure(bind=make_engine(url))
    senders = dict.fromkeys(Channel, call_without_end)
    with Pump(senders, lambda: datetime.now(UTC), CALLS_AT_ONCE) as pump:
        pump.send_due()


if __name__ == "__main__":
    main(*sys.argv[1:])
