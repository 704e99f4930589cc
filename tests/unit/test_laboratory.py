"""The laboratory catalogue says what the standards say, and contradicts itself nowhere."""

import csv
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from app.domain.intake.hospital_records import Gender, ResultFlag
from app.domain.intake.term_targets import read_target
from app.domain.intake.terminology import TermKind
from app.domain.profile.laboratory import LABORATORY_TESTS, judged_code
from app.domain.profile.laboratory_entry import LaboratoryTest, ReferenceInterval, months, years
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.profile.paediatric_intervals import PAEDIATRIC_INTERVALS
from app.domain.profile.reference_intervals import (
    interval_named,
    intervals_for,
    is_conflict,
    opinion,
)
from app.domain.profile.unit_spellings import UCUM_UNITS
from app.domain.profile.units import standardise

TODAY = date(2026, 5, 4)
GENDERS = {"M": [Gender.MALE], "F": [Gender.FEMALE], "A": [Gender.MALE, Gender.FEMALE]}
EVERY_TEST = pytest.mark.parametrize(
    "test", LABORATORY_TESTS.values(), ids=lambda t: t.abbreviation
)


def born(years_ago: int) -> date:
    return TODAY.replace(year=TODAY.year - years_ago)


def number(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def of_person(code: str, gender: Gender, born_on: date) -> ReferenceInterval:
    unit = LABORATORY_TESTS[code].unit
    found = [i for i in intervals_for(code, gender, born_on, TODAY) if i.unit == unit]
    assert len(found) == 1, (code, gender, born_on)
    return found[0]


# The catalogue in itself


@EVERY_TEST
def test_every_unit_is_ucum_and_every_number_plausible(test: LaboratoryTest) -> None:
    assert test.unit in UCUM_UNITS
    assert test.least < test.most
    stated = [
        end
        for limits in (*test.intervals, test.critical, test.critical_newborn)
        if limits is not None and getattr(limits, "unit", test.unit) == test.unit
        for end in (limits.low, limits.high)
        if end is not None
    ]
    assert all(test.least <= end <= test.most for end in stated)


@EVERY_TEST
def test_what_is_critical_is_outside_what_is_usual(test: LaboratoryTest) -> None:
    if test.critical is None or not test.intervals:
        return
    for usual in test.intervals:
        if test.critical.low is not None and usual.low is not None:
            assert test.critical.low < usual.low
        if test.critical.high is not None and usual.high is not None:
            assert test.critical.high > usual.high


def test_no_code_or_name_stands_for_two_tests() -> None:
    codes = [code for test in LABORATORY_TESTS.values() for code in (test.code, *test.siblings)]
    names = [
        name.casefold()
        for test in LABORATORY_TESTS.values()
        for name in {n.casefold() for n in (test.name, test.abbreviation, *test.names)}
    ]

    assert [code for code, times in Counter(codes).items() if times > 1] == []
    assert [name for name, times in Counter(names).items() if times > 1] == []


def test_every_loinc_code_has_its_check_digit() -> None:
    for test in LABORATORY_TESTS.values():
        for code in (test.code, *test.siblings):
            assert read_target(TermKind.OBSERVATION, code, {}).code == code


def test_every_adult_has_at_most_one_interval_per_test_and_unit() -> None:
    for test in LABORATORY_TESTS.values():
        for gender in (Gender.MALE, Gender.FEMALE):
            for age in range(18, 100):
                found = [i.id for i in intervals_for(test.code, gender, born(age), TODAY)]
                assert len(found) == len(set(found)) <= 2
                assert Counter(i.split("|")[-1] for i in found).most_common(1)[:1] in (
                    [], [(test.unit, 1)], [("mg/mmol", 1)],
                )  # fmt: skip


def test_the_catalogue_and_the_home_kinds_are_one_list() -> None:
    assert set(LABORATORY_TESTS) < set(OBSERVATION_KINDS)
    assert OBSERVATION_KINDS["4548-4"].name == "糖化血红蛋白"
    assert OBSERVATION_KINDS["15074-8"].most == Decimal("33.3")


# The catalogue and the reference facts


@pytest.mark.shared
def test_adult_facts_line_by_line(shared_data: Path) -> None:
    with (shared_data / "clinical" / "reference" / "labs_adult.csv").open(encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    assert len(rows) == 52
    for row in rows:
        test = LABORATORY_TESTS[row["loinc"]]
        assert test.name == row["zh"], row["key"]
        assert test.abbreviation == row["abbr"], row["key"]
        assert standardise(test.code, Decimal("7.5"), row["unit"]) == (Decimal("7.5"), test.unit)
        for sex, gender in (("male", Gender.MALE), ("female", Gender.FEMALE)):
            low, high = number(row[f"{sex}_low"]), number(row[f"{sex}_high"])
            if low is None and high is None:
                assert test.intervals == ()
                continue
            interval = of_person(test.code, gender, born(30))
            assert (interval.low, interval.high) == (low, high), (row["key"], sex)
        _check_critical(test, row)


def _check_critical(test: LaboratoryTest, row: dict[str, str]) -> None:
    high = row["seed_critical_high"]
    low_and_high = (
        number(row["seed_critical_low"]),
        # The 99th percentile of a kit is no number of ours.
        None if high == "99th pct" else number(high),
    )
    limits = test.critical_newborn if row["key"] == "tbil" else test.critical
    assert (limits.low, limits.high) == low_and_high if limits else low_and_high == (None, None)


@pytest.mark.shared
def test_paediatric_facts_line_by_line(shared_data: Path) -> None:
    path = shared_data / "clinical" / "reference" / "labs_paediatric_UNVERIFIED.csv"
    with path.open(encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    with (shared_data / "clinical" / "reference" / "labs_adult.csv").open(encoding="utf-8") as f:
        codes = {row["key"]: row["loinc"] for row in csv.DictReader(f)}
    assert len(rows) == 72
    for row in rows:
        since, until = int(row["age_days_from"]), int(row["age_days_to_exclusive"])
        # The facts count years of 365 days; ours begin on birthdays, some days off.
        for age in (since + 6, (since + until) // 2, until - 6):
            for gender in GENDERS[row["sex"]]:
                interval = of_person(codes[row["key"]], gender, TODAY - timedelta(days=age))
                assert (interval.low, interval.high) == (
                    number(row["low"]),
                    number(row["high"]),
                ), row
                assert not interval.is_verified


def test_women_from_fifty_and_everybody_from_sixty_have_their_own() -> None:
    woman = of_person("6768-6", Gender.FEMALE, born(50))
    man = of_person("14682-9", Gender.MALE, born(60))

    assert (woman.low, woman.high, woman.is_verified) == (Decimal(50), Decimal(135), False)
    assert (man.low, man.high) == (Decimal(57), Decimal(111))
    assert of_person("6768-6", Gender.FEMALE, born(50) + timedelta(days=1)).high == Decimal(100)
    assert list(intervals_for("14682-9", Gender.MALE, born(80), TODAY)) == []


# The second opinion


def test_the_same_value_is_high_in_an_adult_and_usual_in_a_child() -> None:
    child, adult = born(3), born(30)

    assert opinion("6768-6", Decimal(300), "U/L", Gender.MALE, child, TODAY) == (
        ResultFlag.NORMAL,
        "WS/T 780-2021|any|24m|U/L",
    )
    high = opinion("6768-6", Decimal(300), "U/L", Gender.MALE, adult, TODAY)
    assert high is not None
    assert high[0] is ResultFlag.HIGH


@pytest.mark.parametrize(
    ("code", "value", "unit", "expected"),
    [
        ("2823-3", "3.5", "mmol/L", ResultFlag.NORMAL),
        ("2823-3", "3.49", "mmol/L", ResultFlag.LOW),
        ("2823-3", "5.3", "mmol/L", ResultFlag.NORMAL),
        ("2823-3", "5.31", "mEq/L", ResultFlag.HIGH),
        # A guideline's "<5.2" leaves 5.2 outside.
        ("14647-2", "5.19", "mmol/L", ResultFlag.NORMAL),
        ("14647-2", "5.2", "mmol/L", ResultFlag.HIGH),
        ("14646-4", "0.99", "mmol/L", ResultFlag.LOW),
        ("2093-3", "240", "mg/dL", ResultFlag.HIGH),
        ("718-7", "10.2", "g/dL", ResultFlag.LOW),
        # KDIGO: 3 mg/mmol is A2, although it makes only 26.5 mg/g.
        ("14959-1", "3", "mg/mmol", ResultFlag.HIGH),
        ("14959-1", "29", "mg/g", ResultFlag.NORMAL),
        ("6301-6", "2.5", "", ResultFlag.HIGH),
    ],
)
def test_ends_are_read_as_the_source_means_them(
    code: str, value: str, unit: str, expected: ResultFlag
) -> None:
    found = opinion(code, Decimal(value), unit, Gender.FEMALE, born(40), TODAY)

    assert found is not None
    assert found[0] is expected
    assert interval_named(judged_code(code), found[1]) is not None


@pytest.mark.parametrize(
    ("code", "value", "unit", "gender", "born_on"),
    [
        ("2823-3", Decimal("6.9"), "", Gender.MALE, born(40)),  # no unit
        ("2823-3", Decimal("6.9"), "mg/dL", Gender.MALE, born(40)),  # no row of the table
        ("2823-3", Decimal("69"), "mmol/L", Gender.MALE, born(40)),  # cannot be true
        ("2823-3", "<2.8", "mmol/L", Gender.MALE, born(40)),
        ("2823-3", "1:320", "mmol/L", Gender.MALE, born(40)),
        ("2823-3", None, "mmol/L", Gender.MALE, born(40)),
        ("718-7", Decimal("140"), "g/L", None, born(40)),  # men and women differ
        ("718-7", Decimal("140"), "g/L", Gender.UNKNOWN, born(40)),
        ("6690-2", Decimal("20"), "10*9/L", Gender.MALE, TODAY - timedelta(days=27)),
        ("14682-9", Decimal("140"), "umol/L", Gender.MALE, born(80)),
        ("89579-7", Decimal("40"), "ng/L", Gender.MALE, born(40)),
        ("8302-2", Decimal("170"), "cm", Gender.MALE, born(40)),
    ],
)
def test_without_a_firm_ground_there_is_no_opinion(
    code: str, value: object, unit: str, gender: Gender | None, born_on: date
) -> None:
    assert opinion(code, value, unit, gender, born_on, TODAY) is None


@pytest.mark.parametrize(
    ("reported", "ours", "expected"),
    [
        (ResultFlag.HIGH, ResultFlag.HIGH, False),
        (ResultFlag.CRITICALLY_HIGH, ResultFlag.HIGH, False),
        (ResultFlag.ABNORMAL, ResultFlag.LOW, False),
        (ResultFlag.ABNORMAL, ResultFlag.NORMAL, True),
        (ResultFlag.NORMAL, ResultFlag.LOW, True),
        (ResultFlag.LOW, ResultFlag.HIGH, True),
    ],
)
def test_a_conflict_is_two_directions_not_two_strengths(
    reported: ResultFlag, ours: ResultFlag, expected: bool
) -> None:
    assert is_conflict(reported, ours) is expected


def test_an_age_in_months_begins_on_its_day() -> None:
    assert not months(6).is_reached(date(2025, 11, 5), TODAY)
    assert months(6).is_reached(date(2025, 11, 4), TODAY)
    # Born on 29 February: a year older on 1 March where there is no 29th.
    assert not years(1).is_reached(date(2024, 2, 29), date(2025, 2, 28))
    assert years(1).is_reached(date(2024, 2, 29), date(2025, 3, 1))


def test_every_paediatric_test_is_in_the_catalogue() -> None:
    assert set(PAEDIATRIC_INTERVALS) <= set(LABORATORY_TESTS)
