"""A tree as one query: every leaf a set of patients, or a test of the patient's own row.

Holds for exactly those for whom the closures of `app.domain.criteria.compiler` hold over
`load_facts`; a property test says so. One difference is meant: closures refuse or shorten a look
back over thousands of values of one patient (`patient_facts.MOST_VALUES`), a query reads them all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, not_, or_, select

from app.domain.criteria.comparing import Comparator
from app.domain.criteria.for_segments import for_segments
from app.domain.criteria.population import (
    AtRisk,
    InDepartment,
    Interacted,
    IsGender,
    LivesIn,
    Measured,
    Medicated,
    OnPlan,
    Prefers,
    Reach,
    Reachable,
    Scored,
    Visited,
)
from app.domain.criteria.tree import (
    ActiveCondition,
    Age,
    All,
    Change,
    Count,
    Criterion,
    HasTag,
    Latest,
    Leaf,
    Missed,
    Not,
)
from app.domain.criteria.tree import Any as AnyOf
from app.domain.criteria.trends import Mean, OfLast, Rise
from app.domain.profile.tag_tree import TagTree
from app.models.profile.patient import Patient
from app.models.segments.criteria_sql import care, doings, results
from app.models.segments.criteria_sql.comparing import begins_with, is_exactly
from app.models.trust.reach import reached_by


def base_population() -> ColumnElement[bool]:
    """Return who any segment is chosen from: the living, each by the record that speaks for them.

    `Not` means the rest of these.
    """
    return Patient.merged_into_id.is_(None) & Patient.deceased_at.is_(None)


def matching(criterion: Criterion, now: datetime, zone: ZoneInfo, tree: TagTree) -> Select[int]:
    """Select the ids of the patients of the base population for whom a criterion holds.

    `zone` is the hospital's: birthdays come at its midnight.

    :raises NotForSegments: a leaf that no query can answer
    """
    for_segments(criterion)
    asked = _Asked(now, zone, tree)
    return select(Patient.id).where(base_population(), asked.holds(criterion))


def matching_leaf(leaf: Leaf, now: datetime, zone: ZoneInfo, tree: TagTree) -> Select[int]:
    """Select the ids of all patients for whom one leaf holds, the dead and merged among them.

    For whoever holds the base population themselves; a patient may be named more than once.

    :raises NotForSegments: a leaf that no query can answer
    """
    for_segments(leaf)
    asked = _Asked(now, zone, tree)
    own = asked.of_the_row(leaf)
    return asked.patients(leaf) if own is None else select(Patient.id).where(own)


@dataclass(frozen=True, slots=True)
class _Asked:
    """When and where a tree is asked, and with which tree of tags."""

    now: datetime
    zone: ZoneInfo
    tree: TagTree

    def holds(self, criterion: Criterion) -> ColumnElement[bool]:
        """Return the test of a patient; true or false and never NULL, so `not` may turn it."""
        match criterion:
            case All(items):
                return and_(*(self.holds(item) for item in items))
            case AnyOf(items):
                return or_(*(self.holds(item) for item in items))
            case Not(item):
                return not_(self.holds(item))
        own = self.of_the_row(criterion)
        return Patient.id.in_(self.patients(criterion)) if own is None else own

    def of_the_row(self, leaf: Leaf) -> ColumnElement[bool] | None:
        """Return the test of a leaf that the patient's own row answers; None for any other."""
        match leaf:
            case Age(op, years):
                return self._age(op, years)
            case IsGender(gender):
                return Patient.gender == gender
            case InDepartment(code):
                return Patient.department_code.is_not(None) & is_exactly(
                    Patient.department_code, code
                )
            case LivesIn(region):
                return Patient.region.is_not(None) & begins_with(Patient.region, region)
            case Reachable(Reach.PHONE):
                return Patient.phone_index.is_not(None)
        return None

    def patients(self, leaf: Leaf) -> Select[int]:
        """Select the ids of the patients for whom a leaf about something of theirs holds."""
        match leaf:
            case HasTag(key):
                return care.tagged(self.tree.below(key))
            case Reachable(by):
                return reached_by(by)
        return _SETS[type(leaf)](leaf, self.now)

    def _age(self, op: Comparator, years: int) -> ColumnElement[bool]:
        """Return the test of completed years as one of the day of birth."""
        today = self.now.astimezone(self.zone).date()
        # Who is at least so old was born by that day.
        old = Patient.birth_date <= latest_birth(today, years)
        older = Patient.birth_date <= latest_birth(today, years + 1)
        met = {
            Comparator.AT_LEAST: old,
            Comparator.LESS: not_(old),
            Comparator.MORE: older,
            Comparator.AT_MOST: not_(older),
            Comparator.EQUAL: and_(old, not_(older)),
        }[op]
        return Patient.birth_date.is_not(None) & met


_SETS: Final[Mapping[type, Callable[[Any, datetime], Select[int]]]] = {
    Latest: results.latest,
    Count: results.count,
    Change: results.change,
    OfLast: results.of_last,
    Mean: results.mean,
    Rise: results.rise,
    Measured: results.measured,
    ActiveCondition: care.diagnosed,
    Medicated: care.medicated,
    OnPlan: care.on_plan,
    Visited: care.visited,
    AtRisk: care.at_risk,
    Missed: doings.missed,
    Scored: doings.scored,
    Interacted: doings.interacted,
    Prefers: doings.prefers,
}


def latest_birth(today: date, years: int) -> date:
    """Return the last day of birth of those who have completed so many years.

    Who was born on 29 February has their birthday on 1 March of other years.
    """
    try:
        return today.replace(year=today.year - years)
    except ValueError:  # 29 February
        return date(today.year - years, 2, 28)
