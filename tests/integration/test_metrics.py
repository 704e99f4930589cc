"""Counts for monitoring: to this machine alone, naming nobody."""

import re

from sqlalchemy import Engine

from app.database import unit_of_work
from app.settings import Settings
from app.web.factory import create_app
from tests.conftest import SECRET_KEYS
from tests.integration import ward


def test_counts_are_told_by_state_and_name_nobody(database: Engine) -> None:
    with unit_of_work.begin() as session:
        ward.discharge(session, ward.build(session))
    client = create_app(Settings(secret_keys=SECRET_KEYS), []).test_client()

    told = client.get("/metrics")

    assert told.content_type.startswith("text/plain")
    assert "careloop_patients 1" in told.text
    assert re.search(r"^careloop_encounters 1$", told.text, re.MULTILINE)
    assert "李测试" not in told.text
    for line in told.text.splitlines():
        assert re.fullmatch(r'# TYPE \w+ gauge|\w+(\{state="[\w-]+"\})? \d+', line), line


def test_nobody_outside_this_machine_is_told(database: Engine) -> None:
    client = create_app(Settings(secret_keys=SECRET_KEYS), []).test_client()

    direct = client.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.7"})
    proxied = client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"})

    assert (direct.status_code, proxied.status_code) == (404, 404)
