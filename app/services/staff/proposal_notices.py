"""New questions whether somebody joins a plan: each team hears of them once a day."""

import json
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, Select, func, select, update
from sqlalchemy.orm import Session

from app.domain.outreach.messaging import Channel, Lane, Outlets, dedupe_key
from app.domain.trust.access import Permission, may
from app.models import (
    CareTeam,
    CareTeamMember,
    Communication,
    EnrolmentProposal,
    Patient,
    Practitioner,
)

_LIFE: Final = timedelta(hours=12)
_MOST_USERS: Final = 1000  # of one WeCom message


def tell_of_proposals(session: Session, now: datetime, zone: ZoneInfo, outlets: Outlets) -> int:
    """Queue one message for each team with questions it has not heard of; return how many.

    The message counts and names nobody. A team that nobody can be told of hears later.
    """
    if outlets.staff_app is None:
        return 0
    news = session.execute(_waiting(EnrolmentProposal.told_at.is_(None))).all()
    total = {row.care_team_id: row.waiting for row in session.execute(_waiting())}
    told = [
        row.care_team_id
        for row in news
        if _tell(session, row, total[row.care_team_id], now, zone, outlets)
    ]
    session.execute(
        update(EnrolmentProposal)
        .where(
            EnrolmentProposal.is_open.is_(True),
            EnrolmentProposal.told_at.is_(None),
            EnrolmentProposal.care_team_id.in_(told),
        )
        .values(told_at=now)
    )
    return len(told)


def _waiting(*which: ColumnElement[bool]) -> Select[int, int]:
    return (
        select(EnrolmentProposal.care_team_id, func.count().label("waiting"))
        .join(Patient, Patient.id == EnrolmentProposal.patient_id)
        .where(EnrolmentProposal.is_open.is_(True), Patient.merged_into_id.is_(None), *which)
        .group_by(EnrolmentProposal.care_team_id)
        .order_by(EnrolmentProposal.care_team_id)
    )


def _tell(
    session: Session,
    news: Row[int, int],
    total: int,
    now: datetime,
    zone: ZoneInfo,
    outlets: Outlets,
) -> bool:
    team_id, new = news
    userids = _who_may_answer(session, team_id)
    if not userids:
        return False
    team, day = session.get_one(CareTeam, team_id), now.astimezone(zone).date()
    text = (
        f"{day:%m-%d} 待加入计划：“{team.name}”有 {new} 条新的，共 {total} 条等待确认。"
        f"请打开查看：{outlets.public_url}/wecom/enrolments"
    )
    queued = Communication.queue(
        session,
        dedupe_key=dedupe_key("enrolment-notice", team_id, day.isoformat()),
        kind="enrolment-notice",
        channel=Channel.WECOM_TEXT,
        lane=Lane.TRANSACTIONAL,
        app_key=outlets.staff_app,
        content=json.dumps({"userids": userids, "text": text}, ensure_ascii=False),
        recipient_key=f"enrolment-notice:{team.public_id}",
        planned_at=now,
        due_at=now,
        expires_at=now + _LIFE,
    )
    return queued is not None


def _who_may_answer(session: Session, team_id: int) -> list[str]:
    members = session.execute(
        select(Practitioner.wecom_userid, Practitioner.role)
        .join(CareTeamMember, CareTeamMember.practitioner_id == Practitioner.id)
        .where(
            CareTeamMember.care_team_id == team_id,
            Practitioner.is_active.is_(True),
            Practitioner.wecom_userid.is_not(None),
        )
        .order_by(Practitioner.id)
    )
    found = (row.wecom_userid for row in members if may(row.role, Permission.ENROL))
    return [userid for userid in found if userid][:_MOST_USERS]
