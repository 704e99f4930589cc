"""A reaction in a process of its own, to be killed after its effect and before its commit."""

import base64
import sys
import time
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from app import encryption
from app.database import make_engine, unit_of_work
from app.models import Event
from app.services.reacting import react


def answer(session: Session, event: Event) -> None:
    session.add(Event.of("effect", datetime.now(UTC), cause=event, of=event.id))
    session.flush()
    sys.stdout.write(f"{event.id}\n")
    sys.stdout.flush()
    time.sleep(120)


def main(url: str, key: str) -> None:
    encryption.use(encryption.Keyring({"t1": base64.b64decode(key)}, "hospital"))
    unit_of_work.configure(bind=make_engine(url))
    with unit_of_work.begin() as session:
        react(session, "test", {"cause"}, answer, datetime.now(UTC))


if __name__ == "__main__":
    main(*sys.argv[1:])
