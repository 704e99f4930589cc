"""A worker of the outbox in a process of its own, to be killed while it calls.

It says each message's public id when the call begins; the call never ends by itself.
"""

import base64
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from app import encryption
from app.database import make_engine, unit_of_work
from app.domain.outreach.messaging import Channel, Outcome, Outgoing
from jobs.send_communications import IN_FLIGHT, send_communications


def call_without_end(message: Outgoing) -> Outcome:
    sys.stdout.write(f"{message.public_id}\n")
    sys.stdout.flush()
    time.sleep(120)
    raise AssertionError("nobody killed this worker")


def main(url: str, key: str) -> None:
    encryption.use(encryption.Keyring({"t1": base64.b64decode(key)}, "hospital"))
    unit_of_work.configure(bind=make_engine(url))
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        senders = dict.fromkeys(Channel, call_without_end)
        send_communications(senders, pool, lambda: datetime.now(UTC))


if __name__ == "__main__":
    main(*sys.argv[1:])
