"""A message to all who run the system."""

import json
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.outreach.messaging import Channel, Lane, Outlets, dedupe_key
from app.domain.trust.access import StaffRole
from app.models.outreach.communication import Communication
from app.models.staff.practitioner import Practitioner

_LIFE: Final = timedelta(hours=12)
_MOST_USERS: Final = 1000  # of one WeCom message


def tell_operators(
    session: Session,
    kind: str,
    subject: tuple[object, ...],
    recipient: str,
    text: str,
    now: datetime,
    outlets: Outlets,
) -> bool:
    """Queue a text to the operators, once for a `subject`; False where there is nobody to tell.

    `recipient` is whose turn it takes.
    """
    operators = session.scalars(
        select(Practitioner.wecom_userid)
        .where(
            Practitioner.role == StaffRole.OPERATOR,
            Practitioner.is_active.is_(True),
            Practitioner.wecom_userid.is_not(None),
        )
        .order_by(Practitioner.id)
        .limit(_MOST_USERS)
    ).all()
    if not operators or outlets.staff_app is None:
        return False
    Communication.queue(
        session,
        dedupe_key=dedupe_key(kind, *subject),
        kind=kind,
        channel=Channel.WECOM_TEXT,
        lane=Lane.TRANSACTIONAL,
        app_key=outlets.staff_app,
        content=json.dumps({"userids": list(operators), "text": text}, ensure_ascii=False),
        recipient_key=recipient,
        planned_at=now,
        due_at=now,
        expires_at=now + _LIFE,
    )
    return True
