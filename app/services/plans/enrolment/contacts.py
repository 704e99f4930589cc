"""WeCom contact ways: made and closed at the platform by a worker; who came by them is found out.

No call is made here: the worker asks what is to be done, calls, and writes what came of it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.outreach.platform_events import ContactAdded
from app.domain.plans.enrolling import Way
from app.domain.trust.access import Relation
from app.models import (
    CareTeamMember,
    ContactArrival,
    EnrolmentWay,
    Event,
    PatientLink,
    Practitioner,
    WeChatAccount,
)
from app.services.plans.enrolment.entering import Candidate, offer, plan_offered
from app.services.plans.enrolment.errors import NoCareTeam, PlanNotOffered

log = structlog.get_logger()

MOST_TRIES: Final = 5
_AGAIN: Final = timedelta(minutes=10)
_BATCH: Final = 20
# The platform takes so many members in one way.
_MOST_MEMBERS: Final = 100
# Whoever binds their record later than this comes by another way.
_REMEMBERED: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class WayToMake:
    id: int
    state: str
    remark: str
    userids: tuple[str, ...]


def ways_to_make(session: Session, now: datetime) -> list[WayToMake]:
    """Return what is to be made at the platform; one without members waits for them."""
    rows = session.scalars(
        select(EnrolmentWay).where(
            EnrolmentWay.kind == Way.CONTACT, EnrolmentWay.is_open.is_(True),
            EnrolmentWay.ask_at <= now,
        )
        .order_by(EnrolmentWay.id)
        .limit(_BATCH)
    ).all()  # fmt: skip
    found = []
    for way in rows:
        members = session.scalars(
            select(Practitioner.wecom_userid)
            .join(CareTeamMember, CareTeamMember.practitioner_id == Practitioner.id)
            .where(
                CareTeamMember.care_team_id == way.care_team_id,
                Practitioner.is_active.is_(True),
                Practitioner.wecom_userid.is_not(None),
            )
            .order_by(CareTeamMember.responder, Practitioner.id)
            .limit(_MOST_MEMBERS)
        )
        userids = tuple(one for one in members if one)
        way.ask_at = now + _AGAIN  # whatever becomes of this try
        if userids:
            found.append(WayToMake(way.id, way.state or "", way.plan_key, userids))
    return found


def way_made(session: Session, way_id: int, config_id: str | None, qr_code: str | None) -> None:
    way = session.get_one(EnrolmentWay, way_id, with_for_update=True)
    way.config_id, way.qr_code = config_id, qr_code
    way.ask_at = None if config_id else way.ask_at


def ways_to_close(session: Session) -> list[tuple[int, str]]:
    """Return the ways that somebody closed here and that are open at the platform still."""
    rows = session.execute(
        select(EnrolmentWay.id, EnrolmentWay.config_id)
        .where(EnrolmentWay.is_open.is_(None), EnrolmentWay.config_id.is_not(None))
        .limit(_BATCH)
    )
    return [(row.id, row.config_id) for row in rows if row.config_id]


def way_closed(session: Session, way_id: int) -> None:
    session.get_one(EnrolmentWay, way_id).config_id = None


def note_arrival(session: Session, app_key: str, added: ContactAdded, now: datetime) -> None:
    """Keep that somebody came by an open way; other states are not ours. A repeat adds nothing."""
    way = session.scalar(
        select(EnrolmentWay).filter_by(state=added.state, kind=Way.CONTACT, is_open=True)
    )
    if way is None:
        return
    known = session.scalar(
        select(ContactArrival.id).filter_by(way_id=way.id, external_userid=added.external_userid)
    )
    if known is None:
        session.add(
            ContactArrival(
                way_id=way.id, app_key=app_key, external_userid=added.external_userid,
                ask_at=now, arrived_at=now,
            )
        )  # fmt: skip


def arrivals_to_name(session: Session, now: datetime) -> list[tuple[int, str, str]]:
    """Return id, app and customer of whom the platform is to be asked."""
    rows = session.execute(
        select(ContactArrival.id, ContactArrival.app_key, ContactArrival.external_userid)
        .where(ContactArrival.ask_at <= now)
        .order_by(ContactArrival.ask_at)
        .limit(_BATCH)
    )
    return [(row.id, row.app_key, row.external_userid) for row in rows]


def name_arrival(
    session: Session, arrival_id: int, unionid: str | None, now: datetime, zone: ZoneInfo
) -> None:
    """Write who came, and offer the plan to whom they are linked; unknown is asked again later."""
    arrival = session.get_one(ContactArrival, arrival_id, with_for_update=True)
    arrival.tries += 1
    if unionid is None:
        is_over = arrival.tries >= MOST_TRIES
        arrival.ask_at = None if is_over else now + _AGAIN * arrival.tries
        return
    arrival.unionid, arrival.ask_at = unionid, None
    session.flush()
    offer_to_arrivals(session, unionid, now, zone)


def offer_to_linked(
    session: Session, account_id: int, now: datetime, zone: ZoneInfo, cause: Event | None = None
) -> None:
    """Offer what somebody came for before they were linked to a record."""
    unionid = session.scalar(select(WeChatAccount.unionid).where(WeChatAccount.id == account_id))
    if unionid is not None:
        offer_to_arrivals(session, unionid, now, zone, cause)


def offer_to_arrivals(
    session: Session, unionid: str, now: datetime, zone: ZoneInfo, cause: Event | None = None
) -> None:
    """Offer the plan of each way that a WeChat user came by to the patient behind them.

    Themselves where they are one; else whom they speak for, and then a person decides.
    """
    arrivals = session.scalars(
        select(ContactArrival)
        .where(
            ContactArrival.unionid == unionid,
            ContactArrival.offered_at.is_(None),
            ContactArrival.arrived_at > now - _REMEMBERED,
        )
        .order_by(ContactArrival.id)
    ).all()
    links = session.execute(
        select(PatientLink.patient_id, PatientLink.relation, PatientLink.account_id)
        .join(WeChatAccount, WeChatAccount.id == PatientLink.account_id)
        .where(WeChatAccount.unionid == unionid, PatientLink.is_live.is_(True))
        .order_by(PatientLink.id)
    ).all()
    own = [link for link in links if link.relation is Relation.SELF]
    meant = {link.patient_id: link.account_id for link in own or links}
    if not meant:
        return
    today = now.astimezone(zone).date()
    for arrival in arrivals:
        way = arrival.way
        try:
            plan = plan_offered(session, way.plan_key, today)
            for patient_id, account_id in meant.items():
                found = Candidate(
                    plan, Way.CONTACT, "扫了团队的企业微信二维码",
                    way.is_automatic and bool(own) and len(meant) == 1, way, account_id,
                )  # fmt: skip
                offer(session, patient_id, found, now, zone, cause=cause)
        except (NoCareTeam, PlanNotOffered):
            log.warning("arrival_not_offered", way_id=way.id)
            continue
        arrival.offered_at = now
