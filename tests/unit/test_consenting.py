"""Consent texts, and until when a guardian decides."""

from datetime import date

import pytest

from app.domain.profile.masking import masked_name, masked_phone
from app.domain.trust.consenting import CURRENT_TEXTS, ConsentPurpose, needs_guardian


@pytest.mark.parametrize(
    ("born", "today", "needed"),
    [
        (date(2012, 5, 5), date(2026, 5, 4), True),
        (date(2012, 5, 5), date(2026, 5, 5), False),
        (date(2012, 2, 29), date(2026, 2, 28), True),
        (date(2012, 2, 29), date(2026, 3, 1), False),
        (date(2026, 5, 4), date(2026, 5, 4), True),
        (None, date(2026, 5, 4), False),
    ],
)
def test_a_guardian_decides_until_the_fourteenth_birthday(
    born: date | None, today: date, needed: bool
) -> None:
    assert needs_guardian(born, today) is needed


def test_every_purpose_has_words_and_changed_words_another_digest() -> None:
    assert set(CURRENT_TEXTS) == set(ConsentPurpose)
    assert len({text.digest for text in CURRENT_TEXTS.values()}) == len(CURRENT_TEXTS)
    assert all(len(text.digest) == 32 for text in CURRENT_TEXTS.values())


def test_a_mask_hides_the_given_name_and_the_middle_of_a_number() -> None:
    assert masked_name("欧阳测试") == masked_name("欧") == "欧*"
    assert masked_phone("13800001234") == "138****1234"
