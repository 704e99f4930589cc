"""Messages that wait for a person: which they are, and whether one of them may have arrived."""

from typing import Final

from sqlalchemy import ColumnElement, and_, exists

from app.domain.outreach.messaging import CommunicationState, Lane
from app.domain.outreach.sending_deeds import Group
from app.models.outreach.communication import Communication, CommunicationAttempt
from app.models.outreach.delivery import broke_off
from app.models.outreach.route import route_of

AT_REST: Final = (CommunicationState.DEAD, CommunicationState.HELD)


def is_one_of(group: Group) -> ColumnElement[bool]:
    app_key = route_of(group.channel, group.app_key).app_key
    return and_(
        Communication.state == group.state,
        Communication.lane.in_(tuple(Lane)),  # the index begins with state and lane
        Communication.channel == group.channel,
        Communication.app_key == app_key if app_key else Communication.app_key.is_(None),
        Communication.reason.is_not_distinct_from(group.reason),
        Communication.errcode.is_not_distinct_from(group.errcode),
    )


def may_have_arrived() -> ColumnElement[bool]:
    """Return whether a call for a message broke off, so that nobody knows what became of it."""
    return exists().where(CommunicationAttempt.communication_id == Communication.id, broke_off())
