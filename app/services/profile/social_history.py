"""How a patient lives, stated by them or by staff: the newest holds, the earlier ones stay."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.profile.social_history import require_answer
from app.models import Event, Patient, SocialHistory, StatedBy


def state_social_history(
    session: Session,
    patient_id: int,
    code: str,
    value: str,
    stated_by: StatedBy,
    now: datetime,
    *,
    note: str | None = None,
) -> SocialHistory:
    """Keep one answer; the same again changes nothing.

    :raises NotAnAnswer: the list has no such item, or the item no such answer
    """
    require_answer(code, value)
    # The lock makes two statements take turns: one is current.
    session.get_one(Patient, patient_id, with_for_update=True)
    current = session.scalar(
        select(SocialHistory).filter_by(patient_id=patient_id, code=code, is_current=True)
    )
    if current is not None:
        if (current.value, current.note) == (value, note):
            return current
        current.is_current = None
        session.flush()
    stated = SocialHistory(
        patient_id=patient_id, code=code, value=value, note=note, stated_by=stated_by, at=now
    )
    session.add(stated)
    session.flush()
    session.add(
        Event.of("social-history.stated", now, patient_id=patient_id, social_history_id=stated.id)
    )
    return stated
