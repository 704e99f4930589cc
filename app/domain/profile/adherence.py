"""How much of a time a medicine was at hand: the proportion of days covered (PDC).

PDC is the days covered by what was dispensed, divided by the days of the period, at most 1; supply
that overlaps is carried over; 0.80 and more counts as adherent (Pharmacy Quality Alliance). It
tells what was fetched, not what was swallowed: answered reminders are counted apart.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

ADHERENT: Final = Decimal("0.80")
WINDOW: Final = timedelta(days=180)
# A choice of ours: of a shorter time one box covers everything, which says nothing.
SHORTEST: Final = timedelta(days=30)


class Unknown(StrEnum):
    """Why days of supply, or a PDC, cannot be computed."""

    NOT_DISPENSED = "not-dispensed"
    NO_QUANTITY = "no-quantity"
    NO_DOSE = "no-dose"
    OTHER_UNIT = "other-unit"  # boxes of 2 mg: how many tablets are in one, nobody says
    NO_FREQUENCY = "no-frequency"  # none stated, or in words that are not understood
    AS_NEEDED = "as-needed"
    TOO_SHORT = "too-short"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES: Final = {
    Unknown.NOT_DISPENSED: "没有发药记录",
    Unknown.NO_QUANTITY: "发药记录没有数量",
    Unknown.NO_DOSE: "处方没有每次剂量",
    Unknown.OTHER_UNIT: "发药数量和每次剂量的单位不同，无法换算",
    Unknown.NO_FREQUENCY: "处方没有写明每天几次，或写法无法识别",
    Unknown.AS_NEEDED: "必要时使用，不按天计算",
    Unknown.TOO_SHORT: f"首次发药不满 {SHORTEST.days} 天",
}


@dataclass(frozen=True, slots=True)
class Dispensing:
    """What was handed out on one day, and how it was to be taken; None where nobody says."""

    day: date | None
    quantity: Decimal | None
    quantity_unit: str | None
    dose: Decimal | None
    dose_unit: str | None
    frequency: str | None


@dataclass(frozen=True, slots=True)
class Supply:
    """From `day` on, enough for `days`."""

    day: date
    days: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """A PDC with what it is made of, or the reason why there is none."""

    covered_days: int = 0
    period_days: int = 0
    since: date | None = None
    why_not: Unknown | None = None

    @property
    def share(self) -> Decimal | None:
        """The PDC, 0 to 1, in two places."""
        if self.why_not is not None or not self.period_days:
            return None
        return (Decimal(self.covered_days) / self.period_days).quantize(Decimal("0.01"))

    @property
    def is_adherent(self) -> bool | None:
        if self.why_not is not None or not self.period_days:
            return None
        return Decimal(self.covered_days) / self.period_days >= ADHERENT


def supply(one: Dispensing) -> Supply | Unknown:
    """Return for how many whole days a dispensing lasts."""
    if one.day is None:
        return Unknown.NOT_DISPENSED
    if one.quantity is None or one.quantity <= 0:
        return Unknown.NO_QUANTITY
    if one.dose is None or one.dose <= 0:
        return Unknown.NO_DOSE
    if not one.quantity_unit or _unit(one.quantity_unit) != _unit(one.dose_unit or ""):
        return Unknown.OTHER_UNIT
    daily = times_a_day(one.frequency)
    if isinstance(daily, Unknown):
        return daily
    return Supply(one.day, int(one.quantity / (one.dose * daily)))


def coverage(dispensings: Iterable[Dispensing], today: date) -> Coverage:
    """Return the PDC of one medicine over the last `WINDOW`, to yesterday.

    The period begins with the window, or with the first dispensing where that is later. One
    dispensing that cannot be counted makes the whole unknown: leaving it out would call somebody
    careless who was not.
    """
    supplies: list[Supply] = []
    for one in dispensings:
        found = supply(one)
        if isinstance(found, Unknown):
            return Coverage(why_not=found)
        supplies.append(found)
    if not supplies:
        return Coverage(why_not=Unknown.NOT_DISPENSED)
    supplies.sort(key=lambda one: one.day)
    since = max(supplies[0].day, today - WINDOW)
    if today - since < SHORTEST:
        return Coverage(since=since, why_not=Unknown.TOO_SHORT)
    return Coverage(_covered(supplies, since, today), (today - since).days, since)


def runs_out_on(dispensings: Iterable[Dispensing], today: date) -> date | Unknown:
    """Return the first day without the medicine, by what was dispensed within the window.

    What was fetched early is used up later. As for `coverage`, one that cannot be counted makes
    the whole unknown: better no reminder than one on the wrong day.
    """
    supplies: list[Supply] = []
    for one in dispensings:
        if one.day is not None and one.day <= today - WINDOW:
            continue
        found = supply(one)
        if isinstance(found, Unknown):
            return found
        supplies.append(found)
    if not supplies:
        return Unknown.NOT_DISPENSED
    supplies.sort(key=lambda one: one.day)
    free_from = supplies[0].day
    for each in supplies:
        free_from = max(each.day, free_from) + timedelta(days=each.days)
    return free_from


def _covered(supplies: Sequence[Supply], since: date, until: date) -> int:
    """Count the days of [since, until) with supply; what overlaps is used up later."""
    covered, free_from = 0, supplies[0].day
    for one in supplies:
        begins = max(one.day, free_from)
        free_from = begins + timedelta(days=one.days)
        covered += max(0, (min(free_from, until) - max(begins, since)).days)
    return covered


# ------------------------------------------------------------------------- how often, in words

_CODES: Final[Mapping[str, Decimal | int]] = {
    "QD": 1, "QAM": 1, "QPM": 1, "QN": 1, "QHS": 1, "HS": 1, "QM": 1, "BID": 2, "TID": 3,
    "QID": 4, "QOD": Decimal("0.5"), "QW": Decimal(1) / 7, "BIW": Decimal(2) / 7,
    "TIW": Decimal(3) / 7,
}  # fmt: skip
_AS_NEEDED: Final = ("PRN", "SOS", "必要时", "需要时")
_EVERY_HOURS: Final = re.compile(r"Q(\d{1,2})H")
_RATE: Final = re.compile(r"(\d{1,2})/(\d{1,3}(?:\.\d+)?)(H|D|WK)")  # 2/1d, as our FHIR reader
_CHINESE: Final = re.compile(r"(?:每日|每天|一日|一天|日|1日)([一二两三四五六1-6])次")
_EVERY_CHINESE_HOURS: Final = re.compile(r"每(\d{1,2})小时(?:一次|1次)?")
_DIGITS: Final = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6}


def times_a_day(frequency: str | None) -> Decimal | Unknown:
    """Read BID, q8h, 2/1d or 每日三次; a spelling that is not known is not guessed at."""
    said = re.sub(r"[\s.]", "", frequency or "").upper()
    if not said:
        return Unknown.NO_FREQUENCY
    if any(word in said for word in _AS_NEEDED):
        return Unknown.AS_NEEDED
    if said in _CODES:
        return Decimal(_CODES[said])
    if (found := _EVERY_HOURS.fullmatch(said)) or (found := _EVERY_CHINESE_HOURS.fullmatch(said)):
        hours = int(found[1])
        return Decimal(24) / hours if 0 < hours <= 48 else Unknown.NO_FREQUENCY
    # "2/1D": the written period may be 0.
    rate = _RATE.fullmatch((frequency or "").replace(" ", "").upper())
    if rate and Decimal(rate[2]) > 0 and int(rate[1]) > 0:
        return Decimal(rate[1]) / (Decimal(rate[2]) * _DAYS[rate[3]])
    if found := _CHINESE.fullmatch(said):
        return Decimal(_DIGITS.get(found[1]) or int(found[1]))
    if said in ("隔日一次", "隔天一次", "隔日1次"):
        return Decimal("0.5")
    return Unknown.NO_FREQUENCY


_DAYS: Final = {"H": Decimal(1) / 24, "D": Decimal(1), "WK": Decimal(7)}

# Spellings of one counted thing; what is not here is only equal to itself.
_SPELLINGS: Final = {
    **dict.fromkeys(("片", "TAB", "TABS", "TABLET", "{TBL}", "TBL", "{TABLET}"), "片"),
    **dict.fromkeys(("粒", "CAP", "CAPSULE", "{CAPSULE}", "{CAP}"), "粒"),
    **dict.fromkeys(("毫升", "ML"), "ML"),
    **dict.fromkeys(("克", "G"), "G"),
    **dict.fromkeys(("毫克", "MG"), "MG"),
    **dict.fromkeys(("单位", "IU", "U", "[IU]", "[IU'U]"), "IU"),
}


def _unit(text: str) -> str:
    said = text.strip().upper()
    return _SPELLINGS.get(said, said)
