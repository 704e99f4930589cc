"""Critical limits where no department has signed its own: the catalogue's starting values.

They are shown to staff and wake a clinician; no patient hears of one before a clinician says so.
"""

from app.domain.profile.laboratory import LABORATORY_TESTS
from app.domain.profile.laboratory_entry import CriticalLimits
from app.domain.profile.result_grading import ResultLimit

_NEWBORN_DAYS = 28


def default_limits(code: str) -> tuple[ResultLimit, ...]:
    """Return the limits of a LOINC code, newborns' first; empty where the catalogue has none."""
    test = LABORATORY_TESTS.get(code)
    if test is None:
        return ()
    found = []
    if test.critical_newborn is not None:
        found.append(_limit(code, test.unit, test.critical_newborn, until=_NEWBORN_DAYS))
    if test.critical is not None:
        # A child under 28 days without limits of its own is not measured by an adult's.
        found.append(_limit(code, test.unit, test.critical, since=_NEWBORN_DAYS))
    return tuple(found)


def _limit(
    code: str, unit: str, limits: CriticalLimits, since: int = 0, until: int | None = None
) -> ResultLimit:
    return ResultLimit(
        code=code,
        unit=unit,
        critical_low=limits.low,
        critical_high=limits.high,
        basis="default:newborn" if until else "default:adult",
        age_from_days=since,
        age_until_days=until,
        only_first=limits.is_first_only,
    )
