"""What people would rather have, counted from what they do; their own word goes before it.

Everything is counted, nothing learned: each preference says how often of how many. The bounds are
choices of ours: below them a habit is chance. Counts are of about a year.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from app.domain.criteria.population import PreferenceKind
from app.domain.errors import DomainError

# The hours at which anybody is called or written to (quiet hours: 21:00 to 08:00).
HOURS: Final = range(8, 21)
LEAST_HOURS: Final = 5  # deeds whose hour is known
LEAST: Final = 3  # visits, readings, answers
# Of several values, the share from which one is "the usual".
USUAL: Final = Decimal("0.5")
GENDER_SHARE: Final = Decimal("0.75")
INTEREST_SHARE: Final = Decimal("0.2")
MOST_INTERESTS: Final = 3

# What may be stated of each kind, where the list is closed.
GENDERS: Final = ("female", "male")
CONTACTS: Final = ("text", "call")
CHANNELS: Final = ("mini-program", "official-account", "wecom", "sms")


class NotAPreference(DomainError):
    code = "not-a-preference"
    title = "没有这个选项"


@dataclass(frozen=True, slots=True)
class Habits:
    """What was counted of one patient.

    `hours` are the hospital's hours (0–23) of deeds and answers; `departments`, `practitioners`
    and `practitioner_genders` count visits, the last only where the sex of the doctor is known;
    `topics` count readings and useful ratings, less useless ones; `contacts` count answered
    messages (text) and answered calls (call). `names` has what a code is called.
    """

    hours: Counter[int] = field(default_factory=Counter)
    departments: Counter[str] = field(default_factory=Counter)
    practitioners: Counter[str] = field(default_factory=Counter)
    practitioner_genders: Counter[str] = field(default_factory=Counter)
    topics: Counter[str] = field(default_factory=Counter)
    contacts: Counter[str] = field(default_factory=Counter)
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mined:
    """A habit: `share` of what was counted, 0 to 1; `evidence` says what was counted."""

    kind: PreferenceKind
    value: str
    share: Decimal
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Word:
    """What the patient said of a value: rather this (`is_denied` false), or not this."""

    kind: PreferenceKind
    value: str
    is_denied: bool


def mine(habits: Habits, words: Iterable[Word] = ()) -> list[Mined]:
    """Return the habits that hold, the strongest of a kind first.

    A kind of which the patient stated a value is not mined; a value they denied never comes back,
    the next best may.
    """
    said = list(words)
    stated = {word.kind for word in said if not word.is_denied}
    denied = {(word.kind, word.value) for word in said if word.is_denied}
    found = [
        *_hour(habits.hours, {value for kind, value in denied if kind is _HOUR}),
        *_usual(PreferenceKind.DEPARTMENT, habits.departments, USUAL, denied, habits.names),
        *_usual(PreferenceKind.PRACTITIONER, habits.practitioners, USUAL, denied, habits.names),
        *_usual(
            PreferenceKind.PRACTITIONER_GENDER, habits.practitioner_genders, GENDER_SHARE, denied,
            habits.names,
        ),
        *_interests(habits.topics, denied, habits.names),
        *_usual(PreferenceKind.CONTACT, habits.contacts, USUAL, denied, habits.names),
    ]  # fmt: skip
    return [one for one in found if one.kind not in stated]


_HOUR: Final = PreferenceKind.REACH_HOUR


def _hour(hours: Counter[int], denied: Collection[str]) -> list[Mined]:
    """Return the hour around which most was done; neighbours count half."""
    counted = Counter({hour: number for hour, number in hours.items() if hour in HOURS})
    total = counted.total()
    if total < LEAST_HOURS:
        return []
    smooth = {
        hour: 2 * counted[hour] + counted[hour - 1] + counted[hour + 1]
        for hour in HOURS
        if f"{hour:02}" not in denied
    }
    # Of two that are equal the earlier: the day is still open then.
    best = max(smooth, key=lambda hour: (smooth[hour], -hour), default=None)
    if best is None or smooth[best] == 0:
        return []
    around = counted[best - 1] + counted[best] + counted[best + 1]
    evidence = {"count": around, "of": total, "hours": {f"{h:02}": n for h, n in counted.items()}}
    return [Mined(_HOUR, f"{best:02}", _share(around, total), evidence)]


def _usual(
    kind: PreferenceKind,
    counted: Counter[str],
    least_share: Decimal,
    denied: Collection[tuple[PreferenceKind, str]],
    names: Mapping[str, str],
) -> list[Mined]:
    total = counted.total()
    if total < LEAST:
        return []
    allowed = {value: number for value, number in counted.items() if (kind, value) not in denied}
    best = max(allowed, key=lambda value: (allowed[value], value), default=None)
    if best is None or _share(allowed[best], total) < least_share:
        return []
    return [_mined(kind, best, allowed[best], total, names)]


def _interests(
    topics: Counter[str],
    denied: Collection[tuple[PreferenceKind, str]],
    names: Mapping[str, str],
) -> list[Mined]:
    liked = {topic: number for topic, number in topics.items() if number > 0}
    total = sum(liked.values())
    strongest = sorted(liked, key=lambda topic: (-liked[topic], topic))
    return [
        _mined(PreferenceKind.INTEREST, topic, liked[topic], total, names)
        for topic in strongest
        if liked[topic] >= LEAST
        and _share(liked[topic], total) >= INTEREST_SHARE
        and (PreferenceKind.INTEREST, topic) not in denied
    ][:MOST_INTERESTS]


def _mined(
    kind: PreferenceKind, value: str, number: int, total: int, names: Mapping[str, str]
) -> Mined:
    evidence: dict[str, Any] = {"count": number, "of": total}
    if value in names:
        evidence["name"] = names[value]
    return Mined(kind, value, _share(number, total), evidence)


def _share(number: int, total: int) -> Decimal:
    return (Decimal(number) / total).quantize(Decimal("0.0001"))


def tops(preferences: Iterable[tuple[PreferenceKind, str]]) -> dict[PreferenceKind, str]:
    """Return the first value of each kind: a change of it is news."""
    found: dict[PreferenceKind, str] = {}
    for kind, value in preferences:
        found.setdefault(kind, value)
    return found


def require_value(kind: PreferenceKind, value: str) -> str:
    """Return a value that somebody may state.

    :raises NotAPreference: it does not look like one of its kind
    """
    closed = _CLOSED.get(kind)
    if value not in closed if closed is not None else not 0 < len(value) <= _LONGEST:
        raise NotAPreference
    return value


_LONGEST: Final = 64
_CLOSED: Final[Mapping[PreferenceKind, frozenset[str]]] = {
    PreferenceKind.REACH_HOUR: frozenset(f"{hour:02}" for hour in HOURS),
    PreferenceKind.PRACTITIONER_GENDER: frozenset(GENDERS),
    PreferenceKind.CONTACT: frozenset(CONTACTS),
    PreferenceKind.CHANNEL: frozenset(CHANNELS),
}
