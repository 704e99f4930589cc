"""Which records look like one person, and which only at first sight."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.intake.hospital_records import Gender
from app.domain.profile.matching import (
    LIKELY,
    THRESHOLD,
    Feature,
    Finding,
    Person,
    compare,
)

BORN = date(1961, 3, 9)
NUMBER = "990101196103094425"
LI = Person("李测试", BORN, Gender.FEMALE, "13800001234", frozenset({NUMBER}))
MOTHER = frozenset({"990101199001014421"})


def person(**changes: object) -> Person:
    return replace(LI, **changes)  # type: ignore[arg-type]


def test_all_the_same_is_as_likely_as_can_be() -> None:
    match = compare(LI, LI)

    assert match.score == 100
    assert match.reasons == [
        "national-id:same", "name:same", "birth-date:same", "gender:same", "phone:same",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        person(phone=None),
        person(phone="13900005678"),
        person(birth_date=None, phone=None),
        person(name="李 测试"),
    ],
)
def test_number_and_name_alike_leave_only_the_decision(other: Person) -> None:
    assert compare(LI, other).score >= LIKELY


@pytest.mark.parametrize(
    "other",
    [
        person(citizen_numbers=frozenset()),
        person(citizen_numbers=frozenset(), phone=None),
        person(citizen_numbers=frozenset(), phone="13900005678"),
        person(citizen_numbers=frozenset(), birth_date=None),
        person(citizen_numbers=frozenset({"990101196103094426"})),
    ],
)
def test_without_the_number_a_person_is_asked(other: Person) -> None:
    assert THRESHOLD <= compare(LI, other).score < LIKELY


def test_a_child_with_a_parents_number_is_not_the_parent() -> None:
    mother = Person("李母亲", date(1990, 1, 1), Gender.FEMALE, "13800001234", MOTHER)
    child = Person("李小小", date(2020, 5, 5), Gender.FEMALE, "13800001234", MOTHER)

    match = compare(mother, child)

    assert dict(match.findings)[Feature.CITIZEN_NUMBER] is Finding.SOMEBODY_ELSES
    assert not match.is_worth_asking


@pytest.mark.parametrize("numbers", [frozenset[str](), MOTHER])
@pytest.mark.parametrize("second", [Gender.FEMALE, Gender.MALE])
def test_twins_are_not_the_same(numbers: frozenset[str], second: Gender) -> None:
    one = Person("李大双", date(2020, 5, 5), Gender.FEMALE, "13800001234", numbers)
    other = Person("李小双", date(2020, 5, 5), second, "13800001234", numbers)

    assert not compare(one, other).is_worth_asking


def test_grown_twins_have_numbers_one_after_the_other() -> None:
    one = person(name="李大双", citizen_numbers=frozenset({"990101196103094425"}))
    other = person(name="李小双", citizen_numbers=frozenset({"990101196103094441"}))

    assert not compare(one, other).is_worth_asking


@pytest.mark.parametrize(
    "other",
    [person(name="王测试"), person(birth_date=date(1961, 3, 8)), person(gender=Gender.MALE)],
)
def test_one_number_with_one_contradiction_is_a_doubt_and_no_more(other: Person) -> None:
    match = compare(person(citizen_numbers=frozenset({"12345"})), replace(
        other, citizen_numbers=frozenset({"12345"})
    ))  # fmt: skip

    assert match.score == THRESHOLD
    assert match.is_worth_asking


def test_two_numbers_outweigh_all_that_namesakes_share() -> None:
    other = person(citizen_numbers=frozenset({"990101196103099999"}))

    assert not compare(LI, other).is_worth_asking


def test_a_family_that_shares_a_phone_is_not_asked_about() -> None:
    husband = Person("王测试", date(1960, 1, 1), Gender.MALE, LI.phone)

    assert compare(LI, husband).score == 0


def test_what_is_not_known_is_no_finding() -> None:
    assert compare(Person(), LI).findings == ()
    assert compare(Person(), LI).score == 0


@pytest.mark.parametrize(
    ("other", "finding"),
    [
        (date(1961, 9, 3), Finding.NEARLY),
        (date(1961, 3, 8), Finding.NEARLY),
        (date(1961, 12, 25), Finding.DIFFERENT),
    ],
)
def test_a_slip_in_a_date_counts_less_than_another_date(other: date, finding: Finding) -> None:
    match = compare(LI, person(birth_date=other, citizen_numbers=frozenset()))

    assert dict(match.findings)[Feature.BIRTH_DATE] is finding


people = st.builds(
    Person,
    name=st.sampled_from([None, "李测试", "李大双", "王芳"]),
    birth_date=st.sampled_from([None, BORN, date(1961, 9, 3), date(1990, 1, 1)]),
    gender=st.sampled_from(list(Gender)),
    phone=st.sampled_from([None, "13800001234", "13900005678"]),
    citizen_numbers=st.sampled_from([frozenset(), frozenset({NUMBER}), MOTHER]),
)


@given(one=people, other=people)
def test_who_is_asked_first_does_not_matter(one: Person, other: Person) -> None:
    assert compare(one, other) == compare(other, one)
    assert 0 <= compare(one, other).score <= 100


@given(one=people, other=people)
def test_nobody_of_another_name_is_ever_called_likely(one: Person, other: Person) -> None:
    if one.name and other.name and one.name != other.name:
        assert compare(one, other).score <= THRESHOLD
