"""Random criteria over what a random hospital has, for properties that must hold of any of them.

Numbers and times are those of `random_population`, so that they meet.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from random import Random

from app.domain.criteria import tree as criteria
from app.domain.criteria.comparing import Comparator
from app.domain.criteria.population import (
    AtRisk,
    InDepartment,
    Interacted,
    InteractionKind,
    IsGender,
    LivesIn,
    Measured,
    Medicated,
    OnPlan,
    PlanState,
    PreferenceKind,
    Prefers,
    Reach,
    Reachable,
    Scored,
    Visited,
)
from app.domain.criteria.tree import Criterion, Leaf
from app.domain.criteria.trends import Mean, OfLast, Rise
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.profile.vital_signs import MeasurementContext
from app.models import (
    EncounterClass,
    Gender,
)

SPANS = tuple(timedelta(days=days) for days in (1, 7, 30, 90, 366))
Draw = Callable[[Random, "Known"], Leaf]


@dataclass(frozen=True, slots=True)
class Known:
    """What a random hospital has and random criteria name, with near misses among them."""

    # Tag → the one above it; `nobody-knows-it` is no tag, and two tags form a ring.
    tags: tuple[tuple[str, str | None], ...] = (
        ("diabetes", None),
        ("type-2", "diabetes"),
        ("on-insulin", "type-2"),
        ("hypertension", None),
        ("frail", "nobody-knows-it"),
        ("ring-a", "ring-b"),
        ("ring-b", "ring-a"),
        ("unused", None),
    )
    departments: tuple[str, ...] = ("endo", "cardio", "ENDO", "end")
    regions: tuple[str, ...] = ("浙江省宁波市", "浙江省杭州市", "浙江省", "江苏省南京市", "浙")
    conditions: tuple[str, ...] = ("E11", "E11.9", "E11.901x001", "E12", "E10.9", "I10", "e11.9")
    medications: tuple[str, ...] = ("A10B", "A10BA02", "A10BB01", "a10ba02", "C09AA05", "A10-X")
    plans: tuple[str, ...] = ("discharge", "hypertension-year")
    questionnaires: tuple[str, ...] = ("phq-9", "foot-check")
    kinds: tuple[str, ...] = ("measurement", "questionnaire")
    subjects: tuple[str, ...] = ("low-sugar", "salt")
    # LOINC code → numbers that results show and criteria ask for, in the judged unit.
    numbers: tuple[tuple[str, str, tuple[str, ...]], ...] = (
        ("15074-8", "mmol/L", ("0.5", "0.6", "2.8", "3.9", "7.0", "7.1", "16.7", "33.3", "33.4")),
        ("8480-6", "mm[Hg]", ("49", "50", "120", "139", "140", "180.5", "280")),
        ("29463-7", "kg", ("68.3", "70.3", "70.300001", "71.3", "72.4")),
        ("14682-9", "umol/L", ("84", "133", "654.2", "654.200001")),
    )
    scores: tuple[tuple[str, str], ...] = (
        ("lace", "high"),
        ("lace", "low"),
        ("china-par", "high"),
    )
    preferences: tuple[tuple[PreferenceKind, str], ...] = (
        (PreferenceKind.REACH_HOUR, "19"),
        (PreferenceKind.REACH_HOUR, "08"),
        (PreferenceKind.DEPARTMENT, "endo"),
        (PreferenceKind.INTEREST, "diet"),
        (PreferenceKind.INTEREST, "Diet"),
    )


KNOWN = Known()


def random_tree(random: Random, known: Known = KNOWN, depth: int = 4) -> Criterion:
    """Return a tree of at most `depth` levels over every leaf that segments may ask."""
    if depth <= 1 or random.random() < 0.3:
        return random_leaf(random, known)
    kind = random.choice(("all", "any", "not"))
    if kind == "not":
        return criteria.Not(random_tree(random, known, depth - 1))
    items = tuple(random_tree(random, known, depth - 1) for _ in range(random.randint(1, 3)))
    return criteria.All(items) if kind == "all" else criteria.Any(items)


def random_leaf(random: Random, known: Known = KNOWN) -> Leaf:
    return random.choice(LEAVES)(random, known)


def _comparator(random: Random) -> Comparator:
    return random.choice(list(Comparator))


def _has_tag(random: Random, known: Known) -> Leaf:
    keys = [key for key, _ in known.tags] + [above for _, above in known.tags if above]
    return criteria.HasTag(random.choice([*keys, "never-heard-of"]))


def _prefix(random: Random, codes: Sequence[str]) -> str:
    """Return a code, or how it begins; codes in small letters are only near misses."""
    code = random.choice([code for code in codes if code[0].isupper()])
    return code[: random.randint(3, len(code))].rstrip(".")


def _number(random: Random, known: Known) -> tuple[str, Decimal]:
    """Return a code and a number to compare with: only what can be true may be asked."""
    code, _, numbers = random.choice(known.numbers)
    plausible = [one for one in numbers if OBSERVATION_KINDS[code].is_plausible(Decimal(one))]
    return code, Decimal(random.choice(plausible))


def _context(random: Random, code: str) -> MeasurementContext | None:
    return random.choice((None, *MeasurementContext)) if code == "15074-8" else None


def _latest(random: Random, known: Known) -> Leaf:
    code, number = _number(random, known)
    return criteria.Latest(
        code, _comparator(random), number, random.choice(SPANS), _context(random, code)
    )


def _count(random: Random, known: Known) -> Leaf:
    code, number = _number(random, known)
    return criteria.Count(
        code, _comparator(random), number, random.choice(SPANS), random.randint(1, 3),
        _context(random, code),
    )  # fmt: skip


def _change(random: Random, known: Known) -> Leaf:
    by = random.choice(("2", "-2", "1", "0.000001", "-0.1", "20", "2.1", "-4.1"))
    return criteria.Change(_number(random, known)[0], random.choice(SPANS), Decimal(by))


def _of_last(random: Random, known: Known) -> Leaf:
    code, number = _number(random, known)
    of = random.randint(1, 4)
    return OfLast(
        code, _comparator(random), number, random.choice(SPANS), random.randint(1, of), of,
        _context(random, code),
    )  # fmt: skip


def _mean(random: Random, known: Known) -> Leaf:
    code, number = _number(random, known)
    return Mean(
        code, _comparator(random), number, random.choice(SPANS), random.randint(1, 3),
        _context(random, code),
    )  # fmt: skip


def _rise(random: Random, known: Known) -> Leaf:
    by = random.choice(("2", "-2", "1", "0.000001", "-0.1", "20", "2.1", "-4.1"))
    return Rise(_number(random, known)[0], random.choice(SPANS), Decimal(by))


def _missed(random: Random, known: Known) -> Leaf:
    of = random.randint(1, 4)
    return criteria.Missed(random.choice(known.kinds), random.randint(1, of), of)


def _age(random: Random, _: Known) -> Leaf:
    return criteria.Age(_comparator(random), random.choice((0, 1, 17, 18, 40, 64, 65, 66, 130)))


def _visited(random: Random, known: Known) -> Leaf:
    return Visited(
        random.choice(SPANS),
        random.randint(1, 2),
        random.choice((None, *EncounterClass)),
        random.choice((None, *known.departments)),
    )


def _interacted(random: Random, known: Known) -> Leaf:
    return Interacted(
        random.choice(list(InteractionKind)),
        random.choice(SPANS),
        random.randint(1, 2),
        random.choice((None, *known.subjects)),
    )


def _scored(random: Random, known: Known) -> Leaf:
    return Scored(
        random.choice(known.questionnaires),
        _comparator(random),
        random.choice((0, 4, 5, 10, 27)),
        random.choice(SPANS),
    )


def _lives_in(random: Random, known: Known) -> Leaf:
    region = random.choice([region for region in known.regions if len(region) > 1])
    return LivesIn(region[: random.randint(2, len(region))])


LEAVES: tuple[Draw, ...] = (
    _has_tag,
    _latest,
    _count,
    _change,
    _of_last,
    _mean,
    _rise,
    _missed,
    _age,
    _visited,
    _interacted,
    _scored,
    lambda random, known: criteria.ActiveCondition(_prefix(random, known.conditions)),
    lambda random, known: IsGender(random.choice(list(Gender))),
    lambda random, known: InDepartment(random.choice(known.departments)),
    _lives_in,
    lambda random, known: OnPlan(random.choice(known.plans), random.choice(list(PlanState))),
    lambda random, known: Medicated(_prefix(random, known.medications)),
    lambda random, known: Measured(_number(random, known)[0], random.choice(SPANS)),
    lambda random, known: Reachable(random.choice(list(Reach))),
    lambda random, known: AtRisk(*random.choice(known.scores)),
    lambda random, known: Prefers(*random.choice(known.preferences)),
)
