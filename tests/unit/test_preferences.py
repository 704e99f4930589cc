"""Habits counted, the patient's word first; what a phone tells and what of it is believed."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from app.domain.criteria.population import InteractionKind, PreferenceKind
from app.domain.profile.behaviour import MOST, Deed, NotADeed, believed
from app.domain.profile.preferences import Habits, NotAPreference, Word, mine, require_value
from tests.conftest import NOON

HOUR = PreferenceKind.REACH_HOUR


def values(habits: Habits, *words: Word) -> dict[PreferenceKind, list[str]]:
    found: dict[PreferenceKind, list[str]] = {}
    for one in mine(habits, words):
        found.setdefault(one.kind, []).append(one.value)
    return found


def test_the_hour_is_the_middle_of_where_most_was_done() -> None:
    # 4 at 20:00 alone are fewer than 3 at 9:00 with neighbours.
    habits = Habits(hours=Counter({8: 2, 9: 3, 10: 2, 20: 4}))

    found = mine(habits)[0]

    assert (found.kind, found.value) == (HOUR, "09")
    assert found.share == Decimal("0.6364")  # 7 of 11 around it
    assert found.evidence["count"] == 7
    assert found.evidence["of"] == 11


def test_four_deeds_are_chance_and_the_night_does_not_count() -> None:
    assert values(Habits(hours=Counter({9: 4}))) == {}
    assert values(Habits(hours=Counter({23: 40, 3: 40, 9: 4}))) == {}
    assert values(Habits(hours=Counter({9: 5}))) == {HOUR: ["09"]}


def test_a_denied_hour_never_comes_back_and_the_next_one_may() -> None:
    habits = Habits(hours=Counter({9: 20, 19: 6}))

    assert values(habits, Word(HOUR, "09", is_denied=True)) == {HOUR: ["08"]}
    denied = [Word(HOUR, f"{hour:02}", is_denied=True) for hour in (8, 9, 10)]
    assert values(habits, *denied) == {HOUR: ["19"]}
    everything = [Word(HOUR, f"{hour:02}", is_denied=True) for hour in range(24)]
    assert values(habits, *everything) == {}


def test_what_is_stated_is_not_counted_any_more() -> None:
    habits = Habits(hours=Counter({9: 20}), departments=Counter(endo=4))

    assert values(habits, Word(HOUR, "18", is_denied=False)) == {
        PreferenceKind.DEPARTMENT: ["endo"]
    }


def test_usual_is_half_of_at_least_three() -> None:
    def usual(**visits: int) -> dict[PreferenceKind, list[str]]:
        return values(Habits(departments=Counter(visits)))

    assert usual(endo=2) == {}
    assert usual(endo=2, card=2) == {PreferenceKind.DEPARTMENT: ["endo"]}
    assert usual(endo=2, card=2, eye=1) == {}
    sexes = Counter(female=3, male=1)
    assert values(Habits(practitioner_genders=sexes)) == {
        PreferenceKind.PRACTITIONER_GENDER: ["female"]
    }
    assert values(Habits(practitioner_genders=sexes + Counter(male=1))) == {}


def test_interests_are_several_and_dislikes_none() -> None:
    topics = Counter(feet=6, food=5, eyes=4, heart=3, sleep=2)
    topics["kidney"] = -3

    assert values(Habits(topics=topics)) == {PreferenceKind.INTEREST: ["feet", "food", "eyes"]}
    found = mine(Habits(topics=Counter(feet=3), names={"feet": "足部护理"}))[0]
    assert found.evidence == {"count": 3, "of": 3, "name": "足部护理"}


@pytest.mark.parametrize(
    ("kind", "value", "is_one"),
    [
        (HOUR, "08", True), (HOUR, "20", True), (HOUR, "21", False), (HOUR, "8", False),
        (PreferenceKind.CONTACT, "text", True), (PreferenceKind.CONTACT, "pigeon", False),
        (PreferenceKind.PRACTITIONER_GENDER, "female", True),
        (PreferenceKind.PRACTITIONER_GENDER, "unknown", False),
        (PreferenceKind.DEPARTMENT, "endo", True), (PreferenceKind.DEPARTMENT, "", False),
        (PreferenceKind.DEPARTMENT, "x" * 65, False),
    ],
)  # fmt: skip
def test_only_what_looks_like_a_value_may_be_stated(
    kind: PreferenceKind, value: str, is_one: bool
) -> None:
    if is_one:
        assert require_value(kind, value) == value
    else:
        with pytest.raises(NotAPreference):
            require_value(kind, value)


READ = Deed(InteractionKind.READ, "r1", NOON, subject="feet", seconds=40)


def test_a_reference_counts_once_and_a_clock_ahead_is_set_right() -> None:
    early = replace(READ, reference="r2", at=NOON + timedelta(minutes=9))

    found = believed([READ, READ, early], NOON)

    assert [(one.reference, one.at) for one in found] == [("r1", NOON), ("r2", NOON)]


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (replace(READ, at=NOON + timedelta(minutes=11)), "将来"),
        (replace(READ, at=NOON - timedelta(days=30, seconds=1)), "30天"),
        (replace(READ, subject=None), "哪一项"),
        (replace(READ, seconds=-1), "时长"),
        (replace(READ, seconds=4 * 3600 + 1), "时长"),
        (replace(READ, is_useful=True), "评价"),
        (replace(READ, kind=InteractionKind.RATED), "评价"),
        (replace(READ, kind=InteractionKind.REPLIED), "不由手机"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(deed: Deed, words: str) -> None:
    with pytest.raises(NotADeed) as refused:
        believed([READ, deed], NOON)

    assert "第2条" in refused.value.title
    assert words in refused.value.title


def test_fifty_at_once_and_no_more() -> None:
    deeds = [replace(READ, reference=str(uuid4())) for _ in range(MOST)]

    assert len(believed(deeds, NOON)) == MOST
    with pytest.raises(NotADeed):
        believed([*deeds, READ], NOON)
    assert believed([replace(READ, kind=InteractionKind.OPENED, subject=None)], NOON)
