"""What every score has in common: what it needs, what it says, and why it may say nothing.

A score is a table of needs and one pure function. The frame looks at what is known first: an input
that is missing, in no usable unit, outside the score's range or too old is a reason, in Chinese,
and all reasons are given at once. Points and formulas are facts; each file cites its paper.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Final, TypeAlias

from app.domain.intake.hospital_records import Gender

Value: TypeAlias = Decimal | bool | str

AGE: Final = "age"  # completed years on the hospital's today
GENDER: Final = "gender"  # Gender's word


@dataclass(frozen=True, slots=True)
class Need:
    """One input of a score.

    `codes` are LOINC, the preferred first; `unit` is UCUM; `icd10` are beginnings of codes whose
    presence makes a truth true; `social` is the code of an item of social history. `least` and
    `most` are what the score was made for, both included. `wakes` are what else an event must be
    about to change it.
    """

    key: str
    name: str
    unit: str = ""
    codes: tuple[str, ...] = ()
    icd10: tuple[str, ...] = ()
    social: str = ""
    least: Decimal | None = None
    most: Decimal | None = None
    max_age: timedelta | None = None
    is_optional: bool = False
    wakes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """A known input: `row` names where it stands ("observation:12"), `note` how it was found."""

    value: Value
    at: datetime | None = None
    row: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """An input that was looked for; `reason` is a Chinese sentence without its full stop."""

    reason: str


Inputs: TypeAlias = Mapping[str, Given | Unknown]


class Effect(StrEnum):
    """In what an input's share is told."""

    POINTS = "points"
    TERM = "term"  # is added, in the unit of the result
    FACTOR = "factor"  # multiplies; of a risk: so many times that of the reference


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one input adds; `is_lever` is false for what nobody should try to change."""

    key: str
    amount: Decimal
    effect: Effect = Effect.POINTS
    note: str = ""
    is_lever: bool = True


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a score says; `meaning` is one Chinese sentence."""

    value: Decimal
    band: str
    meaning: str
    contributions: tuple[Contribution, ...] = ()


@dataclass(frozen=True, slots=True)
class NotComputable:
    """Why a score says nothing: every reason, in Chinese."""

    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """The inputs of one patient after the frame looked at them."""

    inputs: Mapping[str, Given]

    def number(self, key: str) -> Decimal:
        value = self.inputs[key].value
        if isinstance(value, Decimal):
            return value
        raise TypeError(f"{key} is no number")

    def truth(self, key: str) -> bool:
        value = self.inputs[key].value
        if isinstance(value, bool):
            return value
        raise TypeError(f"{key} is no truth")

    def word(self, key: str) -> str:
        value = self.inputs[key].value
        if isinstance(value, str):
            return value
        raise TypeError(f"{key} is no word")

    def has(self, key: str) -> bool:
        return key in self.inputs

    @property
    def age(self) -> int:
        return int(self.number(AGE))

    @property
    def is_male(self) -> bool:
        return self.word(GENDER) == Gender.MALE


@dataclass(frozen=True, slots=True)
class Result:
    """What a formula returns: the frame adds the band's sentence."""

    value: Decimal
    contributions: tuple[Contribution, ...] = ()


@dataclass(frozen=True, slots=True)
class Band:
    """Values from `least` on; `name` is shown, `key` kept."""

    key: str
    name: str
    least: Decimal | None = None  # None: the lowest


@dataclass(frozen=True, slots=True)
class Score:
    """A published score or formula; `anchors` are the inputs without all of which nobody asks."""

    key: str
    name: str
    version: str
    source: str
    needs: tuple[Need, ...]
    rate: Callable[[Known], Result]
    bands: tuple[Band, ...]
    meaning: Callable[[Decimal, Band], str]
    anchors: tuple[str, ...]
    unit: str = ""
    least_age: int | None = None
    most_age: int | None = None
    needs_gender: bool = False
    # Anything else that makes the score the wrong one for this patient, in Chinese.
    unfit: Callable[[Known], str | None] = field(default=lambda _: None)

    def is_asked(self, inputs: Inputs) -> bool:
        """Tell whether the age fits and anything is known that makes the question sensible."""
        age = inputs.get(AGE)
        if isinstance(age, Given) and not self._fits_age(age.value):
            return False
        return any(_is_sign(inputs.get(key)) for key in self.anchors)

    def compute(self, inputs: Inputs, now: datetime) -> Assessment | NotComputable:
        """Return what the score says, or every reason why it says nothing."""
        reasons = [*self._about_the_person(inputs)]
        usable: dict[str, Given] = {
            key: given for key in (AGE, GENDER) if isinstance(given := inputs.get(key), Given)
        }
        for need in self.needs:
            found = look(need, inputs.get(need.key), now)
            if isinstance(found, Given):
                usable[need.key] = found
            elif not need.is_optional:
                reasons.append(found.reason)
        known = Known(usable)
        if not reasons and (why := self.unfit(known)):
            reasons.append(why)
        if reasons:
            return NotComputable(tuple(reasons))
        result = self.rate(known)
        band = self.band_of(result.value)
        sentence = self.meaning(result.value, band)
        return Assessment(result.value, band.key, sentence, result.contributions)

    def band_of(self, value: Decimal) -> Band:
        fitting = self.bands[0]
        for band in self.bands:
            if band.least is None or value >= band.least:
                fitting = band
        return fitting

    def _about_the_person(self, inputs: Inputs) -> list[str]:
        reasons = []
        if self.least_age is not None or self.most_age is not None:
            age = inputs.get(AGE)
            if not isinstance(age, Given):
                reasons.append("缺少出生日期")
            elif not self._fits_age(age.value):
                reasons.append(f"年龄 {age.value} 岁，这个评分只适用于{self.ages}")
        if self.needs_gender:
            gender = inputs.get(GENDER)
            if not isinstance(gender, Given) or gender.value not in (Gender.MALE, Gender.FEMALE):
                reasons.append("性别不明")
        return reasons

    def _fits_age(self, age: Value) -> bool:
        return isinstance(age, Decimal) and (
            (self.least_age is None or age >= self.least_age)
            and (self.most_age is None or age <= self.most_age)
        )

    @property
    def ages(self) -> str:
        """The ages it was made for, in Chinese."""
        if self.most_age is None:
            return f"{self.least_age} 岁及以上"
        return f"{self.least_age}–{self.most_age} 岁"


def look(need: Need, found: Given | Unknown | None, now: datetime) -> Given | Unknown:
    """Return the input if the score may use it, else why not."""
    if found is None:
        return Unknown(f"缺少{need.name}")
    if isinstance(found, Unknown):
        return found
    if need.max_age is not None and found.at is not None and now - found.at > need.max_age:
        days = (now - found.at).days
        return Unknown(f"{need.name}是 {days} 天前的，超过 {need.max_age.days} 天不能再用")
    if isinstance(found.value, Decimal):
        told = f"{need.name} {plain(found.value)}"
        if need.least is not None and found.value < need.least:
            return Unknown(f"{told} 低于评分适用范围（{plain(need.least)} 起）")
        if need.most is not None and found.value > need.most:
            return Unknown(f"{told} 高于评分适用范围（至 {plain(need.most)}）")
    return found


def rounded(value: float | Decimal, places: str = "1") -> Decimal:
    """Return a number rounded half up to a multiple of `places` (0.1, 1)."""
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    return exact.quantize(Decimal(places), ROUND_HALF_UP)


def plain(value: Decimal) -> str:
    """Return 2.5 for 2.500000 and 100 for 1E+2."""
    shown = f"{value:f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def points(known: Known, given: Mapping[str, int]) -> Result:
    """Return a sum of points, each with its input."""
    shares = tuple(Contribution(key, Decimal(number)) for key, number in given.items())
    return Result(Decimal(sum(given.values())), shares)


def step(value: Decimal, *steps: tuple[str, int]) -> int:
    """Return the points of the last step that `value` reaches; below the first it is none."""
    reached = 0
    for least, gained in steps:
        if value >= Decimal(least):
            reached = gained
    return reached


def _is_sign(found: Given | Unknown | None) -> bool:
    return isinstance(found, Given) and found.value is not False
