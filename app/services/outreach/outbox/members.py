"""Members of WeCom: what is too much for one of them is dropped by the platform unsaid."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.outreach.channels import BY_PERSON, Per, quota_of
from app.domain.outreach.messaging import Outgoing
from app.models import MemberMinute
from app.services.outreach.outbox.routes import count_members

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
# The platform's limits for a member of one app; by calendar minutes, two of which may hold one
# minute of the platform's.
_LIMITS: Final = {
    channel: (quota_of(channel, Per.PERSON, _MINUTE), quota_of(channel, Per.PERSON, _HOUR))
    for channel in BY_PERSON
}


def crowded_out(session: Session, calls: Sequence[tuple[int, Outgoing]], now: datetime) -> set[int]:
    """Return the messages that must wait a minute; count those that go."""
    to_members = [(id_, one.channel, _members(one)) for id_, one in calls if one.channel in _LIMITS]
    if not to_members:
        return set()
    names = {name for _, _, members in to_members for name in members}
    lately, in_hour = _sent(session, names, now - _MINUTE), _sent(session, names, now - _HOUR)
    going: Counter[str] = Counter()
    waiting = set()
    for id_, channel, members in to_members:
        a_minute, an_hour = _LIMITS[channel]
        if any(
            _is_full(lately[name] + going[name], a_minute)
            or _is_full(in_hour[name] + going[name], an_hour)
            for name in members
        ):
            waiting.add(id_)
        else:
            going.update(members)
    count_members(session, going, now)
    return waiting


def _is_full(count: int, most: int | None) -> bool:
    return most is not None and count >= most


def _members(message: Outgoing) -> set[str]:
    # WeCom reads a userid in any case; the counts must not.
    userids = message.content.get("userids") or ()
    return {f"{message.app_key}:{str(one).lower()}" for one in userids}


def _sent(session: Session, names: set[str], since: datetime) -> Counter[str]:
    counts = session.execute(
        select(MemberMinute.recipient_key, func.sum(MemberMinute.called))
        .where(
            MemberMinute.recipient_key.in_(names),
            MemberMinute.minute >= since.replace(second=0, microsecond=0),
        )
        .group_by(MemberMinute.recipient_key)
    )
    return Counter({name: int(total) for name, total in counts})
