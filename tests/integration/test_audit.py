"""The audit trail: chained, inside the transaction it records."""

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain.trust.access import Actor
from app.models import AuditEvent
from app.models.trust.audit import record
from tests.conftest import NOON

NURSE = Actor("practitioner", 7, "req-1")


def test_a_read_that_fails_leaves_no_trace_of_having_been_recorded(database: Engine) -> None:
    def fail_after_recording() -> None:
        with unit_of_work.begin() as session:
            record(session, NURSE, "read", "patient", NOON, patient_id=1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_recording()

    with unit_of_work.begin() as session:
        assert session.scalar(select(func.count()).select_from(AuditEvent)) == 0


def test_each_entry_names_the_one_before_it(session: Session) -> None:
    for _ in range(3):
        record(session, NURSE, "read", "patient", NOON, patient_id=5)
    record(session, NURSE, "read", "patient", NOON, patient_id=6)

    chain = session.scalars(select(AuditEvent).filter_by(chain=5).order_by("sequence")).all()
    assert [entry.sequence for entry in chain] == [1, 2, 3]
    assert chain[1].previous == chain[0].hash
    assert chain[2].previous == chain[1].hash
    assert session.scalars(select(AuditEvent).filter_by(chain=6)).one().sequence == 1
