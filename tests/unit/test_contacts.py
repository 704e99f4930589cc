"""What follows from a call: the next one at a decent hour, a check, a second look."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.domain.staff.alerting import Outcome
from app.domain.staff.contacts import StaffTaskKind, calling_hour, consequence

ZONE = ZoneInfo("Asia/Shanghai")


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 5, day, hour, minute, tzinfo=ZONE).astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (at(4, 8, 29), at(4, 8, 30)),
        (at(4, 8, 30), at(4, 8, 30)),
        (at(4, 19, 59), at(4, 19, 59)),
        (at(4, 20, 0), at(5, 8, 30)),
        (at(4, 23, 59), at(5, 8, 30)),
        (at(31, 21), at(31, 8, 30) + timedelta(days=1)),
        (at(4, 0), at(4, 8, 30)),
    ],
)
def test_nobody_is_called_at_night(moment: datetime, expected: datetime) -> None:
    assert calling_hour(moment, ZONE) == expected


@pytest.mark.parametrize(
    ("outcome", "tries", "is_over", "call_at", "follow_up"),
    [
        (Outcome.REACHED, 1, True, None, None),
        (Outcome.REFERRED, 1, True, None, None),
        (Outcome.NO_ANSWER, 1, False, at(4, 19), None),
        (Outcome.NO_ANSWER, 2, False, at(4, 19), None),
        (Outcome.NO_ANSWER, 3, True, None, StaffTaskKind.CONTACT_CHECK),
        (Outcome.CALL_LATER, 9, False, at(4, 17), None),
        (Outcome.WRONG_NUMBER, 1, True, None, StaffTaskKind.CONTACT_CHECK),
        (Outcome.REFUSED, 1, True, None, StaffTaskKind.CONFIRM_REFUSAL),
        (Outcome.MOVED, 1, True, None, StaffTaskKind.CONFIRM_MOVE),
        (Outcome.DIED, 1, True, None, StaffTaskKind.CONFIRM_DEATH),
    ],
)
def test_every_outcome_has_its_consequence(
    outcome: Outcome,
    tries: int,
    is_over: bool,
    call_at: datetime | None,
    follow_up: StaffTaskKind | None,
) -> None:
    found = consequence(outcome, tries, None, at(4, 15), ZONE)
    assert (found.is_over, found.call_at) == (is_over, call_at)
    assert (found.follow_up.kind if found.follow_up else None) == follow_up


def test_who_names_an_hour_is_called_then() -> None:
    wanted = at(9, 19, 30)
    for outcome in (Outcome.CALL_LATER, Outcome.NO_ANSWER):
        assert consequence(outcome, 1, wanted, at(4, 15), ZONE).call_at == wanted
