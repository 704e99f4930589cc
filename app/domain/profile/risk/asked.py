"""What answers of social history mean to a score: item and answer → value.

`72166-2` (tobacco) and `89555-7` (days of exercise in a week) are LOINC; the others are items of
our own (`app.domain.profile.social_history`).
"""

from collections.abc import Mapping
from typing import Final

from app.domain.profile.risk.findrisc import FIRST_DEGREE, NO_FAMILY, SECOND_DEGREE
from app.domain.profile.risk.frame import Value

# Need → item → answer → value. China-PAR asks who smokes now; CDRS asks for parents, brothers,
# sisters and children only.
MEANINGS: Final[Mapping[str, Mapping[str, Value]]] = {
    "smokes": {"every-day": True, "some-days": True, "former": False, "never": False},
    "is_active": {"5-7-days": True, "3-4-days": False, "1-2-days": False, "none": False},
    "eats_greens": {"yes": True, "no": False},
    "family_ascvd": {"yes": True, "no": False},
    "family_diabetes": {"first": True, "second": False, "none": False},
    "family_degree": {"first": FIRST_DEGREE, "second": SECOND_DEGREE, "none": NO_FAMILY},
    "is_urban": {"urban": True, "rural": False},
}
