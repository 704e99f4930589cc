"""Notices by the channel that leads to each person, and by the next where one does not."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.criteria.population import PreferenceKind
from app.domain.outreach.decency import Purpose
from app.domain.outreach.messaging import (
    Accepted,
    Channel,
    CommunicationState,
    ErrorClass,
    Failure,
    Lane,
    PatientTemplate,
)
from app.domain.outreach.platform_events import Inbound, PlatformMessage
from app.domain.trust.access import Relation
from app.domain.trust.consenting import CURRENT_TEXTS, ConsentPurpose
from app.models import (
    Communication,
    Consent,
    Event,
    Patient,
    PatientLink,
    Preference,
    SubscriptionGrant,
    WeChatAccount,
)
from app.models.outreach.reachability import gather
from app.services.outreach import inbox, outbox, patient_notices
from app.services.outreach.patient_notices import Notice
from jobs.platform_events import handlers
from tests import factories
from tests.conftest import NOON
from tests.integration import postbox, records, ward
from tests.integration.test_patient_timeline import statements
from tests.integration.ward import Ward

State = CommunicationState
DAY = timedelta(days=1)
OUTLETS = replace(
    ward.OUTLETS, sms=True, sms_price=5, texts={"task-reminder": "care", "alert-notice": "care"}
)


def notice(number: int = 1, **more: Any) -> Notice:
    said = {
        "kind": "task-reminder", "subject": f"s{number}", "title": "您有一项今日健康任务",
        "text": "测血糖", "page": "pages/today/index", "lane": Lane.TRANSACTIONAL,
        "expires_at": NOON + DAY, **more,
    }  # fmt: skip
    return Notice(**said)


def tell(
    session: Session,
    who: Ward,
    told: Notice | None = None,
    outlets: Any = OUTLETS,
    now: datetime = NOON,
) -> None:
    patient_notices.notify_patient(
        session, who.patient.id, told or notice(), now, HOSPITAL, outlets
    )


def sent(session: Session) -> list[Communication]:
    """Return what was queued besides the inbox, the oldest first."""
    return list(
        session.scalars(
            select(Communication)
            .where(Communication.channel != Channel.INBOX)
            .order_by(Communication.id)
        )
    )


def agree(
    session: Session, who: Ward, purpose: ConsentPurpose = ConsentPurpose.MESSAGES, yes: bool = True
) -> None:
    session.add(
        Consent.to(
            CURRENT_TEXTS[purpose], patient_id=who.patient.id, account_id=who.account.id,
            is_given=yes, now=NOON,
        )
    )  # fmt: skip
    session.flush()


def follow(session: Session, who: Ward, **more: Any) -> WeChatAccount:
    follower = WeChatAccount(
        app_key="service", openid="oFollower1", unionid=who.account.unionid, is_following=True,
        created_at=NOON, last_seen_at=NOON, **more,
    )  # fmt: skip
    session.add(follower)
    session.flush()
    return follower


def prefer(session: Session, who: Ward, kind: PreferenceKind, value: str) -> None:
    session.add(
        Preference(
            patient_id=who.patient.id, kind=kind, value=value, is_stated=True, share=Decimal(1),
            evidence={}, updated_at=NOON,
        )
    )  # fmt: skip
    session.flush()


def answer(session: Session, who: Ward, reason: str) -> None:
    session.add(
        SubscriptionGrant(
            account_id=who.account.id, template_id="tmpl-sub", change=0, reason=reason, at=NOON
        )
    )
    session.flush()


@pytest.fixture
def who(session: Session) -> Ward:
    return ward.build(session)


# ----------------------------------------------------------------------------- the first one


def test_with_nothing_but_a_bound_record_there_is_the_inbox(session: Session, who: Ward) -> None:
    tell(session, who)

    assert sent(session) == []
    assert session.scalars(select(Communication)).one().state is State.DELIVERED


def test_it_is_kept_why_a_message_goes_by_its_channel(session: Session, who: Ward) -> None:
    ward.grant(session, who, 1)
    agree(session, who)

    tell(session, who)

    message = sent(session)[0]
    assert (message.channel, message.purpose) == (Channel.SUBSCRIPTION, Purpose.REMINDER)
    assert message.chosen == {
        "grounds": "right-left", "place": "usual", "after": None, "next": ["sms"],
        "left_out": {"template": "not-following"},
    }  # fmt: skip
    assert message.falls_at == NOON + timedelta(hours=2)


def test_a_right_that_a_waiting_message_will_spend_is_not_counted_again(
    session: Session, who: Ward
) -> None:
    ward.grant(session, who, 1)

    tell(session, who, notice(1))
    tell(session, who, notice(2))

    assert [json.loads(one.content or "")["subject"] for one in sent(session)] == ["s1"]


def test_an_sms_goes_where_nothing_else_leads_and_only_to_who_agreed(
    session: Session, who: Ward
) -> None:
    tell(session, who)
    assert sent(session) == []

    agree(session, who)
    tell(session, who, notice(2))

    message = sent(session)[0]
    assert (message.channel, message.falls_at) == (Channel.SMS, None)
    content = json.loads(message.content or "")
    assert (content["phone"], content["template"]) == ("12000000001", "care")
    assert content["params"] == {"title": "您有一项今日健康任务", "time": "2026-05-04 12:00"}


def test_two_parents_and_one_phone_make_one_sms(session: Session, who: Ward) -> None:
    who.link.relation = Relation.CHILD
    other = WeChatAccount(app_key="patient", openid="oDad", created_at=NOON, last_seen_at=NOON)
    session.add(other)
    session.flush()
    session.add(
        PatientLink(
            account_id=other.id, patient_id=who.patient.id, relation=Relation.CHILD,
            evidence="desk-code", starts_at=NOON,
        )
    )  # fmt: skip
    session.flush()
    agree(session, who)
    agree(session, replace(who, account=other))

    tell(session, who)

    assert [one.channel for one in sent(session)] == [Channel.SMS]


def test_who_asked_for_the_official_account_gets_it_there(session: Session, who: Ward) -> None:
    ward.grant(session, who, 1)
    follow(session, who)
    prefer(session, who, PreferenceKind.CHANNEL, "official-account")

    tell(session, who)

    message = sent(session)[0]
    assert (message.channel, message.chosen or {}) == (
        Channel.TEMPLATE, {"grounds": "follows", "place": "asked-for", "after": None,
                           "next": ["subscription"], "left_out": {"sms": "sms-not-agreed"}},
    )  # fmt: skip


def test_what_was_opened_lately_goes_first_next_time(session: Session, who: Ward) -> None:
    ward.grant(session, who, 3)
    tell(session, who)
    follow(session, who)
    first = sent(session)[0]
    first.state, first.delivered_at = State.DELIVERED, NOON
    session.flush()
    read = inbox.messages_of(session, who.patient.id, None, NOON)[0][0]

    inbox.mark_opened(session, who.patient.id, read.id, NOON)

    person = gather(session, [who.patient.id], OUTLETS, NOON)[who.patient.id]
    assert person.opened == {Channel.SUBSCRIPTION: 1}


def test_a_long_term_template_is_for_who_did_not_refuse_it(session: Session, who: Ward) -> None:
    template = PatientTemplate("tmpl-sub", {"thing1": "{title}"}, is_long_term=True)
    outlets = replace(ward.OUTLETS, subscriptions={"task-reminder": template})

    tell(session, who, notice(1), outlets)
    answer(session, who, "phone-refused")
    tell(session, who, notice(2), outlets)
    answer(session, who, "callback-long-term")
    tell(session, who, notice(3), outlets)

    subjects = [json.loads(one.content or "")["subject"] for one in sent(session)]
    assert subjects == ["s1", "s3"]
    assert not sent(session)[0].needs_right


def test_customer_service_answers_for_48_hours(session: Session, who: Ward) -> None:
    outlets = replace(ward.OUTLETS, customer_service=True)
    wrote = PlatformMessage("text", who.account.openid, NOON - timedelta(hours=47), {})
    handlers(ward.WORK)["text"](session, Inbound("patient", wrote, NOON), NOON)

    tell(session, who, notice(1), outlets)
    tell(session, who, notice(2), outlets, NOON + timedelta(hours=1))

    (message,) = sent(session)
    assert (message.channel, message.app_key) == (Channel.CUSTOMER_SERVICE, "patient")
    content = json.loads(message.content or "")
    assert (content["openid"], content["text"]) == ("oPatient1", "您有一项今日健康任务")


@pytest.mark.parametrize(
    ("no", "purpose", "is_told"),
    [
        (ConsentPurpose.HEALTH_DATA, Purpose.ALERT, False),
        (ConsentPurpose.MESSAGES, Purpose.ALERT, False),
        (ConsentPurpose.REMINDERS, Purpose.ALERT, True),
        (ConsentPurpose.REMINDERS, Purpose.REMINDER, False),
        (ConsentPurpose.EDUCATION, Purpose.EDUCATION, False),
        (ConsentPurpose.SURVEYS, Purpose.EDUCATION, True),
    ],
)
def test_each_purpose_can_be_switched_off(
    session: Session, who: Ward, no: ConsentPurpose, purpose: Purpose, is_told: bool
) -> None:
    ward.grant(session, who, 1)
    agree(session, who, no, yes=False)

    tell(session, who, notice(purpose=purpose))

    assert bool(sent(session)) is is_told


def test_what_is_sent_to_many_is_due_at_the_hour_at_which_the_patient_is_there(
    session: Session, who: Ward
) -> None:
    ward.grant(session, who, 2)
    follow(session, who)
    prefer(session, who, PreferenceKind.REACH_HOUR, "19")

    tell(session, who, notice(1))
    tell(session, who, notice(2, lane=Lane.BULK, expires_at=NOON + 3 * DAY))

    assert [(one.due_at, one.falls_at) for one in sent(session)] == [
        (NOON, NOON + timedelta(hours=2)),
        (NOON + timedelta(hours=7), NOON + timedelta(hours=31)),
    ]


def test_five_hundred_people_are_told_with_as_many_statements_as_one(
    session: Session, who: Ward
) -> None:
    everybody = [who.patient.id]
    for number in range(120):
        patient = factories.patient(session, f"患者{number}")
        account = WeChatAccount(
            app_key="patient", openid=f"oMany{number}", unionid=f"uMany{number}",
            created_at=NOON, last_seen_at=NOON,
        )  # fmt: skip
        session.add(account)
        session.flush()
        session.add(
            PatientLink(
                account_id=account.id, patient_id=patient.id, relation=Relation.SELF,
                evidence="phone-code", starts_at=NOON,
            )
        )  # fmt: skip
        everybody.append(patient.id)
    session.flush()

    with statements(session) as few:
        gather(session, everybody[:1], OUTLETS, NOON)
    with statements(session) as many:
        found = gather(session, everybody, OUTLETS, NOON)

    assert len(found) == 121
    assert len(many) == len(few) <= 10


# ------------------------------------------------------------------------------ one of several


def tasks(session: Session, who: Ward, *kinds: str, minutes: int = 0) -> None:
    for kind in kinds:
        factories.task(
            session, who.patient, kind=kind, title=kind,
            remind_at=NOON + timedelta(minutes=minutes),
        )  # fmt: skip


def titles(session: Session) -> list[str]:
    return [json.loads(one.content or "")["title"] for one in sent(session)]


def test_reminders_of_the_next_half_hour_are_told_in_one_message(
    session: Session, who: Ward
) -> None:
    ward.grant(session, who, 3)
    tasks(session, who, "measurement", "medication")
    tasks(session, who, "measurement", minutes=30)
    tasks(session, who, "measurement", minutes=31)

    assert patient_notices.remind_of_tasks(session, NOON, HOSPITAL, OUTLETS) == 3

    assert titles(session) == ["您有3项今日健康任务"]
    assert sent(session)[0].purpose is Purpose.REMINDER
    later = NOON + timedelta(minutes=31)
    assert patient_notices.remind_of_tasks(session, later, HOSPITAL, OUTLETS) == 1


def test_a_digest_names_what_the_patient_wants_to_hear_of(session: Session, who: Ward) -> None:
    ward.grant(session, who, 3)
    agree(session, who, ConsentPurpose.SURVEYS, yes=False)
    tasks(session, who, "measurement", "measurement", "questionnaire")

    patient_notices.remind_of_tasks(session, NOON, HOSPITAL, OUTLETS)

    assert titles(session) == ["您有2项今日健康任务"]
    shown = inbox.messages_of(session, who.patient.id, None, NOON)[0][0]
    assert shown.text == "measurement\nmeasurement\nquestionnaire"


def test_who_wants_to_hear_of_nothing_finds_it_in_the_inbox(session: Session, who: Ward) -> None:
    ward.grant(session, who, 3)
    agree(session, who, ConsentPurpose.SURVEYS, yes=False)
    tasks(session, who, "questionnaire")

    assert patient_notices.remind_of_tasks(session, NOON, HOSPITAL, OUTLETS) == 1

    assert titles(session) == []
    assert len(inbox.messages_of(session, who.patient.id, None, NOON)[0]) == 1


# ------------------------------------------------------------------------------ the next one


def call(session: Session, outcome: Accepted | Failure, at: Any = NOON) -> list[int]:
    """Claim, call and settle what is due."""
    token, claimed = outbox.claim(session, at)
    calls = outbox.begin_calling(session, token, claimed, at)
    outbox.settle(session, token, {id_: outcome for id_, _ in calls}, at)
    session.flush()
    return [id_ for id_, _ in calls]


def late(session: Session, minutes: float) -> int:
    at = NOON + timedelta(minutes=minutes)
    return patient_notices.fall_back_late(session, at, HOSPITAL, OUTLETS)


@pytest.fixture
def reachable(session: Session, who: Ward) -> Ward:
    """By a right, as a follower and by SMS."""
    ward.grant(session, who, 3)
    follow(session, who)
    agree(session, who)
    return who


def test_what_was_refused_goes_on_by_each_next_channel_and_no_further(
    session: Session, reachable: Ward
) -> None:
    tell(session, reachable)
    for _ in range(3):
        failed = sent(session)[-1]
        failed.state = State.REFUSED
        session.flush()
        for _ in range(2):  # an event may be read twice
            patient_notices.fall_back(session, failed.id, NOON, HOSPITAL, OUTLETS)

    channels = [(one.channel, (one.chosen or {})["after"]) for one in sent(session)]
    assert channels == [
        (Channel.SUBSCRIPTION, None), (Channel.TEMPLATE, "failed"), (Channel.SMS, "failed"),
    ]  # fmt: skip


def test_what_never_left_within_its_limit_is_taken_back_for_the_next_channel(
    session: Session, reachable: Ward
) -> None:
    tell(session, reachable)
    assert late(session, 119) == 0

    assert late(session, 120) == 1

    first, second = sent(session)
    assert (first.state, first.reason, first.falls_at) == (State.CANCELLED, "too-late", None)
    assert (second.channel, (second.chosen or {})["after"]) == (Channel.TEMPLATE, "late")
    assert second.falls_at == NOON + timedelta(hours=4)
    assert late(session, 121) == 0


def test_the_last_channel_keeps_what_it_has(session: Session, who: Ward) -> None:
    ward.grant(session, who, 1)
    tell(session, who)
    sent(session)[0].falls_at = NOON  # the next led somewhere when the message was queued
    session.flush()

    assert late(session, 1) == 1

    assert [one.state for one in sent(session)] == [State.QUEUED]


def test_a_clinical_message_in_doubt_goes_on_at_once_and_says_so(
    session: Session, reachable: Ward
) -> None:
    tell(session, reachable, notice(kind="alert-notice", lane=Lane.CLINICAL, is_urgent=True))
    call(session, Failure(ErrorClass.AMBIGUOUS))
    assert sent(session)[0].state is State.UNKNOWN

    assert late(session, 5) == 1

    first, second = sent(session)
    assert (first.state, second.channel) == (State.UNKNOWN, Channel.TEMPLATE)
    assert (second.chosen or {})["after"] == "in-doubt"
    # When the doubt ends badly, the message has gone on already.
    patient_notices.fall_back(session, first.id, NOON, HOSPITAL, OUTLETS)
    assert len(sent(session)) == 2


def test_any_other_message_in_doubt_waits_until_the_doubt_is_over(
    session: Session, reachable: Ward
) -> None:
    tell(session, reachable)
    call(session, Failure(ErrorClass.AMBIGUOUS))
    message = sent(session)[0]
    message.falls_at = NOON + timedelta(minutes=1)
    session.flush()

    late(session, 1)
    assert len(sent(session)) == 1
    outbox.sweep(session, NOON + timedelta(minutes=15))

    event = session.scalars(select(Event).filter_by(kind="communication.failed")).one()
    assert event.payload["communication_id"] == message.id
    patient_notices.fall_back(session, message.id, NOON, HOSPITAL, OUTLETS)
    assert [one.channel for one in sent(session)] == [Channel.SUBSCRIPTION, Channel.TEMPLATE]


def test_what_was_taken_and_never_confirmed_goes_on_but_never_for_money(
    session: Session, reachable: Ward
) -> None:
    tell(session, reachable)
    call(session, Accepted("p-1"))

    assert late(session, 120) == 1
    call(session, Accepted("p-2"), NOON + timedelta(hours=2))
    assert late(session, 240) == 0

    assert [(one.channel, one.state) for one in sent(session)] == [
        (Channel.SUBSCRIPTION, State.SENT), (Channel.TEMPLATE, State.SENT),
    ]  # fmt: skip


def test_what_was_read_in_the_inbox_meanwhile_goes_no_further(
    session: Session, reachable: Ward
) -> None:
    tell(session, reachable)
    read = inbox.messages_of(session, reachable.patient.id, None, NOON)[0][0]
    inbox.mark_opened(session, reachable.patient.id, read.id, NOON)

    late(session, 120)

    assert len(sent(session)) == 1


def test_what_one_parent_has_read_goes_no_further_to_the_other(session: Session, who: Ward) -> None:
    who.link.relation = Relation.CHILD
    ward.grant(session, who, 1)
    follow(session, who)
    other = records.account(session, "Dad", unionid="uDad")
    records.link(session, who.patient, other, Relation.CHILD)
    postbox.allow(session, other, 1)
    dad = records.account(session, "DadFollows", unionid="uDad")
    dad.app_key, dad.is_following = "service", True
    session.flush()
    tell(session, who)
    read = inbox.messages_of(session, who.patient.id, None, NOON)[0][0]
    inbox.mark_opened(session, who.patient.id, read.id, NOON)

    assert late(session, 120) == 2

    assert len(sent(session)) == 2


def test_a_delivered_message_is_never_late(session: Session, reachable: Ward) -> None:
    tell(session, reachable)
    message = sent(session)[0]
    message.state, message.delivered_at = State.DELIVERED, NOON
    session.flush()

    assert late(session, 600) == 0


def test_who_ended_the_link_is_not_tried_again(session: Session, reachable: Ward) -> None:
    tell(session, reachable)
    reachable.link.is_live = None
    session.flush()

    late(session, 120)
    patient_notices.fall_back(session, sent(session)[0].id, NOON, HOSPITAL, OUTLETS)

    assert len(sent(session)) == 1


def test_the_deceased_are_told_nothing(session: Session, reachable: Ward) -> None:
    patient = session.get_one(Patient, reachable.patient.id)
    patient.deceased_at = NOON
    session.flush()

    tell(session, reachable)

    assert sent(session) == []
