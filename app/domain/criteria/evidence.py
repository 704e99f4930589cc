"""What a check returns: why a criterion held."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from app.domain.criteria.tree import Criterion
from app.domain.profile.patient_facts import Facts


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why one leaf (or a `not`) held; `shown` and `at` are the value and time that decided.

    This is health data: keep it encrypted, never in a log.
    """

    criterion: Criterion
    shown: str | None = None
    at: datetime | None = None


Check: TypeAlias = Callable[[Facts], tuple[Evidence, ...] | None]
