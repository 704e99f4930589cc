"""WeCom contact ways: made, closed, and the people who came by them looked up, outside of locks."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import structlog

from app import clock
from app.database import unit_of_work
from app.integrations.platform_http import CallFailed
from app.services.plans.enrolment import contacts
from wecom.client import WeComClient

log = structlog.get_logger()


def follow_contacts(clients: Mapping[str, WeComClient], zone: ZoneInfo) -> int:
    """Do what waits at WeCom; return how many things were done. The first app makes the ways."""
    if not clients:
        return 0
    maker = next(iter(clients.values()))
    return _make(maker) + _close(maker) + _look_up(clients, zone)


def _make(client: WeComClient) -> int:
    with unit_of_work.begin() as session:
        wanted = contacts.ways_to_make(session, clock.now())
    done = 0
    for way in wanted:
        try:
            made = client.add_contact_way(way.userids, way.state, way.remark)
        except CallFailed as error:
            log.warning("contact_way_failed", errcode=error.failure.errcode)
            continue
        with unit_of_work.begin() as session:
            contacts.way_made(session, way.id, *made)
        done += 1
    return done


def _close(client: WeComClient) -> int:
    with unit_of_work.begin() as session:
        closing = contacts.ways_to_close(session)
    done = 0
    for way_id, config_id in closing:
        try:
            client.close_contact_way(config_id)
        except CallFailed as error:
            log.warning("contact_way_failed", errcode=error.failure.errcode)
            continue
        with unit_of_work.begin() as session:
            contacts.way_closed(session, way_id)
        done += 1
    return done


def _look_up(clients: Mapping[str, WeComClient], zone: ZoneInfo) -> int:
    with unit_of_work.begin() as session:
        asked = contacts.arrivals_to_name(session, clock.now())
    for arrival_id, app_key, external_userid in asked:
        client = clients.get(app_key)
        try:
            unionid = client.unionid_of_customer(external_userid) if client else None
        except CallFailed:
            unionid = None
        with unit_of_work.begin() as session:
            contacts.name_arrival(session, arrival_id, unionid, clock.now(), zone)
    return len(asked)
