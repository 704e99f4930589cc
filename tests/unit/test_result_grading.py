"""When a laboratory result is critical: whose limit, which side, and what cannot be told."""

from datetime import timedelta
from decimal import Decimal

import pytest

from app.domain.intake.hospital_records import Gender, ResultFlag
from app.domain.profile.critical_defaults import default_limits
from app.domain.profile.result_grading import (
    ResultLimit,
    Severity,
    Value,
    choose_limit,
    judge,
    severity_of,
    worse,
)

POTASSIUM = "2823-3"
LIMIT = ResultLimit(POTASSIUM, "mmol/L", Decimal("2.8"), Decimal("6.2"), "test")


def flag_of(text: str, limit: ResultLimit = LIMIT, previous: str | None = None) -> str | None:
    comparator = text.rstrip("0123456789.")
    value = Value(Decimal(text[len(comparator) :]), limit.unit, comparator)
    found = judge(value, limit, Decimal(previous) if previous else None)
    return found.flag.value if found else None


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        ("2.8", "LL"),
        ("2.81", None),
        ("6.19", None),
        ("6.2", "HH"),
        ("<2.5", "LL"),
        (">7.0", "HH"),
        (">2.5", None),
        ("<7.0", None),
    ],
)
def test_a_value_that_equals_a_limit_is_past_it(value: str, flag: str | None) -> None:
    assert flag_of(value) == flag


def test_a_value_in_another_unit_is_never_judged() -> None:
    assert judge(Value(Decimal("6.9"), "mg/dL"), LIMIT, None) is None


def test_the_nearest_authority_that_speaks_of_the_person_decides() -> None:
    dialysis = ResultLimit(
        POTASSIUM, "mmol/L", None, Decimal("5.5"), "nephrology", unless_conditions=("Z99.2",)
    )
    women = ResultLimit(POTASSIUM, "mmol/L", None, Decimal(6), "women", sex=Gender.FEMALE)
    limits = (dialysis, women, LIMIT)

    def chosen(sex: Gender, conditions: tuple[str, ...] = ()) -> str | None:
        found = choose_limit(limits, sex, 20_000, conditions)
        return found.basis if found else None

    assert chosen(Gender.MALE) == "nephrology"
    assert chosen(Gender.MALE, ("Z99.201",)) == "test"
    assert chosen(Gender.FEMALE, ("Z99.201",)) == "women"


def test_a_newborn_is_not_measured_by_an_adults_limit() -> None:
    limits = default_limits("14749-6")  # fasting glucose

    def basis(age_days: int | None) -> str | None:
        found = choose_limit(limits, Gender.UNKNOWN, age_days, ())
        return found.basis if found else None

    assert basis(27) == "default:newborn"
    assert basis(28) == basis(20_000) == basis(None) == "default:adult"


def test_a_value_known_to_be_so_high_is_no_news() -> None:
    creatinine = ResultLimit("14682-9", "umol/L", None, Decimal(650), "test", only_first=True)

    assert flag_of("700", creatinine) == "HH"
    assert flag_of("700", creatinine, previous="649") == "HH"
    assert flag_of("700", creatinine, previous="680") is None


@pytest.mark.parametrize(
    ("value", "previous", "percent", "flag"),
    [
        ("130", "100", "30", "HH"),
        ("129.9", "100", "30", None),
        ("130", None, "30", None),
        ("60", "100", "-40", "LL"),
        ("61", "100", "-40", None),
    ],
)
def test_a_change_is_judged_against_the_last_value(
    value: str, previous: str | None, percent: str, flag: str | None
) -> None:
    limit = ResultLimit(
        "14682-9", "umol/L", None, None, "test",
        delta_percent=Decimal(percent), delta_within=timedelta(days=14),
    )  # fmt: skip

    assert flag_of(value, limit, previous) == flag


def test_the_worse_of_two_flags_is_acted_on() -> None:
    high, critical = ResultFlag.HIGH, ResultFlag.CRITICALLY_HIGH

    assert worse(high, critical) is critical
    assert worse(critical, ResultFlag.NORMAL) is critical
    assert worse(None, high) is high
    assert worse(ResultFlag.NORMAL, None) is ResultFlag.NORMAL
    assert severity_of(None) is Severity.NORMAL
