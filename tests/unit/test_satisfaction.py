"""Figures of satisfaction, worked out by hand; the shipped form asks ten questions."""

from decimal import Decimal

from app.domain.plans.questionnaires import score, scores, validate
from app.domain.staff.satisfaction import FEWEST, OVERALL, figure
from app.integrations.pack_files import read_pack
from tests.conftest import ROOT

A, B = "reply-speed", "reminders"


def test_three_and_more_is_satisfied_and_few_forms_are_not_shown() -> None:
    forms = [{A: Decimal(a), B: Decimal(b)} for a, b in ((1, 5), (2, 3), (3, 3), (4, 2), (5, 5))]
    both, one = figure(forms), figure(forms, [A])
    assert (both.forms, both.answers, both.satisfied) == (5, 10, 7)
    assert (both.rate, both.mean) == (Decimal("70.0"), Decimal("3.30"))
    assert (one.rate, one.mean) == (Decimal("60.0"), Decimal("3.00"))
    few = figure(forms[: FEWEST - 1])
    assert (few.forms, few.rate, few.mean) == (4, None, None)
    assert figure([]).rate is None
    # Who did not answer a question does not count for it.
    assert figure([{A: Decimal(5)}, {B: Decimal(1)}], [A]).forms == 1


def test_the_form_has_ten_questions_with_a_scale_each() -> None:
    (form,) = read_pack(ROOT / "packs" / "satisfaction").questionnaires
    keys = [one.key for one in form.scales if one.key != OVERALL]
    assert len(keys) == 10
    answers = validate(form, dict.fromkeys(keys, "good") | {keys[0]: "poor", "complaint": False})
    found = {one.scale.key: one.value for one in scores(form, answers)}
    assert found[OVERALL] == Decimal("3.8")
    assert (found[keys[0]], found[keys[1]]) == (Decimal(2), Decimal(4))
    assert score(form, answers) is None
