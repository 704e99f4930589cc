"""What leaves as FHIR comes back as the same record."""

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.domain.intake.rejections import Rejected
from app.integrations.fhir.checking import check, has_errors
from app.integrations.hl7.envelope import split_messages
from app.integrations.hl7.interpret import Reader as HL7Reader
from tests.conftest import empty
from tests.integration.fhir_exchange import content, counts, give, give_as_bytes, take, tell
from tests.integration.random_messages import RandomMessages
from tests.integration.record_state import difference

Fill = Callable[[Session], None]


def assert_comes_back(database: Engine, fill: Fill) -> None:
    """Fill a database, export it, and import that into the same and into an empty one."""
    with Session(database) as session:
        fill(session)
        session.commit()
    with Session(database) as session:
        before = content(session)
        bodies = give_as_bytes(session)
        for one in give(session):
            assert not has_errors(check(one)), check(one)
        for body in bodies:
            assert take(session, body, source="other").status == "processed"
        again = content(session)
        assert again == before, difference(before, again)
    empty(database)
    with Session(database) as session:
        for body in bodies:
            assert take(session, body, source="other").status == "processed"
        after = content(session)
        assert after == before, difference(before, after)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_a_record_holds_comes_back(database: Engine, seed: int) -> None:
    messages = RandomMessages(seed)

    def fill(session: Session) -> None:
        for number in range(6):
            tell(session, messages.message(), f"{seed}-{number}")
        found = counts(content(session))
        assert found["patient"] == 6
        assert min(found.values()) >= 6, found

    assert_comes_back(database, fill)


@pytest.mark.shared
def test_what_came_by_hl7_comes_back(database: Engine, shared_data: Path) -> None:
    def fill(session: Session) -> None:
        for path in sorted((shared_data / "clinical/hl7v2/zh-own").glob("*.hl7")):
            for body in split_messages(path.read_bytes()):
                told = HL7Reader([])("his", body)
                if not isinstance(told, Rejected):
                    tell(session, told, hashlib.sha256(body).hexdigest())
        assert counts(content(session))["observation"] > 5

    assert_comes_back(database, fill)


@pytest.mark.shared
def test_synthea_patients_come_back(database: Engine, shared_data: Path) -> None:
    def fill(session: Session) -> None:
        for path in sorted((shared_data / "clinical/fhir/synthea").glob("*.json.gz"))[:4]:
            settled = take(session, gzip.decompress(path.read_bytes()))
            assert settled.status == "processed", path.name
        found = counts(content(session))
        assert found["patient"] == 4
        assert found["observation"] > 150

    assert_comes_back(database, fill)
