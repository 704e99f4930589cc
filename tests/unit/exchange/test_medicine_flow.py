"""How services about medicines go on, whatever order words come in; what they are for."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from app.domain.exchange.documents import OF_MEDICINES
from app.domain.exchange.medicine_flow import (
    ENDED,
    OPEN,
    SILENCE,
    FlowKind,
    FlowState,
    FlowWord,
    after,
    is_repeat,
    lapses_at,
    may_cancel,
)
from app.domain.exchange.medicine_rules import MedicineRules
from app.domain.exchange.medicine_words import label, sentence
from app.settings import HL7Target, Medicines

NOON = datetime(2026, 5, 4, 4, 0, tzinfo=UTC)
RULES = MedicineRules()
S, W = FlowState, FlowWord


def said(*words: FlowWord, begin: FlowState = FlowState.REQUESTED) -> FlowState:
    state = begin
    for word in words:
        state = after(state, word) or state
    return state


@pytest.mark.parametrize(
    ("words", "ends"),
    [
        ((W.DRAFTED, W.SIGNED, W.SENT, W.ACCEPTED, W.READY, W.COMPLETED), S.COMPLETED),
        ((W.SENT, W.ACCEPTED, W.READY), S.READY),
        ((W.DRAFTED, W.DECLINED, W.CANCELLED), S.REFUSED),
        ((W.DRAFTED, W.FAILED), S.EXPIRED),
        ((W.SENT, W.REFUSED), S.REFUSED),
        ((W.SENT, W.LAPSED), S.EXPIRED),
        # Out of order and late.
        ((W.SENT, W.READY, W.ACCEPTED), S.READY),
        ((W.SENT, W.COMPLETED, W.READY, W.REFUSED, W.CANCELLED), S.COMPLETED),
        ((W.ACCEPTED, W.SENT), S.ACCEPTED),
        ((W.SENT, W.CANCELLED, W.READY), S.CANCELLED),
        # Facts and second thoughts.
        ((W.SENT, W.LAPSED, W.COMPLETED), S.COMPLETED),
        ((W.SENT, W.REFUSED, W.ACCEPTED), S.ACCEPTED),
        ((W.FAILED, W.SENT), S.HANDED_OVER),
        # A second signature, a lapse of what never left.
        ((W.SIGNED, W.LAPSED), S.REQUESTED),
    ],
)
def test_words_lead_where_they_should(words: tuple[FlowWord, ...], ends: FlowState) -> None:
    assert said(*words) is ends


def test_what_is_in_the_patients_hand_is_never_taken_back() -> None:
    chance = random.Random(7)
    words = list(FlowWord)
    for _ in range(500):
        chosen = [chance.choice(words) for _ in range(chance.randint(1, 12))]
        state = said(*chosen)
        assert (state is S.COMPLETED) == (W.COMPLETED in chosen)
        assert state in OPEN or state in ENDED


def test_a_repeat_is_known_as_one() -> None:
    assert is_repeat(S.SIGNED, W.SIGNED)
    assert not is_repeat(S.HANDED_OVER, W.SIGNED)
    assert not is_repeat(S.ACCEPTED, W.CANCEL_ASKED)


def test_only_what_waits_at_the_counter_may_be_cancelled_when_ready() -> None:
    assert [kind for kind in FlowKind if may_cancel(kind, S.READY)] == [FlowKind.PICKUP]
    for state in OPEN - {S.READY}:
        assert may_cancel(FlowKind.DELIVERY, state)
    for state in ENDED:
        assert not any(may_cancel(kind, state) for kind in FlowKind)


def test_a_flow_lapses_by_silence_or_with_its_code() -> None:
    assert lapses_at(S.HANDED_OVER, NOON) == NOON + SILENCE
    assert lapses_at(S.READY, NOON, NOON + timedelta(hours=3)) == NOON + timedelta(hours=3)
    assert lapses_at(S.AWAITING_SIGNATURE, NOON) is None
    assert lapses_at(S.COMPLETED, NOON) is None


def test_every_state_has_words_of_its_kind_that_name_no_other() -> None:
    for kind in FlowKind:
        for state in FlowState:
            assert "{" not in sentence(kind, state)
            assert label(kind, state)
    assert label(FlowKind.DELIVERY, S.READY) == "正在送药"
    assert "取药码" in sentence(FlowKind.PICKUP, S.READY)
    assert "取药码" not in sentence(FlowKind.REFILL, S.READY)


@pytest.mark.parametrize(
    ("name", "is_refilled", "is_delivered"),
    [
        ("二甲双胍片", True, True),
        ("门冬胰岛素注射液", False, False),
        ("艾司唑仑片", False, False),
        ("阿莫西林胶囊", False, True),
    ],
)
def test_the_name_says_what_a_medicine_is_for(
    name: str, is_refilled: bool, is_delivered: bool
) -> None:
    assert (RULES.why_not_refilled(name) is None) is is_refilled
    assert (RULES.why_not_delivered(name) is None) is is_delivered


def test_a_hospital_has_words_of_its_own_but_never_more_than_twelve_weeks() -> None:
    rules = Medicines(cold=("冷",), offer_days=3).rules

    assert rules.why_not_delivered("冷药") is not None
    assert rules.why_not_delivered("门冬胰岛素注射液") is None
    assert rules.offer_before == timedelta(days=3)
    with pytest.raises(ValidationError):
        Medicines(longest_weeks=13)


@pytest.mark.parametrize("kind", sorted(OF_MEDICINES))
def test_a_target_by_hl7_takes_no_request_for_the_pharmacy(kind: str) -> None:
    with pytest.raises(ValidationError, match="by FHIR or by a table"):
        HL7Target.model_validate(
            {
                "name": "his", "kinds": [kind], "host": "h", "port": 1,
                "receiving_application": "A", "receiving_facility": "F",
            }
        )  # fmt: skip
