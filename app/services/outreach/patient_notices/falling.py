"""The next channel: where one has failed, or has not delivered in time."""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.domain.outreach.choosing import After, Fall, fall
from app.domain.outreach.decency import purpose_of_kind
from app.domain.outreach.messaging import Channel, CommunicationState, ErrorClass, Lane, Outlets
from app.models import Communication, CommunicationAttempt
from app.models.outreach.delivery import rest
from app.models.outreach.reachability import gather
from app.models.outreach.recipients import Person
from app.services.outreach.patient_notices.notice import Notice
from app.services.outreach.patient_notices.queueing import address, inbox_key, put, write

_OPEN: Final = (
    CommunicationState.QUEUED,
    CommunicationState.HELD,
    CommunicationState.SENT,
    CommunicationState.UNKNOWN,
)
# Of the others, that the platform took it is all we shall ever know.
_SENDS_RECEIPTS: Final = (Channel.SUBSCRIPTION, Channel.TEMPLATE)
_RECEIPT_WAIT: Final = timedelta(minutes=15)
_LOOK_AGAIN: Final = timedelta(minutes=5)


def fall_back(
    session: Session, communication_id: int, now: datetime, zone: ZoneInfo, outlets: Outlets
) -> None:
    """Take up a patient's message that one channel could not deliver by the next one."""
    failed = session.get_one(Communication, communication_id, with_for_update=True)
    if failed.link_id is None or failed.patient_id is None or failed.expires_at <= now:
        return
    failed.falls_at = None
    follows = select(Communication.id).filter_by(fallback_of_id=failed.id).limit(1)
    if session.scalar(follows) is not None:
        return  # it was late before it failed
    person = gather(session, [failed.patient_id], outlets, now).get(failed.patient_id)
    if person is not None:
        _send_on(session, failed, person, After.FAILED, now, zone, outlets)


def fall_back_late(
    session: Session, now: datetime, zone: ZoneInfo, outlets: Outlets, limit: int = 200
) -> int:
    """Take up what has not arrived within its channel's limit; return how many were looked at.

    What never left is taken back. What may have arrived waits until that is known, so that nobody
    is told the same twice; what is clinical does not wait, and the next message says so.
    """
    late = session.scalars(
        select(Communication)
        .where(Communication.state.in_(_OPEN), Communication.falls_at <= now)
        .order_by(Communication.falls_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    opened = _opened(session, late)
    broken_off = _broken_off(session, late)
    moving = [one for one in late if one.id not in opened and one.expires_at > now]
    people = gather(session, [one.patient_id or 0 for one in moving], outlets, now)
    for message in late:
        message.falls_at = None
        person = people.get(message.patient_id or 0)
        if message.id in opened or person is None or message.expires_at <= now:
            continue
        _move(session, message, person, message.id in broken_off, now, zone, outlets)
    session.flush()
    return len(late)


def _move(
    session: Session,
    message: Communication,
    person: Person,
    is_broken_off: bool,
    now: datetime,
    zone: ZoneInfo,
    outlets: Outlets,
) -> None:
    settled_at = (message.sent_at or now) + _RECEIPT_WAIT
    verdict = fall(
        message.state, message.lane, is_broken_off=is_broken_off,
        has_receipts=message.channel in _SENDS_RECEIPTS, is_settled=settled_at <= now,
    )  # fmt: skip
    match verdict:
        case Fall.INSTEAD:
            if _send_on(session, message, person, After.LATE, now, zone, outlets):
                rest(message, CommunicationState.CANCELLED, "too-late")
        case Fall.ON_IN_DOUBT:
            _send_on(session, message, person, After.IN_DOUBT, now, zone, outlets)
        case Fall.ON_LATE:
            # Receipts may be missing because we are deaf: that must not cost money.
            dear = [channel for channel, cost in outlets.costs.items() if cost]
            _send_on(session, message, person, After.LATE, now, zone, outlets, without=dear)
        case Fall.LATER:
            message.falls_at = max(settled_at, now + _LOOK_AGAIN)


def _send_on(
    session: Session,
    message: Communication,
    person: Person,
    after: After,
    now: datetime,
    zone: ZoneInfo,
    outlets: Outlets,
    *,
    without: Sequence[Channel] = (),
) -> bool:
    """Queue a message again by the next channel; tell whether there is one."""
    notice = _notice(message)
    recipient = next(
        (one for one in person.willing(notice.meant_for) if one.link_id == message.link_id), None
    )
    if recipient is None or person.is_deceased:
        return False
    tried = [*_tried(session, message), *without]
    letter = address(
        person, recipient, notice, now, zone, outlets, tried=tried, after=after,
        fallback_of=message,
    )  # fmt: skip
    if letter is None:
        return False
    return bool(put(session, write(session, [letter], now, zone, outlets)))


def _notice(message: Communication) -> Notice:
    content = _content(message)
    return Notice(
        kind=message.kind, subject=content["subject"], title=content["title"], text="",
        page=content["page"], lane=message.lane, expires_at=message.expires_at,
        task_id=message.task_id, alert_id=message.alert_id,
        appointment_id=message.appointment_id, encounter_id=message.encounter_id,
        purpose=message.purpose or purpose_of_kind(message.kind),
        is_urgent=message.lane is Lane.CLINICAL,
    )  # fmt: skip


def _content(message: Communication) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(message.content or "{}")
    return content


def _tried(session: Session, message: Communication) -> list[Channel]:
    """Return the channels of a message and of all that it stands in for."""
    found = [message.channel]
    before = message.fallback_of_id
    while before is not None:
        earlier = session.get_one(Communication, before)
        found.append(earlier.channel)
        before = earlier.fallback_of_id
    return found


def _opened(session: Session, messages: Sequence[Communication]) -> set[int]:
    """Return the messages whose recipient has read in the inbox what they were called to."""
    keys: dict[bytes, list[int]] = defaultdict(list)  # of two parents, one inbox
    for one in messages:
        if one.patient_id is not None:
            subject = _content(one).get("subject", "")
            keys[inbox_key(one.patient_id, one.kind, subject)].append(one.id)
    if not keys:
        return set()
    read = select(Communication.dedupe_key).where(
        Communication.dedupe_key.in_(list(keys)), Communication.opened_at.is_not(None)
    )
    return {id_ for key in session.scalars(read) for id_ in keys[key]}


def _broken_off(session: Session, messages: Sequence[Communication]) -> set[int]:
    """Return the messages of which a call broke off: they may have arrived."""
    called = [one.id for one in messages if one.tries]
    if not called:
        return set()
    return set(
        session.scalars(
            select(CommunicationAttempt.communication_id).where(
                CommunicationAttempt.communication_id.in_(called),
                or_(
                    CommunicationAttempt.finished_at.is_(None),
                    CommunicationAttempt.error_class == ErrorClass.AMBIGUOUS,
                ),
            )
        )
    )
