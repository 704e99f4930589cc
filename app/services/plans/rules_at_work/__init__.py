"""Rules as those who answer for them see them: read, rehearsed on the past, switched off and on."""

from app.services.plans.rules_at_work.reading import (
    FiringLine,
    RuleLine,
    SampleLine,
    find_rule,
    firings_of,
    list_rules,
    samples_for,
)
from app.services.plans.rules_at_work.rehearsing import rehearse
from app.services.plans.rules_at_work.switching import (
    UnknownRule,
    switch_off,
    switch_on,
)

__all__ = [
    "FiringLine",
    "RuleLine",
    "SampleLine",
    "UnknownRule",
    "find_rule",
    "firings_of",
    "list_rules",
    "rehearse",
    "samples_for",
    "switch_off",
    "switch_on",
]
