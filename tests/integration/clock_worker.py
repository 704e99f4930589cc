"""A clock in a process of its own, to be killed; it says its name, and each tick is an event."""

import base64
import sys
from datetime import datetime

from app import encryption
from app.clock import HOSPITAL
from app.database import make_engine, unit_of_work
from app.domain.outreach.messaging import Outlets
from app.models import Event
from jobs.chores import Work
from jobs.clockwork import Clockwork
from jobs.timetable import CatchUp, Job, at


def tick(_: Work, now: datetime) -> None:
    with unit_of_work.begin() as session:
        session.add(Event.of("tick", now, by=name))


def main(url: str, key: str) -> None:
    encryption.use(encryption.Keyring({"t1": base64.b64decode(key)}, "hospital"))
    unit_of_work.configure(bind=make_engine(url))
    timetable = [Job("tick", tick, at(second="*"), CatchUp.EACH)]
    Clockwork(timetable, Work(HOSPITAL, Outlets()), holder=name).run()


name = sys.argv[3]

if __name__ == "__main__":
    main(*sys.argv[1:3])
