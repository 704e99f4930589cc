"""Whether two patient records may be one person: points for what agrees, with the reasons.

No score merges anything: it decides only what a person is asked to look at. The weights are our
own choice; a hospital's registry would fit them to its doubles.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from app.domain.intake.hospital_records import Gender

THRESHOLD: Final = 50  # from here a person is asked
LIKELY: Final = 85  # from here nothing but the decision is left


class Feature(StrEnum):
    """What is compared."""

    CITIZEN_NUMBER = "national-id"
    NAME = "name"
    BIRTH_DATE = "birth-date"
    GENDER = "gender"
    PHONE = "phone"


class Finding(StrEnum):
    """How the two compare in one feature; what either does not say is no finding."""

    SAME = "same"
    NEARLY = "nearly"  # one character off, or two exchanged: a slip of the pen
    DIFFERENT = "different"
    # The same citizen's number, but by the birth date in it it is a third person's, mostly a
    # parent's: it says nothing of these two.
    SOMEBODY_ELSES = "somebody-elses"


@dataclass(frozen=True, slots=True)
class Person:
    """What a record says of who somebody is."""

    name: str | None = None
    birth_date: date | None = None
    gender: Gender = Gender.UNKNOWN
    phone: str | None = None  # digits
    citizen_numbers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Match:
    """How alike two records are, 0–100, and why."""

    score: int
    findings: tuple[tuple[Feature, Finding], ...]

    @property
    def is_worth_asking(self) -> bool:
        return self.score >= THRESHOLD

    @property
    def reasons(self) -> list[str]:
        """Return the findings as codes that can be kept: `name:same`."""
        return [f"{feature}:{finding}" for feature, finding in self.findings]


_POINTS: Final = {
    (Feature.CITIZEN_NUMBER, Finding.SAME): 60,
    (Feature.CITIZEN_NUMBER, Finding.NEARLY): 0,
    (Feature.CITIZEN_NUMBER, Finding.DIFFERENT): -60,
    (Feature.CITIZEN_NUMBER, Finding.SOMEBODY_ELSES): 0,
    (Feature.NAME, Finding.SAME): 25,
    # Twins and siblings share all but the given name.
    (Feature.NAME, Finding.DIFFERENT): -40,
    (Feature.BIRTH_DATE, Finding.SAME): 25,
    (Feature.BIRTH_DATE, Finding.NEARLY): -10,
    (Feature.BIRTH_DATE, Finding.DIFFERENT): -40,
    (Feature.GENDER, Finding.SAME): 3,
    (Feature.GENDER, Finding.DIFFERENT): -25,
    (Feature.PHONE, Finding.SAME): 25,
    # People change their numbers, and families share one.
    (Feature.PHONE, Finding.DIFFERENT): 0,
}


def compare(one: Person, other: Person) -> Match:
    """Return how likely two records are one person.

    A citizen's number that agrees while the name or the birth date does not is a doubt and no
    more: children come with a parent's number.
    """
    findings = tuple(_findings(one, other))
    score = sum(_POINTS[finding] for finding in findings)
    found = dict(findings)
    if found.get(Feature.CITIZEN_NUMBER) is Finding.SAME:
        contrary = [
            feature
            for feature in (Feature.NAME, Feature.BIRTH_DATE, Feature.GENDER)
            if found.get(feature) in (Finding.DIFFERENT, Finding.NEARLY)
        ]
        if len(contrary) == 1:
            score = THRESHOLD
    return Match(max(0, min(100, score)), findings)


def _findings(one: Person, other: Person) -> Iterable[tuple[Feature, Finding]]:
    if one.citizen_numbers and other.citizen_numbers:
        yield Feature.CITIZEN_NUMBER, _compare_numbers(one, other)
    if one.name and other.name:
        is_same = _normal_name(one.name) == _normal_name(other.name)
        yield Feature.NAME, Finding.SAME if is_same else Finding.DIFFERENT
    if one.birth_date and other.birth_date:
        yield Feature.BIRTH_DATE, _compare_dates(one.birth_date, other.birth_date)
    stated = (Gender.MALE, Gender.FEMALE)
    if one.gender in stated and other.gender in stated:
        is_same = one.gender is other.gender
        yield Feature.GENDER, Finding.SAME if is_same else Finding.DIFFERENT
    if one.phone and other.phone:
        yield Feature.PHONE, Finding.SAME if one.phone == other.phone else Finding.DIFFERENT


def _compare_numbers(one: Person, other: Person) -> Finding:
    shared = one.citizen_numbers & other.citizen_numbers
    if not shared:
        near = (_is_slip(a, b) for a in one.citizen_numbers for b in other.citizen_numbers)
        return Finding.NEARLY if any(near) else Finding.DIFFERENT
    if all(_is_somebody_elses(number, one, other) for number in shared):
        return Finding.SOMEBODY_ELSES
    return Finding.SAME


def _is_somebody_elses(number: str, one: Person, other: Person) -> bool:
    """Tell whether the birth date in a number is not that of both (GB 11643: digits 7–14)."""
    if len(number) != 18 or not number[:17].isdigit():
        return False
    born = [person.birth_date for person in (one, other) if person.birth_date]
    right = [f"{day:%Y%m%d}" == number[6:14] for day in born]
    # Wrong for both, by one date that they agree on: siblings with a parent's number. Wrong for
    # one of them: that one has the other's.
    return bool(right) and not all(right) and (any(right) or len(set(born)) == 1 < len(born))


def _compare_dates(one: date, other: date) -> Finding:
    if one == other:
        return Finding.SAME
    is_slip = _is_slip(f"{one:%Y%m%d}", f"{other:%Y%m%d}")
    is_turned = one.year == other.year and (one.month, one.day) == (other.day, other.month)
    return Finding.NEARLY if is_slip or is_turned else Finding.DIFFERENT


def _is_slip(one: str, other: str) -> bool:
    """Tell whether two texts differ in one character, or in two neighbours exchanged."""
    if len(one) != len(other):
        return False
    places = [place for place, pair in enumerate(zip(one, other, strict=True)) if len({*pair}) > 1]
    if len(places) == 2:
        first, second = places
        return second == first + 1 and one[first] + one[second] == other[second] + other[first]
    return len(places) == 1


def _normal_name(name: str) -> str:
    """Return a name without what two desks write differently: width, case, blanks and dots."""
    plain = unicodedata.normalize("NFKC", name).upper()
    return "".join(letter for letter in plain if letter.isalnum())
