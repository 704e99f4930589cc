"""How a patient lives, as it was last stated."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from app.domain.profile.social_history import SOCIAL_ITEMS, answer_words
from app.models.profile.behaviour import SocialHistory, StatedBy


@dataclass(frozen=True, slots=True)
class LifeLine:
    """One thing of a life; `name` and `answer` are the words for `code` and `value`."""

    public_id: str
    code: str
    name: str
    value: str
    answer: str
    note: str | None
    stated_by: StatedBy
    at: datetime


def life_lines(session: Session, patient_id: int) -> tuple[LifeLine, ...]:
    """Return what is current, in the order of the list."""
    rows = session.scalars(
        select(SocialHistory).where(
            SocialHistory.patient_id == patient_id, SocialHistory.is_current == true()
        )
    )
    lines = {one.code: _line(one) for one in rows}
    order = [*SOCIAL_ITEMS, *sorted(lines.keys() - SOCIAL_ITEMS.keys())]
    return tuple(lines[code] for code in order if code in lines)


def _line(one: SocialHistory) -> LifeLine:
    name, answer = answer_words(one.code, one.value)
    return LifeLine(
        one.public_id, one.code, name, one.value, answer, one.note, one.stated_by, one.at
    )
