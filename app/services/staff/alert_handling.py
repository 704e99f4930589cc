"""What staff do with an alert: take it, hand it over, close it; and what happens when nobody does.

A press on a card and a form on the page come to the same functions; repeats change nothing.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import AlertClosed, NotFound
from app.domain.plans.rules import Grade
from app.domain.staff.alert_card import CardButton, Handling, Press, press
from app.domain.staff.alert_clock import CHAIN, AlertClock
from app.domain.staff.alerting import AlertStatus, Outcome
from app.domain.trust.access import Actor
from app.models import Alert, AlertStep, CareTeamMember, Communication, Event, Practitioner
from app.models.trust.audit import record

_CLOCK: Final = AlertClock()
_STEP_OF: Final = {
    CardButton.TAKE: "taken",
    CardButton.TRANSFER: "handed-over",
    CardButton.CONTACTED: "contacted",
}


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a press came to; `words` is what the card's button shows from now on."""

    alert_id: int
    card: Communication
    words: str


def press_card(
    session: Session,
    card_public_id: str,
    userid: str,
    button: CardButton,
    now: datetime,
    zone: ZoneInfo,
) -> Pressed:
    """Do what a button of a card says, for the member of staff who pressed it.

    :raises NotFound: no such card, or the presser is not of the alert's team
    """
    card = session.scalar(
        select(Communication).filter_by(public_id=card_public_id, kind="alert-card")
    )
    if card is None or card.alert_id is None:
        raise NotFound
    alert = session.get_one(Alert, card.alert_id, with_for_update=True)
    who = _member(session, alert, wecom_userid=userid.lower())
    card_level = int(json.loads(card.content or "{}")["level"])
    result = _press(session, alert, button, who, card_level, now, zone)
    return Pressed(alert.id, card, _words(session, alert, result))


def act(
    session: Session,
    alert_public_id: str,
    practitioner_id: int,
    button: CardButton,
    now: datetime,
    zone: ZoneInfo,
    *,
    origin: str = "",
) -> Press:
    """Do on the page what a card's button does.

    :raises NotFound: no such alert, or it is another team's
    """
    alert = _alert_of(session, alert_public_id)
    who = _member(session, alert, practitioner_id=practitioner_id)
    return _press(session, alert, button, who, alert.level, now, zone, origin)


def close(
    session: Session,
    alert_public_id: str,
    practitioner_id: int,
    outcome: Outcome,
    note: str | None,
    now: datetime,
    *,
    origin: str = "",
) -> None:
    """Write the outcome; a final one closes the alert, the others keep it with its owner.

    :raises NotFound: no such alert, or it is another team's
    :raises AlertClosed: it ended meanwhile
    """
    alert = _alert_of(session, alert_public_id)
    who = _member(session, alert, practitioner_id=practitioner_id)
    if alert.is_open is None:
        raise AlertClosed
    alert.outcome = outcome
    alert.owner_id = alert.owner_id or who.id
    alert.acknowledged_at = alert.acknowledged_at or now
    if outcome.is_final:
        _end(alert, now)
    else:
        alert.status = AlertStatus.ACKNOWLEDGED
    _step(session, alert, "outcome", who, now, note=note)
    kind = "alert.closed" if outcome.is_final else "alert.attempted"
    session.add(Event.of(kind, now, patient_id=alert.patient_id, alert_id=alert.id))
    _audit(session, alert, who, "close", now, origin)


def climb(session: Session, now: datetime, zone: ZoneInfo, limit: int = 100) -> int:
    """Hand alerts nobody took in time to the next level; return how many climbed."""
    late = session.scalars(
        select(Alert)
        .where(
            Alert.is_open.is_(True),
            Alert.status == AlertStatus.ACTIVE,
            Alert.acknowledge_by <= now,
        )
        .order_by(Alert.acknowledge_by)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    climbed = 0
    for alert in late:
        if alert.grade is Grade.MILD or alert.level + 1 >= len(CHAIN):
            alert.acknowledge_by = None  # stays with its level, shown as overdue
            continue
        alert.level += 1
        alert.acknowledge_by = _CLOCK.next_climb(alert.grade, alert.acknowledge_by or now, now)
        _step(session, alert, "climbed", None, now)
        session.add(Event.of("alert.climbed", now, patient_id=alert.patient_id, alert_id=alert.id))
        climbed += 1
    return climbed


def _press(
    session: Session,
    alert: Alert,
    button: CardButton,
    who: Practitioner,
    card_level: int,
    now: datetime,
    zone: ZoneInfo,
    origin: str = "card",
) -> Press:
    before = Handling(
        alert.grade, alert.status, alert.level,
        str(alert.owner_id) if alert.owner_id else None, alert.outcome,
    )  # fmt: skip
    result = press(before, button, str(who.id), card_level)
    if not result.is_changed:
        return result
    after = result.handling
    alert.level = after.level
    alert.outcome = after.outcome
    alert.owner_id = int(after.owner) if after.owner else None
    alert.status = after.status
    if after.status is AlertStatus.ACTIVE:
        alert.acknowledge_by = _CLOCK.acknowledge_by(alert.grade, now, zone)
    else:
        alert.acknowledge_by = None
        alert.acknowledged_at = alert.acknowledged_at or now
    if after.status is AlertStatus.RESOLVED:
        _end(alert, now)
    _step(session, alert, _STEP_OF[button], who, now)
    if button is CardButton.TAKE:
        _take_told_together(session, alert, who, now)
    session.add(
        Event.of(f"alert.{_STEP_OF[button]}", now, patient_id=alert.patient_id, alert_id=alert.id)
    )
    _audit(session, alert, who, button.value, now, origin)
    return result


def _take_told_together(session: Session, alert: Alert, who: Practitioner, now: datetime) -> None:
    """Take what one card told of together; each alert still asks for an outcome of its own."""
    root = alert.told_with_id or alert.id
    others = session.scalars(
        select(Alert)
        .where(
            (Alert.id == root) | (Alert.told_with_id == root),
            Alert.id != alert.id,
            Alert.status == AlertStatus.ACTIVE,
        )
        .with_for_update()
    )
    for other in others:
        other.status, other.owner_id, other.acknowledge_by = AlertStatus.ACKNOWLEDGED, who.id, None
        other.acknowledged_at = other.acknowledged_at or now
        _step(session, other, "taken", who, now)
        session.add(
            Event.of("alert.taken-too", now, patient_id=other.patient_id, alert_id=other.id)
        )


def _end(alert: Alert, now: datetime) -> None:
    alert.status = AlertStatus.RESOLVED
    alert.is_open = None
    alert.acknowledge_by = None
    alert.closed_at = now


def _alert_of(session: Session, public_id: str) -> Alert:
    alert = session.scalar(select(Alert).filter_by(public_id=public_id).with_for_update())
    if alert is None:
        raise NotFound
    return alert


def _member(session: Session, alert: Alert, **who: int | str) -> Practitioner:
    """Return the member of the alert's team; for anyone else the alert does not exist."""
    member = session.scalar(
        select(Practitioner)
        .join(CareTeamMember, CareTeamMember.practitioner_id == Practitioner.id)
        .filter(CareTeamMember.care_team_id == alert.care_team_id, Practitioner.is_active.is_(True))
        .filter(
            Practitioner.wecom_userid == who["wecom_userid"]
            if "wecom_userid" in who
            else Practitioner.id == who["practitioner_id"]
        )
    )
    if member is None:
        raise NotFound
    return member


def _words(session: Session, alert: Alert, result: Press) -> str:
    """Return what the pressed card shows: who did what; at most 10 characters fit."""
    if not result.is_changed and result.note:
        return result.note[:10]
    if alert.status is AlertStatus.ACTIVE:
        return "已转交"
    owner = session.get(Practitioner, alert.owner_id) if alert.owner_id else None
    name = (owner.name or "") if owner else ""
    return f"{name[:5]}{'已联系' if alert.outcome is Outcome.REACHED else '处理中'}"


def _step(
    session: Session,
    alert: Alert,
    kind: str,
    who: Practitioner | None,
    now: datetime,
    *,
    note: str | None = None,
) -> None:
    session.add(
        AlertStep(
            alert_id=alert.id, kind=kind, practitioner_id=who.id if who else None, note=note, at=now
        )
    )


def _audit(
    session: Session, alert: Alert, who: Practitioner, action: str, now: datetime, origin: str
) -> None:
    session.flush()
    record(
        session, Actor("practitioner", who.id, origin), action, "alert", now,
        patient_id=alert.patient_id, detail={"alert_id": alert.id},
    )  # fmt: skip
