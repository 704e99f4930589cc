"""The shipped instruments: worked examples, the edges of every band, and what must not wait."""

from decimal import Decimal

import pytest

from app.domain.plans.packs import Pack
from app.domain.plans.questionnaires import (
    Questionnaire,
    dangers_in,
    scores,
    validate,
)
from app.domain.profile.mood import MOOD_SCALES
from app.domain.profile.risk.phq9 import phq9
from app.integrations.pack_files import read_pack
from tests.conftest import ROOT

OFTEN = ("not-at-all", "several-days", "more-than-half", "nearly-every-day")


@pytest.fixture(scope="module")
def pack() -> Pack:
    return read_pack(ROOT / "packs" / "instruments")


def form(pack: Pack, key: str) -> Questionnaire:
    return next(one for one in pack.questionnaires if one.key == key)


def scored(questionnaire: Questionnaire, *points: int) -> tuple[Decimal | None, str | None]:
    """Answer each question with the option that bears so many points."""
    answers: dict[str, object] = {}
    for item, wanted in zip(questionnaire.items, points, strict=True):
        codes = {option.score: option.code for option in item.options}
        answers[item.link_id] = codes[wanted] if codes else bool(wanted)
    (found,) = scores(questionnaire, validate(questionnaire, answers))
    return found.value, found.band.key if found.band else None


def spread(total: int, items: int, most: int) -> list[int]:
    """Return points of that total, the first questions full."""
    return [max(0, min(most, total - most * number)) for number in range(items)]


@pytest.mark.parametrize(
    ("key", "items", "most", "edges"),
    [
        ("phq-9", 9, 3, {0: "minimal", 4: "minimal", 5: "mild", 9: "mild", 10: "moderate",
                         14: "moderate", 15: "moderately-severe", 19: "moderately-severe",
                         20: "severe", 27: "severe"}),
        ("gad-7", 7, 3, {0: "minimal", 4: "minimal", 5: "mild", 9: "mild", 10: "moderate",
                         14: "moderate", 15: "severe", 21: "severe"}),
        ("phq-2", 2, 3, {0: "negative", 2: "negative", 3: "positive", 6: "positive"}),
        ("gad-2", 2, 3, {0: "negative", 2: "negative", 3: "positive", 6: "positive"}),
        ("phq-15", 15, 2, {0: "minimal", 4: "minimal", 5: "low", 9: "low", 10: "medium",
                           14: "medium", 15: "high", 30: "high"}),
        ("frail", 5, 1, {0: "robust", 1: "pre-frail", 2: "pre-frail", 3: "frail", 5: "frail"}),
        ("sarc-f", 5, 2, {0: "low", 3: "low", 4: "high", 10: "high"}),
    ],
)  # fmt: skip
def test_sums_and_the_edges_of_their_bands(
    pack: Pack, key: str, items: int, most: int, edges: dict[int, str]
) -> None:
    asked = form(pack, key)
    assert len(asked.items) == items
    for total, band in edges.items():
        assert scored(asked, *spread(total, items, most)) == (Decimal(total), band)


@pytest.mark.parametrize(
    ("key", "bands"),
    [
        ("ecog", {0: "full", 1: "full", 2: "self-care", 3: "limited", 4: "limited"}),
        ("kps", {100: "active", 80: "active", 70: "unable-to-work", 50: "unable-to-work",
                 40: "dependent", 10: "dependent"}),
        ("mmrc", {0: "fewer", 1: "fewer", 2: "more", 4: "more"}),
        ("nyha", {1: "class-1", 2: "class-2", 3: "class-3", 4: "class-4"}),
    ],
)  # fmt: skip
def test_grades_are_what_was_chosen(pack: Pack, key: str, bands: dict[int, str]) -> None:
    for grade, band in bands.items():
        assert scored(form(pack, key), grade) == (Decimal(grade), band)


def test_a_worked_example_of_the_phq_9_agrees_with_the_score_of_risk(pack: Pack) -> None:
    points = [2, 3, 1, 2, 0, 1, 2, 0, 1]
    value, band = scored(form(pack, "phq-9"), *points)
    assert (value, band) == (Decimal(12), "moderate")
    assert (phq9(points).total, phq9(points).band) == (12, band)


def test_bands_of_mood_are_those_that_staff_see(pack: Pack) -> None:
    for key, told in MOOD_SCALES.items():
        (scale,) = form(pack, key).scales
        for total in range(told.highest + 1):
            band = scale.band(Decimal(total))
            assert band is not None
            assert band.text == told.band(total)


@pytest.mark.parametrize(
    ("ninth", "grade"), [(0, None), (1, "moderate"), (2, "severe"), (3, "severe")]
)
def test_the_ninth_answer_is_heard_whatever_the_sum(
    pack: Pack, ninth: int, grade: str | None
) -> None:
    asked = form(pack, "phq-9")
    found = dangers_in(asked, {"phq9-9": OFTEN[ninth]})  # alone: nothing else was answered
    assert [one.grade for one in found] == ([grade] if grade else [])
    for one in found:
        assert "12356" in one.patient_text
        assert "110" in one.patient_text
        assert "120" in one.patient_text
        assert "抑郁" not in one.patient_text


@pytest.mark.parametrize(
    ("pain", "band"), [(0, "none"), (1, "mild"), (3, "mild"), (4, "moderate"), (7, "severe")]
)
def test_pain_asks_where_only_if_there_is_any(pack: Pack, pain: int, band: str) -> None:
    asked = form(pack, "nrs-pain")
    answers = validate(asked, {"pain-now": pain, "pain-where": "腰"})
    assert ("pain-where" in answers) is (pain > 0)
    assert scores(asked, answers)[0].band == asked.scales[0].band(Decimal(pain))
    assert scores(asked, answers)[0].band.key == band  # type: ignore[union-attr]


def test_who_takes_no_medicine_is_not_asked_about_it(pack: Pack) -> None:
    asked = form(pack, "missed-doses")
    assert validate(asked, {"takes-medicine": False}) == {"takes-medicine": False}
    missed = validate(
        asked, {"takes-medicine": True, "missed": 2, "why-missed": ["cost", "forgot"]}
    )
    assert missed["why-missed"] == ("forgot", "cost")


def test_every_instrument_says_whence_it_is_and_that_it_may_be_used(pack: Pack) -> None:
    assert all(one.source and one.licence for one in pack.questionnaires)
    protected = ("MMAS", "CAT", "SF-36", "EQ-5D", "MMSE", "MoCA", "HADS", "ACT")
    titles = " ".join(one.title for one in pack.questionnaires)
    assert not [name for name in protected if name in titles]
