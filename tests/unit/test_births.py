"""Ages as bitmaps: completed years as everywhere else, on any day, however one comes to it."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from app.domain.profile.patient_facts import Facts
from app.models.segments.index.attributes import birth_key
from app.models.segments.index.births import OLDEST, Births

LEAP = date(2000, 2, 29)
DAYS = st.one_of(
    st.dates(date(1880, 1, 1), date(2030, 12, 31)),
    st.sampled_from([LEAP, date(2000, 2, 28), date(2000, 3, 1), date(1960, 2, 29)]),
)
TODAY = st.one_of(
    st.dates(date(2023, 12, 20), date(2025, 1, 10)),
    st.sampled_from([date(2024, 2, 28), date(2024, 2, 29), date(2025, 2, 28), date(2025, 3, 1)]),
)


def age(born: date, day: date) -> int:
    at_noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    found = Facts(at_noon, ZoneInfo("UTC"), birth_on=born).age()
    assert found is not None
    return found


def made(born: dict[int, date]) -> Births:
    births = Births()
    for one, day in born.items():
        births.put(BitMap([one]), birth_key(day))
    return births


def assert_right(births: Births, born: dict[int, date], day: date) -> None:
    ages = {one: age(when, day) for one, when in born.items()}
    assert births.known == BitMap(born)
    for years in (-3, 0, 1, 18, 64, 65, 100, OLDEST, OLDEST + 1, OLDEST + 9):
        expected = BitMap(one for one, of in ages.items() if of >= years)
        assert births.at_least(years) == expected, years


# Beyond one page of ids, so that pages are joined rightly.
BORN = st.dictionaries(st.sampled_from([1, 2, 3, 65_535, 65_536, 200_000]), DAYS)


@settings(deadline=None)
@given(BORN, TODAY, st.lists(st.integers(-3, 40), max_size=4))
def test_ages_are_completed_years_however_the_days_go_by(
    born: dict[int, date], day: date, steps: list[int]
) -> None:
    births = made(born)
    births.move_to(day)
    assert_right(births, born, day)
    for step in steps:
        day += timedelta(days=step)
        births.move_to(day)
        assert_right(births, born, day)


@settings(deadline=None)
@given(BORN, BORN, TODAY)
def test_dates_that_change_move_people_to_their_age(
    born: dict[int, date], later: dict[int, date], day: date
) -> None:
    births = made(born)
    births.move_to(day)

    births.change(BitMap([1, 2, 65_536]), {
        one: birth_key(when) for one, when in later.items() if one in (1, 2, 65_536)
    })  # fmt: skip

    kept = {one: when for one, when in born.items() if one not in (1, 2, 65_536)}
    assert_right(births, kept | {o: w for o, w in later.items() if o in (1, 2, 65_536)}, day)
