"""What waits for the team this morning: alerts of each grade, taken, closed, or not yet."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.demo.monitoring import LIMITS, reading
from app.demo.people import Person
from app.domain.profile.vital_signs import VitalSign
from app.domain.staff.alert_card import CardButton
from app.domain.staff.alerting import Outcome
from app.models import Alert, Observation, Practitioner
from app.services.plans.rule_evaluation import evaluate
from app.services.staff import alert_handling

# What the rest of the patients measured lately (mmol/L, how long ago), from the oldest.
_OLD: Final = (
    ("3.5", timedelta(days=9)),
    ("17.4", timedelta(days=6)),
    ("3.3", timedelta(days=4)),
    ("2.7", timedelta(days=2, hours=3)),
)
_TAKEN: Final = (("17.8", timedelta(hours=5)), ("3.6", timedelta(hours=4)))
_WAITING: Final = (
    ("3.7", timedelta(hours=2)),
    ("18.1", timedelta(minutes=50)),
    ("3.4", timedelta(minutes=25)),
    ("2.6", timedelta(minutes=6)),
)


def tell_old_stories(session: Session, people: Sequence[Person], now: datetime) -> None:
    """Open alerts of the last days by the real rules; close the old, take some of the new.

    Called before the other readings exist: the rules look at the latest value there is.
    """
    nurse = _staff(session, "nurse-chen")
    crowd = iter(_chosen(people))
    for value, ago in _OLD:
        alert = _measured(session, next(crowd), value, now - ago)
        at = now - ago + timedelta(minutes=14)
        alert_handling.act(session, alert.public_id, nurse, CardButton.TAKE, at, HOSPITAL)
        alert_handling.close(
            session, alert.public_id, nurse, Outcome.REACHED, "已电话联系，复测正常",
            at + timedelta(minutes=11),
        )  # fmt: skip
    for value, ago in _TAKEN:
        alert = _measured(session, next(crowd), value, now - ago)
        at = now - ago + timedelta(minutes=9)
        alert_handling.act(session, alert.public_id, nurse, CardButton.TAKE, at, HOSPITAL)


def tell_new_stories(session: Session, people: Sequence[Person], now: datetime) -> None:
    """Open the alerts that nobody has seen yet: the clock process tells of them when it starts."""
    waiting = _chosen(people)[len(_OLD) + len(_TAKEN) :]
    for one, (value, ago) in zip(waiting, _WAITING, strict=False):
        _measured(session, one, value, now - ago)


def with_a_story(people: Sequence[Person]) -> Sequence[Person]:
    """Return those whose last reading belongs to their story."""
    return _chosen(people)[len(_OLD) :]


def _chosen(people: Sequence[Person]) -> list[Person]:
    most = len(_OLD) + len(_TAKEN) + len(_WAITING)
    return [one for one in people if one.subject is None and (one.discharged or 0) > 12][:most]


def _measured(session: Session, one: Person, value: str, at: datetime) -> Alert:
    """Keep one glucose as the phone would send it and let the rules judge it."""
    row: dict[str, Any] = reading(one.id, 0, at, "fasting")
    row["value"] = Decimal(value)
    row["interpretation"] = LIMITS.interpret(row["value"])
    observation = Observation(**row)
    session.add(observation)
    session.flush()
    trigger = f"observation:{VitalSign.GLUCOSE}"
    evaluate(session, one.id, (trigger,), at, HOSPITAL, observation_id=observation.id)
    session.flush()
    return session.scalars(
        select(Alert).filter_by(patient_id=one.id, is_open=True).order_by(Alert.id.desc())
    ).first()  # type: ignore[return-value]  # these values always fire a rule


def _staff(session: Session, userid: str) -> int:
    return session.scalars(select(Practitioner.id).filter_by(wecom_userid=userid)).one()
