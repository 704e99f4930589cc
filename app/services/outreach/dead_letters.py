"""Messages that wait for a person: sent again where that is safe, or cancelled."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.domain.errors import MayHaveArrived, MessageSettled, MessageTooOld, NotFound
from app.domain.outreach.messaging import Channel, CommunicationState, Route
from app.domain.outreach.sending_deeds import By, DeedKind, Group
from app.models import Communication, SendingDeed
from app.models.outreach.delivery import rest, send_again
from app.models.outreach.resting import AT_REST, is_one_of, may_have_arrived
from app.models.outreach.route import key_of

# Messages of one transaction: it holds their rows until it is written.
AT_ONCE: Final = 500


def replay_group(session: Session, group: Group, by: By, now: datetime) -> int:
    """Send up to `AT_ONCE` messages again; return how many. 0: no more of them may be.

    What may have arrived is left for a person to look at one by one; what is past its time stays.
    """
    rows = _some(session, group, Communication.expires_at > now, ~may_have_arrived())
    for row in rows:
        send_again(row, now)
    _keep_deed(session, DeedKind.REPLAY, group.channel, group.app_key, len(rows), by, now)
    return len(rows)


def replay(session: Session, public_id: str, by: By, now: datetime) -> Communication:
    """Send one message again; what may have arrived only for a reason.

    :raises NotFound: no such message
    :raises MessageSettled: it does not wait for a person any more
    :raises MessageTooOld: what it says is no longer true
    :raises MayHaveArrived: and nobody gave a reason
    """
    row = _one(session, public_id)
    if row.expires_at <= now:
        raise MessageTooOld
    is_doubtful = session.scalar(
        select(Communication.id).where(Communication.id == row.id, may_have_arrived())
    )
    if is_doubtful and not by.why:
        raise MayHaveArrived
    send_again(row, now)
    kind = DeedKind.REPLAY_DOUBTFUL if is_doubtful else DeedKind.REPLAY
    _keep_deed_of(session, kind, row, by, now)
    return row


def cancel_group(session: Session, group: Group, by: By, now: datetime) -> int:
    """Cancel up to `AT_ONCE` messages; return how many."""
    rows = _some(session, group)
    for row in rows:
        _cancel(row)
    _keep_deed(session, DeedKind.CANCEL, group.channel, group.app_key, len(rows), by, now)
    return len(rows)


def cancel(session: Session, public_id: str, by: By, now: datetime) -> Communication:
    """Cancel one message: nobody need look at it any more.

    :raises NotFound: no such message
    :raises MessageSettled: it does not wait for a person any more
    """
    row = _one(session, public_id)
    _cancel(row)
    _keep_deed_of(session, DeedKind.CANCEL, row, by, now)
    return row


def _cancel(row: Communication) -> None:
    # The reason it died of stays: `by-hand` alone would say less.
    rest(row, CommunicationState.CANCELLED, row.reason)


def _some(
    session: Session, group: Group, *conditions: ColumnElement[bool]
) -> Sequence[Communication]:
    return session.scalars(
        select(Communication)
        .where(is_one_of(group), *conditions)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()


def _one(session: Session, public_id: str) -> Communication:
    row = session.scalar(
        select(Communication)
        .filter_by(public_id=public_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise NotFound
    if row.state not in AT_REST:
        raise MessageSettled
    return row


def _keep_deed(
    session: Session, kind: DeedKind, channel: Channel, app_key: str, count: int, by: By,
    now: datetime,
) -> None:  # fmt: skip
    if count:
        session.add(
            SendingDeed(
                kind=kind, channel=channel, app_key=app_key, messages=count,
                practitioner_id=by.practitioner_id, why=by.why, at=now,
            )
        )  # fmt: skip
    session.flush()


def _keep_deed_of(
    session: Session, kind: DeedKind, row: Communication, by: By, now: datetime
) -> None:
    session.add(
        SendingDeed(
            kind=kind, channel=row.channel,
            app_key=key_of(Route(row.channel, row.app_key or "")), communication_id=row.id,
            messages=1, practitioner_id=by.practitioner_id, why=by.why, at=now,
        )
    )  # fmt: skip
    session.flush()
