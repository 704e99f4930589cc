"""The messages of a hospital, doubled, delayed and broken on the way, end in one state.

Corrections and merges are part of the stream itself; the quiet day has them too.
"""

import os

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from tests.conftest import empty
from tests.drills.feeding import differences, feed
from tests.drills.hospital_stream import Hospital, disturb
from tests.drills.sizes import size
from tests.integration.record_state import record_state

MESSAGES = int(os.environ.get("CARELOOP_DRILL_MESSAGES", size(400, 10_000)))


@pytest.mark.mariadb
@pytest.mark.timeout(400 + max(0, MESSAGES - 400) // 20)
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_a_bad_network_changes_nothing(seed: int, mariadb: Engine) -> None:
    told = Hospital(seed).tell(MESSAGES)
    feed(mariadb, told)
    with Session(mariadb) as session:
        expected = record_state(session)
    empty(mariadb)

    report = feed(mariadb, disturb(told, seed))

    with Session(mariadb) as session:
        found = record_state(session)
    assert sum(report.rejected.values()) > MESSAGES * 0.005
    assert report.duplicates > MESSAGES * 0.04
    assert not report.held
    assert differences(found, expected) == []
