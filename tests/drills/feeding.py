"""Messages into a database, as the import brings them."""

from collections.abc import Iterable

from sqlalchemy import Engine
from sqlalchemy.orm import sessionmaker

from app import clock
from app.cli.import_hl7 import ImportReport, import_bodies
from app.integrations.hl7.interpret import Reader
from app.integrations.hl7.source import Source
from tests.integration.record_state import State

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


def differences(found: State, expected: State) -> list[str]:
    """Return what two states do not share, shortened: whole states are too large to be shown."""
    return [
        f"{table} {sign} {row[:300]}"
        for table in expected
        for sign, here, there in (
            ("lacks", expected[table], found[table]),
            ("has", found[table], expected[table]),
        )
        for row in sorted(set(map(str, here)) - set(map(str, there)))[:3]
    ]
