"""Coming into a plan again: what a machine may do, and when a no still holds."""

from datetime import date, timedelta

import pytest

from app.domain.plans.enrolling import (
    Earlier,
    EndReason,
    ReEntry,
    Rule,
    Verdict,
    is_declined,
    judge_entry,
)
from app.domain.plans.plan import Anchor

TODAY = date(2026, 5, 4)
BEFORE = TODAY - timedelta(days=40)
ENDED = Earlier(BEFORE, BEFORE + timedelta(days=30), EndReason.COMPLETED)
OPEN = Earlier(BEFORE, None)
SAID_NO = Earlier(BEFORE, BEFORE, EndReason.OPTED_OUT)


@pytest.mark.parametrize(
    ("rule", "anchor", "earlier", "anchor_on", "verdict"),
    [
        (Rule(), Anchor.DISCHARGE, None, TODAY, Verdict.BEGIN),
        (Rule(), Anchor.SURGERY, None, None, Verdict.PROPOSE),
        (Rule(), Anchor.DISCHARGE, OPEN, TODAY, Verdict.BEGIN),
        (Rule(), Anchor.DISCHARGE, OPEN, BEFORE, Verdict.NO),
        (Rule(), Anchor.ENROLMENT, OPEN, TODAY, Verdict.NO),
        (Rule(), Anchor.ENROLMENT, ENDED, TODAY, Verdict.NO),
        (Rule(), Anchor.DISCHARGE, ENDED, TODAY, Verdict.BEGIN),
        (Rule(), Anchor.DISCHARGE, SAID_NO, TODAY, Verdict.PROPOSE),
        (Rule(ReEntry.NEVER), Anchor.DISCHARGE, ENDED, TODAY, Verdict.NO),
        (Rule(ReEntry.AFTER_DAYS, 10), Anchor.ENROLMENT, ENDED, TODAY, Verdict.BEGIN),
        (Rule(ReEntry.AFTER_DAYS, 11), Anchor.ENROLMENT, ENDED, TODAY, Verdict.NO),
        (Rule(ReEntry.AFTER_DAYS, 1), Anchor.ENROLMENT, OPEN, TODAY, Verdict.NO),
        (Rule(ReEntry.AFTER_DAYS, 1), Anchor.ENROLMENT, SAID_NO, TODAY, Verdict.PROPOSE),
    ],
)
def test_who_was_on_a_plan_comes_again_as_its_rule_says(
    rule: Rule, anchor: Anchor, earlier: Earlier | None, anchor_on: date | None, verdict: Verdict
) -> None:
    assert judge_entry(rule, anchor, earlier, anchor_on, TODAY) is verdict


def test_a_no_holds_for_ninety_days_or_until_something_new_happened() -> None:
    assert is_declined(TODAY - timedelta(days=89), None, None, TODAY)
    assert not is_declined(TODAY - timedelta(days=90), None, None, TODAY)
    assert is_declined(BEFORE, BEFORE, BEFORE, TODAY)
    assert not is_declined(BEFORE, BEFORE, TODAY, TODAY)
