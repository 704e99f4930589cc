"""What is left of names and numbers where they need not be seen whole."""

import pytest

from app.domain.profile.masking import list_name, masked_phone


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("李测", "李*"),
        ("李测试", "李*试"),
        ("欧阳演示", "欧**示"),
        ("李", "李*"),
        (None, "未登记姓名"),
    ],
)
def test_a_list_shows_the_ends_of_a_name(name: str | None, shown: str) -> None:
    assert list_name(name) == shown


@pytest.mark.parametrize(
    ("digits", "shown"),
    [("13800001234", "138****1234"), ("057112345678", "057****5678"), ("5551234", "****34")],
)
def test_a_number_is_never_shown_whole(digits: str, shown: str) -> None:
    assert masked_phone(digits) == shown
