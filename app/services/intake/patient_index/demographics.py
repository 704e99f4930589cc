"""What a head shows of its retired records: only fields that it was never told itself."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from app.models import Gender, Patient
from app.models.profile.patient_index import cluster_of

FIELDS: Final = (
    "name",
    "phone",
    "address",
    "birth_date",
    "gender",
    "deceased_at",
    "needs",
    "department_code",
)
_NOTHING: Final = (None, Gender.UNKNOWN)


def refresh(session: Session, head: Patient, now: datetime) -> None:
    """Show on a head what only its retired records say, the newest first; forget what is gone.

    A field that was stated under the head's own number, even to delete it, is left as it is.
    """
    session.flush()
    others = [
        session.get_one(Patient, one) for one in cluster_of(session, head.id) if one != head.id
    ]
    borrowed = set(head.borrowed)
    for field in FIELDS:
        if field in head.stamps:
            borrowed.discard(field)
            continue
        if field not in borrowed and getattr(head, field) not in _NOTHING:
            continue
        lender = _lender(others, field)
        value = getattr(lender, field) if lender else _blank(field)
        if getattr(head, field) != value:
            setattr(head, field, value)
            if field == "address":
                head.region = lender.region if lender else None
            head.updated_at = now
        borrowed = borrowed | {field} if lender else borrowed - {field}
    if sorted(borrowed) != head.borrowed:
        head.borrowed = sorted(borrowed)
    session.flush()


def give_back(retired: Patient) -> None:
    """Take from a record that is no head any more what it had borrowed."""
    for field in retired.borrowed:
        setattr(retired, field, _blank(field))
        if field == "address":
            retired.region = None
    retired.borrowed = []


def _lender(others: Iterable[Patient], field: str) -> Patient | None:
    lenders = [
        one for one in others if field not in one.borrowed and getattr(one, field) not in _NOTHING
    ]
    return max(lenders, key=lambda one: (one.stamps.get(field, ""), one.id), default=None)


def _blank(field: str) -> Gender | None:
    return Gender.UNKNOWN if field == "gender" else None
