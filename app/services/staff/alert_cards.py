"""Cards to the team in WeCom: one for each level an alert reaches, updated when pressed."""

import json
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.outreach.messaging import STORM_WINDOW, Channel, Lane, Outlets, dedupe_key
from app.domain.plans.rules import Grade
from app.domain.staff.alert_card import buttons
from app.domain.staff.alert_clock import CHAIN, AlertClock, Responder, first_level
from app.domain.staff.alerting import AlertStatus
from app.models import Alert, AlertStep, CareTeam, Communication
from app.models.staff.duty import answering, standing_in

log = structlog.get_logger()

_CLOCK: Final = AlertClock()
_CARD_LIFE: Final = timedelta(hours=24)
_RESPONSE_CODE_LIFE: Final = timedelta(hours=72)
_TIME_WORDS: Final = {
    Grade.SEVERE: "5分钟内接手",
    Grade.MODERATE: "今天内处理",
    Grade.MILD: "下一个工作日内处理",
}


def tell_team(
    session: Session, alert_id: int, event_id: int, now: datetime, outlets: Outlets
) -> Communication | None:
    """Queue the card of an alert for those who answer at its level.

    None where the alert is closed, the event was told already, nobody can be told, or the same
    people have just had the card of another alert of this patient that is no milder.
    The card names neither patient nor value: it shows on a lock screen.
    """
    alert = session.get_one(Alert, alert_id)
    if alert.is_open is None or outlets.staff_app is None:
        return None
    answering_now = _first_to_answer(session, alert, now)
    if answering_now is None and alert.grade is not Grade.MILD:
        _pass_on(session, alert, now)
        answering_now = _first_to_answer(session, alert, now)
    if answering_now is None:
        log.error("alert_reaches_nobody", alert_id=alert.id)
        return None
    role, userids = answering_now
    if (other := _told_already(session, alert, userids, now)) is not None:
        alert.told_with_id = other.told_with_id or other.id
        session.add(AlertStep(alert_id=alert.id, kind="told-together", at=now))
        return None
    alert.told_with_id = None
    content = {
        "userids": userids,
        "level": alert.level,
        "source": "康伴",
        "title": f"{alert.grade.label}预警",
        "description": "有一位患者需要处理，请打开查看",
        "lines": [
            {"name": "时限", "value": _TIME_WORDS[alert.grade]},
            {"name": "通知", "value": role.label},
        ],
        "url": f"{outlets.public_url}/wecom/alerts/{alert.public_id}",
        "buttons": [{"key": one.value, "text": one.label} for one in buttons(alert.status)],
    }
    return _queue(
        session, alert, "alert-card", Channel.WECOM_CARD, outlets.staff_app, content,
        subject=event_id, recipient=f"alert:{alert.public_id}", now=now, life=_CARD_LIFE,
    )  # fmt: skip


def tell_withdrawn(session: Session, alert_id: int, now: datetime) -> None:
    """Tell everyone who got a card of an alert that the result behind it was corrected."""
    alert = session.get_one(Alert, alert_id)
    cards = session.scalars(
        select(Communication).filter_by(alert_id=alert_id, kind="alert-card")
    ).all()
    for card in cards:
        # WeCom drops a text equal to one of the last hours: each names its own alert.
        text = f"有一条预警已撤回：检验结果已更正（{alert.opened_at:%m%d}-{alert.public_id[:6]}）"
        _queue(
            session, alert, "alert-withdrawn", Channel.WECOM_TEXT, card.app_key,
            {"userids": _receivers(card), "text": text},
            subject=card.id, recipient=f"alert-text:{card.public_id}", now=now, life=_CARD_LIFE,
        )  # fmt: skip


def update_card(
    session: Session, card: Communication, response_code: str, words: str, now: datetime
) -> None:
    """Queue the change of a card for all who got it: its button then says what was done."""
    if card.alert_id is None:
        return
    update = {
        "userids": _receivers(card),
        "replace_name": words,
        "response_code": response_code,
    }
    _queue(
        session, session.get_one(Alert, card.alert_id), "alert-card-update",
        Channel.WECOM_CARD_UPDATE, card.app_key, update,
        subject=f"{card.id}/{response_code}", recipient=f"alert-update:{card.public_id}", now=now,
        life=_RESPONSE_CODE_LIFE,
    )  # fmt: skip


def _first_to_answer(
    session: Session, alert: Alert, now: datetime
) -> tuple[Responder, list[str]] | None:
    """Return who answers at the alert's level, at the next one that anybody stands on, or at all.

    Above the last of them nobody stands: then those below hear once more, the nurses first.

    Of a severe alert the nurse on duty hears with the doctor: somebody must call the patient.
    """
    above = [
        (role, userids)
        for role in CHAIN[alert.level :]
        if (userids := _userids(session, alert, role, now))
    ]
    nurses = _userids(session, alert, Responder.ON_DUTY_NURSE, now)
    if not above:
        below = [(role, _userids(session, alert, role, now)) for role in CHAIN[: alert.level]]
        return next(((role, userids) for role, userids in below if userids), None)
    role, userids = above[0]
    if alert.grade is Grade.SEVERE and alert.level == first_level(Grade.SEVERE):
        userids = list(dict.fromkeys([*userids, *nurses]))
    return role, userids


def _pass_on(session: Session, alert: Alert, now: datetime) -> None:
    """Give an alert of which nobody of its team can be told to the team that stands in for it.

    It becomes theirs, for only who may read the record may be told. Where nobody is anywhere it
    stays where it is; each level it climbs to asks again.
    """
    team = session.get_one(CareTeam, alert.care_team_id)
    other = standing_in(session, team, now)
    if other is None:
        return
    alert.care_team_id, alert.level = other.id, first_level(alert.grade)
    alert.acknowledge_by = _CLOCK.acknowledge_by(alert.grade, now, HOSPITAL)
    note = f"{team.name}没有人能接，交给{other.name}"
    session.add(AlertStep(alert_id=alert.id, kind="passed-on", note=note, at=now))
    session.flush()


def _userids(session: Session, alert: Alert, role: Responder, now: datetime) -> list[str]:
    return [
        who.wecom_userid
        for who in answering(session, alert.care_team_id, role, now)
        if who.wecom_userid is not None
    ]


def _told_already(
    session: Session, alert: Alert, userids: list[str], now: datetime
) -> Alert | None:
    """Return the patient's alert whose card these people got moments ago, if one was as bad.

    One that waits for them still: what somebody has taken or closed tells nobody of another.
    """
    cards = session.execute(
        select(Communication, Alert)
        .join(Alert, Alert.id == Communication.alert_id)
        .where(
            Communication.patient_id == alert.patient_id,
            Communication.kind == "alert-card",
            Communication.planned_at >= now - STORM_WINDOW,
            Alert.id != alert.id,
            Alert.care_team_id == alert.care_team_id,
            Alert.status == AlertStatus.ACTIVE,
        )
        .order_by(Communication.id)
    )
    for card, other in cards:
        if set(userids) <= set(_receivers(card)) and not alert.grade.is_worse_than(other.grade):
            return other
    return None


def _queue(
    session: Session,
    alert: Alert,
    kind: str,
    channel: Channel,
    app_key: str | None,
    content: dict[str, Any],
    *,
    subject: object,
    recipient: str,
    now: datetime,
    life: timedelta,
) -> Communication | None:
    return Communication.queue(
        session,
        dedupe_key=dedupe_key(kind, alert.id, subject),
        patient_id=alert.patient_id,
        alert_id=alert.id,
        kind=kind,
        channel=channel,
        lane=Lane.CLINICAL,
        app_key=app_key,
        content=json.dumps(content, ensure_ascii=False, sort_keys=True),
        recipient_key=recipient,
        planned_at=now,
        due_at=now,
        expires_at=now + life,
    )


def _receivers(card: Communication) -> list[str]:
    userids: list[str] = json.loads(card.content or "{}")["userids"]
    return userids
