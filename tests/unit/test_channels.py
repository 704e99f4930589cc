"""The channels' contracts against what the platforms promise, written down a second time."""

from datetime import timedelta

import pytest

from app.domain.outreach.channels import (
    CONTRACTS,
    DELIVERY,
    LONG_TERM_SUBSCRIPTION,
    TO_PATIENTS,
    Audience,
    Excess,
    Form,
    Idempotency,
    Need,
    OnAmbiguity,
    Per,
    Receipt,
    contract_of,
)
from app.domain.outreach.messaging import Channel, ErrorClass
from tests.conftest import ROOT

MINUTES_10 = timedelta(minutes=10)
HOURS_4 = timedelta(hours=4)
# Whether a call without an answer may be made again, and for how long the platform then drops
# the second one; None is never to be repeated.
REMEMBERED = {
    Channel.SUBSCRIPTION: None,  # no key, and a right is spent
    Channel.TEMPLATE: MINUTES_10,  # client_msg_id, per openid
    Channel.WECOM_CARD: HOURS_4,  # enable_duplicate_check, interval 14400
    Channel.WECOM_TEXT: HOURS_4,
    Channel.WECOM_CARD_UPDATE: None,  # a response code works once
    Channel.WECOM_GROUP_TASK: None,  # a second task for the member
    Channel.CUSTOMER_SERVICE: None,  # no key
    Channel.MEDICAL_ASSISTANT: timedelta.max,  # msg_id is unique for user and order
    Channel.SMS: timedelta(days=1),  # our key at the provider
    Channel.INBOX: timedelta.max,  # our own table
}
# What a code means whichever message it answers, by the platforms' lists.
MEANINGS = {
    40014: ErrorClass.TOKEN, 42001: ErrorClass.TOKEN,
    -1: ErrorClass.BUSY,
    43108: ErrorClass.PERSON_BUSY,
    45011: ErrorClass.RATE, 45033: ErrorClass.RATE,
    45009: ErrorClass.QUOTA,
    43101: ErrorClass.RECIPIENT, 40003: ErrorClass.RECIPIENT, 43004: ErrorClass.RECIPIENT,
    60111: ErrorClass.RECIPIENT, 81013: ErrorClass.RECIPIENT, 82001: ErrorClass.RECIPIENT,
    84061: ErrorClass.RECIPIENT,
    45015: ErrorClass.WINDOW, 45047: ErrorClass.WINDOW,
    47001: ErrorClass.CONTENT, 47003: ErrorClass.CONTENT, 40037: ErrorClass.CONTENT,
    41030: ErrorClass.CONTENT, 45168: ErrorClass.CONTENT, 87014: ErrorClass.CONTENT,
    40058: ErrorClass.CONTENT,
    40013: ErrorClass.OURS, 40125: ErrorClass.OURS, 40164: ErrorClass.OURS,
    60020: ErrorClass.OURS, 48001: ErrorClass.OURS, 48004: ErrorClass.OURS,
    43107: ErrorClass.OURS, 50003: ErrorClass.OURS, 301002: ErrorClass.OURS,
    40056: ErrorClass.OURS, 60011: ErrorClass.OURS,
}  # fmt: skip


def test_every_channel_has_a_contract() -> None:
    assert set(CONTRACTS) == set(Channel) == set(REMEMBERED) == set(DELIVERY)


@pytest.mark.parametrize("channel", Channel)
def test_no_repeat_outlives_what_the_platform_remembers(channel: Channel) -> None:
    rule, memory = DELIVERY[channel], REMEMBERED[channel]

    if memory is None:
        assert rule.on_ambiguity is OnAmbiguity.WAIT
        assert CONTRACTS[channel].idempotency is Idempotency.AT_MOST_ONCE
    else:
        assert rule.on_ambiguity is OnAmbiguity.RESEND
        assert timedelta() < rule.resend_for <= memory


def test_a_repeat_of_a_template_message_leaves_a_minute_before_the_platform_forgets() -> None:
    assert DELIVERY[Channel.TEMPLATE].resend_for == timedelta(minutes=9)


@pytest.mark.parametrize("channel", Channel)
def test_every_code_of_a_channel_has_a_meaning(channel: Channel) -> None:
    errors = CONTRACTS[channel].errors

    assert ErrorClass.OTHER not in errors.values()
    shared = errors.keys() & MEANINGS.keys()
    assert {code: errors[code] for code in shared} == {code: MEANINGS[code] for code in shared}
    assert bool(errors) is (CONTRACTS[channel].platform is not None)


def test_every_written_code_is_of_some_channel() -> None:
    told = {code for contract in CONTRACTS.values() for code in contract.error_codes}

    assert set(MEANINGS) <= told


def test_a_person_is_reached_by_what_the_platform_asks_for() -> None:
    needs = {channel: contract.needs for channel, contract in CONTRACTS.items()}

    assert needs[Channel.SUBSCRIPTION] == {Need.ACCOUNT, Need.RIGHT}
    assert needs[Channel.TEMPLATE] == {Need.FOLLOWS}
    assert needs[Channel.MEDICAL_ASSISTANT] == {Need.OPENID}
    assert needs[Channel.CUSTOMER_SERVICE] == {Need.ACCOUNT, Need.WINDOW}
    assert needs[Channel.WECOM_GROUP_TASK] == {Need.CONTACT}
    assert needs[Channel.SMS] == {Need.PHONE}
    assert needs[Channel.INBOX] == set()


def test_a_long_term_template_spends_no_right_and_is_repeated_no_more_than_the_other() -> None:
    contract = contract_of(Channel.SUBSCRIPTION, is_long_term=True)

    assert contract is LONG_TERM_SUBSCRIPTION
    assert Need.RIGHT not in contract.needs
    assert contract.delivery.on_ambiguity is OnAmbiguity.WAIT
    assert contract.quotas == CONTRACTS[Channel.SUBSCRIPTION].quotas
    assert contract_of(Channel.SUBSCRIPTION) is CONTRACTS[Channel.SUBSCRIPTION]
    assert contract_of(Channel.SMS, is_long_term=True) is CONTRACTS[Channel.SMS]


def test_the_platforms_limits_stand_as_they_are_published() -> None:
    def limits(channel: Channel) -> set[tuple[int, Per, timedelta, Excess]]:
        return {(q.most, q.per, q.within, q.excess) for q in CONTRACTS[channel].quotas}

    day, hour, minute = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
    assert limits(Channel.SUBSCRIPTION) == {(10_000_000, Per.ACCOUNT, day, Excess.REFUSED)}
    assert limits(Channel.TEMPLATE) == {(100_000, Per.ACCOUNT, day, Excess.REFUSED)}
    assert limits(Channel.CUSTOMER_SERVICE) == {
        (5, Per.WINDOW, timedelta(hours=48), Excess.REFUSED),
        (2, Per.WINDOW, minute, Excess.REFUSED),
    }
    assert limits(Channel.WECOM_TEXT) == {
        (200, Per.SEAT, day, Excess.REFUSED),
        (30, Per.PERSON, minute, Excess.DROPPED),
        (1000, Per.PERSON, hour, Excess.DROPPED),
    }
    assert all(quota.source for contract in CONTRACTS.values() for quota in contract.quotas)


def test_what_a_channel_carries_fits_the_platform() -> None:
    carries = {channel: contract.carries for channel, contract in CONTRACTS.items()}

    assert carries[Channel.WECOM_TEXT].longest == 2048
    assert carries[Channel.WECOM_GROUP_TASK].longest == 4000
    assert carries[Channel.WECOM_CARD].buttons == 6
    assert carries[Channel.SUBSCRIPTION].form is Form.KEYWORDS
    assert not carries[Channel.SMS].has_page


def test_only_the_inbox_and_a_changed_card_stay_off_the_lock_screen() -> None:
    hidden = {channel for channel, one in CONTRACTS.items() if not one.is_on_lock_screen}

    assert hidden == {Channel.INBOX, Channel.WECOM_CARD_UPDATE}


def test_only_sms_costs_money_and_it_is_a_patients_channel() -> None:
    assert [channel for channel, one in CONTRACTS.items() if one.cost_fen] == [Channel.SMS]
    assert Channel.SMS in TO_PATIENTS
    assert Channel.WECOM_CARD not in TO_PATIENTS
    assert all(CONTRACTS[one].audience is Audience.PATIENT for one in TO_PATIENTS)


def test_receipts_come_by_the_ways_the_platforms_have() -> None:
    by_event = {c for c, one in CONTRACTS.items() if one.receipt is Receipt.EVENT}
    asked = {c for c, one in CONTRACTS.items() if one.receipt is Receipt.QUERY}

    assert by_event == {Channel.SUBSCRIPTION, Channel.TEMPLATE}
    assert asked == {Channel.WECOM_GROUP_TASK, Channel.SMS}


def test_the_document_tells_each_contract_as_it_is() -> None:
    text = (ROOT / "docs" / "channels.md").read_text("utf-8")
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    told = {Channel(row[0].split("`")[1]): [cell.strip() for cell in row] for row in rows}

    assert set(told) == set(Channel)
    for channel, contract in CONTRACTS.items():
        *_, repeat, receipt, lock_screen, fen = told[channel]
        assert receipt == contract.receipt, channel
        assert lock_screen == ("yes" if contract.is_on_lock_screen else "no"), channel
        assert fen == str(contract.cost_fen), channel
        assert repeat.startswith(("our own", contract.idempotency)), channel
