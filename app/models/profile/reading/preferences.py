"""What a patient would rather have, as it stands: their own word before what was counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import false, select
from sqlalchemy.orm import Session

from app.domain.criteria.population import PreferenceKind
from app.models.profile.behaviour import Preference

MOST: Final = 50


@dataclass(frozen=True, slots=True)
class PreferenceLine:
    """`share` of what was counted speaks for `value`, 0 to 1; 1 for the patient's word."""

    public_id: str
    kind: PreferenceKind
    value: str
    is_stated: bool
    share: Decimal
    evidence: Mapping[str, Any]
    updated_at: datetime


def preference_lines(session: Session, patient_id: int) -> tuple[PreferenceLine, ...]:
    """Return what holds now, in the order of the kinds; denied ones do not."""
    rows = session.scalars(
        select(Preference)
        .where(Preference.patient_id == patient_id, Preference.is_denied == false())
        .order_by(Preference.is_stated.desc(), Preference.share.desc(), Preference.id)
        .limit(MOST)
    ).all()
    order = list(PreferenceKind)
    return tuple(
        PreferenceLine(
            one.public_id, one.kind, one.value, one.is_stated, one.share, one.evidence,
            one.updated_at,
        )
        for one in sorted(rows, key=lambda one: order.index(one.kind))
    )  # fmt: skip
