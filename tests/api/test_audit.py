"""What cannot be written down is not served (P5)."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, text

from app.database import unit_of_work
from app.services.trust import audit_trail
from tests.api.conftest import Clinic, measurement


@contextmanager
def no_audit(engine: Engine) -> Iterator[None]:
    """Let the database refuse every new entry of the trail."""
    refuse = (
        "BEGIN SELECT RAISE(ABORT, 'full'); END"
        if engine.dialect.name == "sqlite"
        else "FOR EACH ROW SIGNAL SQLSTATE '45000'"
    )
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TRIGGER full BEFORE INSERT ON audit_event {refuse}"))
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP TRIGGER full"))


@pytest.mark.parametrize("route", ["/observations", "/tasks", "/inbox", "/trends?code=15074-8"])
def test_a_record_is_not_served_while_the_trail_cannot_grow(
    clinic: Clinic, database: Engine, route: str
) -> None:
    phone = clinic.phone()
    phone.post(f"{clinic.path}/observations", measurement("6.1"))

    with no_audit(database):
        refused = phone.get(clinic.path + route)
        unkept = phone.post(f"{clinic.path}/observations", measurement("5.9"))

    assert refused.status_code == unkept.status_code == 500
    assert "6.1" not in refused.text
    served = phone.get(clinic.path + "/observations").json["observations"]
    assert [one["value"] for one in served] == ["6.1"]
    with unit_of_work.begin() as session:
        assert audit_trail.verify(session)[1] == []
