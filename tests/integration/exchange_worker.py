"""A worker of the exchange in a process of its own, to be killed while it calls.

It hands over to an MLLP system, or tells subscribers, until it is killed.
"""

import base64
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from ipaddress import ip_network

from app import encryption, logs
from app.clock import HOSPITAL
from app.database import make_engine, unit_of_work
from app.integrations.his.hl7_messages import Dialect
from app.integrations.his.mllp import Door, mllp_sender
from app.integrations.webhooks import webhook_sender
from jobs.exchange import hand_over, tell_subscribers


def now() -> datetime:
    return datetime.now(UTC)


def main(url: str, key: str, port: str) -> None:
    logs.configure("test")
    encryption.use(encryption.Keyring({"t1": base64.b64decode(key)}, "hospital"))
    unit_of_work.configure(bind=make_engine(url))
    send = mllp_sender(Door("127.0.0.1", int(port)), Dialect("HIS", "H", zone=HOSPITAL), now)
    tell = webhook_sender((ip_network("127.0.0.0/8"),), now)
    with ThreadPoolExecutor(8) as pool:
        while True:
            if not hand_over("his", send, now) + tell_subscribers(tell, pool, now):
                time.sleep(0.02)


if __name__ == "__main__":
    main(*sys.argv[1:])
