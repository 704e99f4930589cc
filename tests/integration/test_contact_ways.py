"""A WeCom contact way, from the poster to the plan: made, scanned, looked up, offered, closed."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.plans.enrolling import Entry, ReEntry, Way
from app.domain.trust.access import Actor
from app.models import (
    CarePlan,
    CarePlanStep,
    ContactArrival,
    EnrolmentProposal,
    EnrolmentWay,
    Event,
    PatientLink,
)
from app.services.outreach import platform_inbox
from app.services.plans.enrolment import ways
from app.services.plans.enrolment.ways import PolicyWords
from jobs.contacts import follow_contacts
from jobs.platform_events import handlers
from standin.qyapi_contacts import external_id
from tests.integration import ward
from tests.integration.platforms import calls
from tests.integration.ward import WORK
from tests.settling import settle
from tests.standin.support import CORP, MINI, Platform
from wecom.client import WeComClient

PLAN = "t2dm-after-discharge"
PUSH = """<xml><ToUserName>{corp}</ToUserName><FromUserName>sys</FromUserName>
<CreateTime>{at}</CreateTime><MsgType>event</MsgType><Event>change_external_contact</Event>
<ChangeType>add_external_contact</ChangeType><UserID>NurseChen</UserID>
<ExternalUserID>{who}</ExternalUserID><State>{state}</State></xml>"""


def open_way(*, is_automatic: bool) -> ward.Ward:
    """A ward whose nurse WeCom knows, and a contact way into the diabetes plan."""
    now = clock.now()
    with unit_of_work.begin() as session:
        who = ward.build(session, now)
        who.nurse.wecom_userid, who.doctor.wecom_userid = "NurseChen", None
        ward.discharge(session, who, now)
        words = PolicyWords(Entry.CLOSED, ReEntry.NEW_ANCHOR, 0, is_open_to_requests=False)
        ways.set_policy(session, PLAN, words, Actor("practitioner", who.nurse.id), now)
        ways.open_code_way(
            session, PLAN, Actor("practitioner", who.nurse.id), now, HOSPITAL, kind=Way.CONTACT,
            is_automatic=is_automatic, care_team_id=who.team.id,
        )  # fmt: skip
    return who


def kept() -> EnrolmentWay:
    with unit_of_work.begin() as session:
        return session.scalars(select(EnrolmentWay)).one()


def scan(standin: Platform, unionid: str = "uPatient1") -> str:
    """Let a WeChat user scan the poster, and take in what WeCom tells of it, twice."""
    way = kept()
    standin.control(
        "/phones/oPatient1/scan-contact-way", appid=MINI, unionid=unionid, wait=False,
        config_id=way.config_id,
    )  # fmt: skip
    token = standin.corp_token()
    named = external_id(CORP, unionid)
    found = standin.get(
        "/qyapi/cgi-bin/externalcontact/get", access_token=token, external_userid=named
    )
    assert found["follow_user"][0]["state"] == way.state
    for second in range(2):
        now = clock.now() + timedelta(seconds=second)
        push = PUSH.format(corp=CORP, at=int(now.timestamp()), who=named, state=way.state)
        with unit_of_work.begin() as session:
            platform_inbox.keep(session, "wecom:nurse", push.encode(), now)
            platform_inbox.process_pending(session, handlers(WORK), now)
    return named


@pytest.mark.usefixtures("database")
def test_who_scans_the_poster_begins_the_plan_or_is_proposed(
    standin: Platform, wecom: WeComClient
) -> None:
    who = open_way(is_automatic=True)
    clients = {"nurse": wecom}
    assert follow_contacts(clients, HOSPITAL) == 1
    way = kept()
    assert way.qr_code is not None
    assert follow_contacts(clients, HOSPITAL) == 0
    assert calls(standin, "/qyapi/cgi-bin/externalcontact/add_contact_way") == 1

    named = scan(standin)
    with unit_of_work.begin() as session:
        arrival = session.scalars(select(ContactArrival)).one()
        assert (arrival.external_userid, arrival.unionid) == (named, None)
    assert follow_contacts(clients, HOSPITAL) == 1

    with unit_of_work.begin() as session:
        plan = session.scalars(select(CarePlan)).one()
        assert plan.patient_id == who.patient.id
        step = session.scalars(select(CarePlanStep)).one()
        assert (step.reason, step.note) == (Way.CONTACT, "扫了团队的企业微信二维码")
        ways.close_way(session, way.public_id, Actor("practitioner", who.nurse.id), clock.now())
    assert follow_contacts(clients, HOSPITAL) == 1
    assert kept().config_id is None
    assert follow_contacts(clients, HOSPITAL) == 0


def test_who_is_linked_later_is_proposed_then(
    standin: Platform, wecom: WeComClient, database: Engine
) -> None:
    who = open_way(is_automatic=False)
    with unit_of_work.begin() as session:
        session.get_one(PatientLink, who.link.id).is_live = None
    follow_contacts({"nurse": wecom}, HOSPITAL)
    scan(standin)
    follow_contacts({"nurse": wecom}, HOSPITAL)
    with unit_of_work.begin() as session:
        assert session.scalars(select(EnrolmentProposal)).all() == []
        session.get_one(PatientLink, who.link.id).is_live = True
        session.add(
            Event.of(
                "person.linked", clock.now(), patient_id=who.patient.id, link_id=who.link.id,
                account_id=who.account.id,
            )
        )  # fmt: skip
        session.flush()
        settle(session, WORK)
        proposal = session.scalars(select(EnrolmentProposal)).one()
        assert (proposal.kind, proposal.account_id) == (Way.CONTACT, who.account.id)
        assert session.scalars(select(ContactArrival)).one().offered_at is not None


@pytest.mark.usefixtures("database")
def test_a_platform_that_fails_is_asked_again_later_and_not_at_once(
    standin: Platform, wecom: WeComClient
) -> None:
    open_way(is_automatic=False)
    path = "/cgi-bin/externalcontact/add_contact_way"
    standin.control("/faults", path=path, kind="errcode", value=84074, host="qyapi")
    assert follow_contacts({"nurse": wecom}, HOSPITAL) == 0
    assert follow_contacts({"nurse": wecom}, HOSPITAL) == 0
    assert calls(standin, f"/qyapi{path}") == 1
    assert kept().config_id is None
