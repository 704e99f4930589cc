"""Every sample of the shared folder is stored, and ends as a record or with a reason."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app import clock
from app.cli.import_hl7 import import_files
from app.database import unit_of_work
from app.integrations.feeds import Feeds
from app.integrations.hl7.interpret import Reader
from app.models import InboundMessage
from app.services.intake import interpret_pending
from tests.unit.hl7.samples import sample_bodies

# Strangers' messages share made-up numbers: a visit of two people, a merge back again.
HELD = {"visit-of-another-patient", "merge-inverse", "merge-elsewhere"}


@pytest.mark.shared
def test_every_sample_is_stored_and_settled(
    database: Engine, shared_data: Path, tmp_path: Path
) -> None:
    bodies = [body for _, body in sample_bodies(shared_data)]
    file = tmp_path / "samples.hl7"
    file.write_bytes(b"\n\x0b".join(body + b"\r\x1c\r" for body in bodies))

    report = import_files(unit_of_work, [file], "samples", None, clock.now)
    # A merge sends those back that waited for it.
    later = clock.now() + timedelta(minutes=1)
    interpret_pending(unit_of_work, Feeds({"hl7": Reader([])}), later, limit=1000)

    with Session(database) as session:
        rows = session.execute(select(InboundMessage.status, InboundMessage.reason)).all()
    outcomes = Counter(row.status for row in rows)
    assert len(rows) == report.stored > 850
    assert set(outcomes) == {"processed", "rejected", "held"}
    assert outcomes["processed"] > 730
    assert all(row.reason for row in rows if row.status != "processed")
    assert {row.reason for row in rows if row.status == "held"} <= HELD
