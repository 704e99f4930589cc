"""Ladders of channels: what leads to a person, in which order, and when the next one follows."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.outreach.channels import TO_PATIENTS
from app.domain.outreach.choosing import (
    LIMITS,
    NAMED_WAYS,
    Facts,
    Fall,
    Grounds,
    Hindrance,
    Ladder,
    Place,
    fall,
    ladder,
)
from app.domain.outreach.messaging import FINAL, Channel, CommunicationState, Lane
from app.domain.profile.preferences import CHANNELS
from tests.conftest import NOON

RUNGS = tuple(channel for channel in TO_PATIENTS if channel is not Channel.INBOX)
PRICE = {Channel.SMS: 5}
EVERYTHING = Facts(
    rights=1, is_long_term=True, follows=True, window_until=NOON + timedelta(hours=1),
    is_contact=True, has_phone=True, agreed_to_sms=True,
)  # fmt: skip

facts_of_anyone = st.builds(
    Facts,
    rights=st.integers(0, 3),
    is_long_term=st.booleans(),
    follows=st.booleans(),
    window_until=st.none() | st.integers(-3, 3).map(lambda hours: NOON + timedelta(hours=hours)),
    is_contact=st.booleans(),
    has_phone=st.booleans(),
    agreed_to_sms=st.booleans(),
    asked_for=st.sampled_from([frozenset[Channel](), *NAMED_WAYS.values()]),
    opened=st.dictionaries(st.sampled_from(RUNGS), st.integers(0, 5)),
)
lanes = st.sampled_from(Lane)
sets_of_channels = st.frozensets(st.sampled_from(Channel))


def climb(
    facts: Facts, lane: Lane = Lane.TRANSACTIONAL, served: tuple[Channel, ...] = RUNGS
) -> list[Channel]:
    return [rung.channel for rung in ladder(facts, lane, served, PRICE, NOON).rungs]


@given(facts_of_anyone, lanes, sets_of_channels, sets_of_channels)
def test_each_channel_of_the_hospital_is_a_rung_once_or_left_out_with_a_reason(
    facts: Facts, lane: Lane, served: frozenset[Channel], tried: frozenset[Channel]
) -> None:
    found = ladder(facts, lane, served, PRICE, NOON, tried)

    rungs = [rung.channel for rung in found.rungs]
    assert sorted([*rungs, *found.left_out]) == sorted(served & set(RUNGS))
    assert not tried & set(rungs)
    assert Channel.INBOX not in rungs


@given(facts_of_anyone, lanes)
def test_every_rung_but_the_last_has_the_limit_of_its_lane(facts: Facts, lane: Lane) -> None:
    limits = [rung.limit for rung in ladder(facts, lane, RUNGS, PRICE, NOON).rungs]

    assert limits == ([LIMITS[lane]] * (len(limits) - 1) + [None])[: len(limits)]


@given(facts_of_anyone, lanes)
@example(replace(EVERYTHING, opened={Channel.SMS: 9}), Lane.TRANSACTIONAL)
def test_what_costs_money_is_last_unless_asked_for(facts: Facts, lane: Lane) -> None:
    found = climb(facts, lane)

    if Channel.SMS in found:
        assert lane is not Lane.BULK
        asked = facts.asked_for == {Channel.SMS}
        assert found.index(Channel.SMS) == (0 if asked else len(found) - 1)


@given(facts_of_anyone, lanes, st.sampled_from(RUNGS))
def test_one_more_failure_leaves_the_others_in_their_order(
    facts: Facts, lane: Lane, tried: Channel
) -> None:
    before = climb(facts, lane)

    after = [r.channel for r in ladder(facts, lane, RUNGS, PRICE, NOON, [tried]).rungs]

    assert after == [channel for channel in before if channel is not tried]


@given(facts_of_anyone, lanes)
def test_what_the_person_asked_for_is_first(facts: Facts, lane: Lane) -> None:
    found = climb(facts, lane)

    asked = [channel for channel in found if channel in facts.asked_for]
    assert found[: len(asked)] == asked


def test_the_usual_order_for_something_that_is_due() -> None:
    assert climb(EVERYTHING) == [
        Channel.SUBSCRIPTION, Channel.MEDICAL_ASSISTANT, Channel.TEMPLATE,
        Channel.CUSTOMER_SERVICE, Channel.SMS,
    ]  # fmt: skip


def test_bulk_spares_a_right_that_is_gone_once_spent() -> None:
    once = Facts(rights=1, follows=True)

    both = (Channel.SUBSCRIPTION, Channel.TEMPLATE)

    assert climb(once, Lane.BULK, both) == [Channel.TEMPLATE, Channel.SUBSCRIPTION]
    assert climb(once, Lane.TRANSACTIONAL, both) == [Channel.SUBSCRIPTION, Channel.TEMPLATE]
    assert (
        climb(EVERYTHING, Lane.BULK, both)[0] is Channel.SUBSCRIPTION
    )  # long-term: nothing is spent


def test_what_a_person_opens_goes_before_what_they_do_not() -> None:
    opens = Facts(rights=1, follows=True, opened={Channel.TEMPLATE: 3, Channel.SUBSCRIPTION: 1})

    found = ladder(opens, Lane.TRANSACTIONAL, RUNGS, PRICE, NOON, [Channel.MEDICAL_ASSISTANT])

    assert [(rung.channel, rung.place) for rung in found.rungs] == [
        (Channel.TEMPLATE, Place.OPENED),
        (Channel.SUBSCRIPTION, Place.USUAL),
    ]


@pytest.mark.parametrize(
    ("facts", "channel", "verdict"),
    [
        (Facts(), Channel.SUBSCRIPTION, Hindrance.NO_RIGHT),
        (Facts(rights=1), Channel.SUBSCRIPTION, Grounds.RIGHT_LEFT),
        (Facts(rights=1, is_long_term=True), Channel.SUBSCRIPTION, Grounds.LONG_TERM),
        (Facts(), Channel.TEMPLATE, Hindrance.NOT_FOLLOWING),
        (Facts(window_until=NOON), Channel.CUSTOMER_SERVICE, Hindrance.WINDOW_CLOSED),
        (EVERYTHING, Channel.CUSTOMER_SERVICE, Grounds.WINDOW_OPEN),
        (EVERYTHING, Channel.WECOM_GROUP_TASK, Hindrance.NOT_FOR_THIS),
        (Facts(agreed_to_sms=True), Channel.SMS, Hindrance.NO_PHONE),
        (Facts(has_phone=True), Channel.SMS, Hindrance.SMS_NOT_AGREED),
        (EVERYTHING, Channel.SMS, Grounds.PHONE),
    ],
)
def test_why_a_channel_leads_to_somebody_or_not(
    facts: Facts, channel: Channel, verdict: Grounds | Hindrance
) -> None:
    found = ladder(facts, Lane.TRANSACTIONAL, [channel], PRICE, NOON)

    assert said(found) == {channel: verdict}


@given(st.sampled_from(CommunicationState), lanes, st.booleans(), st.booleans(), st.booleans())
def test_nobody_is_told_twice_while_the_first_may_have_arrived(
    state: CommunicationState,
    lane: Lane,
    is_broken_off: bool,
    has_receipts: bool,
    is_settled: bool,
) -> None:
    verdict = fall(
        state, lane, is_broken_off=is_broken_off, has_receipts=has_receipts, is_settled=is_settled
    )

    waiting = state in (CommunicationState.QUEUED, CommunicationState.HELD)
    assert (verdict is Fall.INSTEAD) == (waiting and not is_broken_off)
    if verdict is Fall.ON_IN_DOUBT:
        assert lane is Lane.CLINICAL
    if verdict is Fall.ON_LATE:
        assert state is CommunicationState.SENT
        assert has_receipts
        assert is_settled
    if lane is Lane.CLINICAL:
        assert verdict is not Fall.LATER
    if state in FINAL or state is CommunicationState.CALLING:
        assert verdict is Fall.STAY


def test_a_person_may_name_each_way_that_preferences_know() -> None:
    assert set(NAMED_WAYS) == set(CHANNELS)
    assert frozenset(RUNGS) == frozenset().union(*NAMED_WAYS.values())


def said(found: Ladder) -> dict[Channel, Grounds | Hindrance]:
    return {rung.channel: rung.grounds for rung in found.rungs} | dict(found.left_out)
