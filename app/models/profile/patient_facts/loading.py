"""The facts of one patient, as far as somebody needs them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.domain.criteria.needs import EVERYTHING, FactGroup, FactNeeds
from app.domain.profile.patient_facts import Facts
from app.models.profile.patient_facts import doings, recorded
from app.models.profile.patient_facts.asked import Asked
from app.models.profile.patient_facts.measured import observations

# Which facts a group fills and the one query (tags: two at most) that fetches them.
_LOADERS: Final[Mapping[FactGroup, tuple[str, Callable[[Asked], Any]]]] = {
    FactGroup.REACH: ("reach", recorded.reach),
    FactGroup.CONDITIONS: ("conditions", recorded.conditions),
    FactGroup.MEDICATIONS: ("medications", recorded.medications),
    FactGroup.TAGS: ("tags", recorded.tags),
    FactGroup.VISITS: ("visits", recorded.visits),
    FactGroup.PLANS: ("plans", recorded.plans),
    FactGroup.CALENDAR: ("scheduled", doings.calendar),
    FactGroup.TASKS: ("settled_tasks", doings.settled_tasks),
    FactGroup.SCORES: ("answers", doings.scores),
    FactGroup.ANSWERS: ("answers", doings.answers),
    FactGroup.RISKS: ("risks", recorded.risks),
    FactGroup.PREFERENCES: ("preferences", doings.preferences),
}


def load_facts(
    session: Session,
    patient_id: int,
    now: datetime,
    zone: ZoneInfo,
    needs: FactNeeds = EVERYTHING,
    *,
    as_of: datetime | None = None,
) -> Facts:
    """Return the facts of one patient; each group that nobody needs saves a query.

    `as_of` is the earlier instant as which they will be asked (`Facts.as_of`): one looks back
    from there.
    """
    asked = Asked(session, patient_id, min(now, as_of or now), now)
    groups = set(needs.groups)
    if FactGroup.ANSWERS in groups:
        groups.discard(FactGroup.SCORES)  # they come with the answers
    found = {_LOADERS[group][0]: _LOADERS[group][1](asked) for group in groups & _LOADERS.keys()}
    if FactGroup.PERSON in groups:
        found |= recorded.person(asked)
    return Facts(
        now=now,
        zone=zone,
        observations=observations(asked, needs.observations),
        interactions=doings.interactions(asked, needs.interactions),
        **found,
    )
