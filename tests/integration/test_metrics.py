"""Counts for monitoring: to this machine alone, naming nobody."""

import re
from datetime import timedelta

from sqlalchemy import Engine

from app import clock
from app.database import unit_of_work
from app.domain.outreach.gates import Closed
from app.domain.outreach.messaging import Channel, CommunicationState, Lane
from app.models import RouteGate, RouteMinute
from app.settings import Settings
from app.web.factory import create_app
from tests.conftest import SECRET_KEYS
from tests.integration import ward
from tests.integration.postbox import letter


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
        labels = r'(\{(state|lane|channel|why)="[\w-]+"(,why="[\w-]+")?\})?'
        assert re.fullmatch(rf"# TYPE \w+ gauge|\w+{labels} \d+", line), line


def test_lanes_and_routes_are_told_by_channel(database: Engine) -> None:
    now = clock.now()
    with unit_of_work.begin() as session:
        letter(session, "a", lane=Lane.CLINICAL, due_at=now - timedelta(seconds=300))
        letter(session, "b").state = CommunicationState.DEAD
        letter(session, "c", lane=Lane.CLINICAL).state = CommunicationState.UNKNOWN
        for app_key in ("one", "two"):
            session.add(
                RouteGate(
                    channel=Channel.TEMPLATE, app_key=app_key, failures=0, closed=Closed.DOWN,
                    closed_at=now, until=now,
                )
            )  # fmt: skip
            minute = now.replace(second=0, microsecond=0) - timedelta(minutes=1)
            session.add_all(
                RouteMinute(
                    channel=Channel.TEMPLATE, app_key=app_key, minute=at, called=9, accepted=8
                )
                for at in (minute, minute - timedelta(minutes=1), minute + timedelta(minutes=1))
            )
    client = create_app(Settings(secret_keys=SECRET_KEYS), []).test_client()

    told = dict(
        line.rsplit(" ", 1)
        for line in client.get("/metrics").text.splitlines()
        if not line.startswith("#")
    )

    assert told['careloop_outbox_queued{lane="1-clinical"}'] == "1"
    assert 300 <= int(told['careloop_outbox_oldest_seconds{lane="1-clinical"}']) < 400
    assert told['careloop_outbox_oldest_seconds{lane="3-bulk"}'] == "0"
    assert told['careloop_outbox_unknown{lane="1-clinical"}'] == "1"
    assert told['careloop_outbox_at_rest{state="dead"}'] == "1"
    # A test that runs over a full minute sees the next of three alike.
    assert told['careloop_route_called_last_minute{channel="template"}'] == "18"
    assert told['careloop_route_accepted_last_minute{channel="template"}'] == "16"
    assert told['careloop_route_closed{channel="template",why="down"}'] == "2"
    assert told["careloop_token_drops"] == "0"


def test_nobody_outside_this_machine_is_told(database: Engine) -> None:
    client = create_app(Settings(secret_keys=SECRET_KEYS), []).test_client()

    direct = client.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.7"})
    proxied = client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"})

    assert (direct.status_code, proxied.status_code) == (404, 404)
