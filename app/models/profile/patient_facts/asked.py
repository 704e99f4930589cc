"""Of whom facts are asked, and when."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Asked:
    """`since` is the instant from which one looks back: `now`, or earlier for a late reading."""

    session: Session
    patient_id: int
    since: datetime
    now: datetime
