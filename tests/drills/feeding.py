"""Messages into a database, as the import brings them."""

from collections.abc import Iterable

from sqlalchemy import Engine
from sqlalchemy.orm import sessionmaker

from app import clock
from app.cli.import_hl7 import ImportReport, import_bodies
from app.integrations.hl7.interpret import Reader
from app.integrations.hl7.source import Source

HIS = Source("his", "utf-8")


def feed(engine: Engine, bodies: Iterable[bytes]) -> ImportReport:
    """Import the messages in their order and return what became of them."""
    report = ImportReport()
    for _ in import_bodies(sessionmaker(engine), bodies, HIS, clock.now, report):
        pass
    return report


def reader() -> Reader:
    """Return what reads messages of this source again."""
    return Reader([HIS])
