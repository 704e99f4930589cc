"""HL7 times are the hospital's own unless they say otherwise; birthdays have no zone."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.integrations.hl7.timestamps import read_date, read_instant

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026", datetime(2025, 12, 31, 16, tzinfo=UTC)),
        ("202605", datetime(2026, 4, 30, 16, tzinfo=UTC)),
        ("20260504", datetime(2026, 5, 3, 16, tzinfo=UTC)),
        ("2026050409", datetime(2026, 5, 4, 1, tzinfo=UTC)),
        ("202605040930", datetime(2026, 5, 4, 1, 30, tzinfo=UTC)),
        ("20260504093015", datetime(2026, 5, 4, 1, 30, 15, tzinfo=UTC)),
        ("20260504093015.25", datetime(2026, 5, 4, 1, 30, 15, 250000, tzinfo=UTC)),
        ("20260504093015637", datetime(2026, 5, 4, 1, 30, 15, 637000, tzinfo=UTC)),
        ("20260504093015-0500", datetime(2026, 5, 4, 14, 30, 15, tzinfo=UTC)),
        ("20260504093015.1+0000", datetime(2026, 5, 4, 9, 30, 15, 100000, tzinfo=UTC)),
        ("20260504240000", datetime(2026, 5, 4, 16, tzinfo=UTC)),
        ("20260504235960", datetime(2026, 5, 4, 15, 59, 59, tzinfo=UTC)),
        ("2026-05-04 09:30:15", datetime(2026, 5, 4, 1, 30, 15, tzinfo=UTC)),
        ("2026/5/4", datetime(2026, 5, 3, 16, tzinfo=UTC)),
    ],
)
def test_instants_are_utc(text: str, expected: datetime) -> None:
    assert read_instant(text, SHANGHAI) == expected


@pytest.mark.parametrize(
    "text", ["", "0", "202", "20261301", "20260230", "2026050425", "20260504093015+9900", "明天"]
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert read_instant(text, SHANGHAI) is None


def test_a_birthday_never_moves_with_a_zone() -> None:
    for text in ("19700101", "19700101000000", "197001012330-0500", "1970-01-01"):
        assert read_date(text) == date(1970, 1, 1)


def test_a_bare_year_is_no_birthday() -> None:
    assert read_date("1970") is None
    assert read_date("197001") is None
    assert read_date("19700000") is None


@given(st.text(alphabet="0123456789+-.: /T", max_size=24))
def test_no_text_breaks_the_reader(text: str) -> None:
    moment = read_instant(text, SHANGHAI)
    assert moment is None or moment.tzinfo is UTC
    assert read_date(text) is None or isinstance(read_date(text), date)
