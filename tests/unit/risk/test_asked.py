"""Every answer that means something to a score can be given, and only those mean something."""

import pytest

from app.domain.profile.risk.asked import MEANINGS
from app.domain.profile.risk.library import SCORES
from app.domain.profile.social_history import SOCIAL_ITEMS, require_answer

ASKED = [
    (need.key, need.social) for score in SCORES.values() for need in score.needs if need.social
]


@pytest.mark.parametrize(("need", "item"), sorted(set(ASKED)))
def test_what_a_score_asks_of_a_life_can_be_answered(need: str, item: str) -> None:
    answers = SOCIAL_ITEMS[item].answers

    assert set(MEANINGS[need]) == set(answers)
    for answer in answers:
        assert require_answer(item, answer).code == item
