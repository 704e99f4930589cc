"""Who the people are besides their illness: what they do with the app, how they live, segments."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.demo.cast import ENDOCRINOLOGY, STAFF
from app.demo.people import Person
from app.domain.criteria.population import InteractionKind
from app.domain.trust.access import Actor, StaffRole
from app.models import Article, Interaction, PatientLink, Practitioner, StatedBy
from app.services.profile.patient_preferences import learn_preferences
from app.services.profile.risk_assessing import EVERYTHING, assess
from app.services.profile.social_history import state_social_history
from app.services.segments.segment_library import Draft, save_segment

_HOME: Final = "浙江省宁波市"
_WEEKS: Final = 6
# LOINC code or ours → answers that are drawn from.
_WAYS: Final = {
    "72166-2": ("never", "never", "former", "every-day"),
    "11331-6": ("never", "occasional", "weekly"),
    "89555-7": ("none", "1-2-days", "3-4-days"),
    "diet-salt": ("light", "medium", "salty"),
    "45404-1": ("married", "married", "widowed"),
}
_SEGMENTS: Final[dict[str, dict[str, Any]]] = {
    "近三个月糖化偏高的糖友": {
        "all": [
            {"condition": {"code": "E11"}},
            {"latest": {"code": "4548-4", "op": ">=", "value": 8, "unit": "%", "within": "P90D"}},
        ]
    },
    "65岁以上、小程序联系不上": {
        "all": [
            {"age": {"op": ">=", "years": 65}},
            {"not": {"reachable": {"by": "mini-program"}}},
        ]
    },
    "计划中、两周没打开小程序": {
        "all": [
            {"plan": {"key": "t2dm-after-discharge"}},
            {"not": {"interaction": {"kind": "opened", "within": "P14D"}}},
        ]
    },
    "外地患者": {"not": {"region": {"region": _HOME}}},
}


def add_habits(session: Session, people: Sequence[Person], random: Random, now: datetime) -> None:
    """Write what linked people opened and read in the last weeks, each at an hour of their own."""
    articles = session.scalars(select(Article.key).order_by(Article.key)).all()
    linked = dict(session.execute(select(PatientLink.patient_id, PatientLink.account_id)).all())
    rows: list[dict[str, Any]] = []
    for one in (one for one in people if one.id in linked):
        hour = random.choice((7, 8, 12, 19, 20))
        for days in range(1, _WEEKS * 7):
            if random.random() > 0.4:
                continue
            local = (now - timedelta(days=days)).astimezone(HOSPITAL)
            at = local.replace(hour=hour, minute=random.randrange(60))
            rows.append(_row(one.id, linked[one.id], InteractionKind.OPENED, None, at))
            if articles and random.random() < 0.3:
                read = random.choice(articles)
                later = at + timedelta(minutes=2)
                rows.append(_row(one.id, linked[one.id], InteractionKind.READ, read, later))
    session.execute(insert(Interaction), rows)


def _row(
    patient_id: int, account_id: int, kind: InteractionKind, subject: str | None, at: datetime
) -> dict[str, Any]:
    return {
        "patient_id": patient_id, "account_id": account_id, "kind": kind, "subject": subject,
        "reference": f"demo-{kind}-{at:%m%d%H%M}", "at": at,
        "seconds": 60 if kind is InteractionKind.READ else None, "is_useful": None,
    }  # fmt: skip


def know_the_cast(
    session: Session, people: Sequence[Person], random: Random, now: datetime
) -> None:
    """Let the people one can meet have told how they live, and be assessed as events would."""
    for one in (one for one in people if one.subject is not None):
        if one.subject is not None and one.subject.age >= 18:
            for code, answers in _WAYS.items():
                answer = random.choice(answers)
                state_social_history(session, one.id, code, answer, StatedBy.PATIENT, now)
        learn_preferences(session, one.id, now, HOSPITAL)
        assess(session, one.id, EVERYTHING, now, HOSPITAL, home=_HOME)


def save_segments(session: Session, now: datetime) -> None:
    """Keep some segments of the head nurse."""
    head = next(
        one for one in STAFF if one.role is StaffRole.HEAD_NURSE and one.ward == ENDOCRINOLOGY
    )
    owner = session.scalars(select(Practitioner.id).filter_by(wecom_userid=head.userid)).one()
    for name, tree in _SEGMENTS.items():
        save_segment(session, Draft(name, tree), Actor("practitioner", owner), now)
