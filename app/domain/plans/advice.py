"""The reviewed words a patient sees at once after measuring or answering.

They are those of the pack's own rules, asked about what has just been said, so that phone and
alert never say different things. Nothing is generated (clinical fact sheet, G6).
"""

from collections.abc import Iterable

from app.domain.plans.rules import CompiledRule, Grade
from app.domain.profile.patient_facts import Facts


def advice(rules: Iterable[CompiledRule], facts: Facts) -> str | None:
    """Return the patient text of the gravest rule that `facts` fulfil, if any has one."""
    alerts = [
        (list(Grade).index(one.rule.grade), one.rule.alert.patient_text)
        for one in rules
        if one.rule.alert is not None and one.evaluate(facts) is not None
    ]
    return max(alerts)[1] if alerts else None
