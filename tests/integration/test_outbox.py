"""The outbox, message by message: what each answer of a platform does, and who goes first."""

import json
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.outreach.messaging import (
    Accepted,
    Channel,
    CommunicationState,
    ErrorClass,
    Failure,
    Lane,
    Platform,
    classify,
    dedupe_key,
)
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.trust.access import Relation
from app.models import (
    Communication,
    CommunicationAttempt,
    EarlyReceipt,
    Event,
    Patient,
    PatientLink,
    SubscriptionGrant,
    Task,
    TaskOwner,
)
from app.models.outreach.subscription_ledger import balance
from app.services.outreach import outbox
from tests.conftest import NOON
from tests.integration.postbox import (
    TEMPLATE,
    account,
    allow,
    call,
    end_leases,
    letter,
    states,
    with_right,
)

pytestmark = pytest.mark.both_databases

State = CommunicationState
MIDNIGHT = datetime(2026, 5, 5, tzinfo=HOSPITAL)


def answer(session: Session, outcome: Accepted | Failure, now: datetime = NOON) -> None:
    """Call what is due and let the platform answer `outcome`."""
    token, ids = call(session, now)
    assert outbox.settle(session, token, dict.fromkeys(ids, outcome), now) == []
    session.flush()
    session.expire_all()


def events(session: Session) -> list[str]:
    return list(session.scalars(select(Event.kind)))


# What each class of section "error classes" does to a message whose call costs a right:
# state, seconds until it is due again (least, most), tries counted, rights left of 3, told.
MINUTE, TOMORROW = (60, 65), (43_500, 43_500)  # from noon: 00:05 is twelve hours and five minutes
TABLE = [
    (40014, State.HELD, None, 1, 3, False),
    (42001, State.HELD, None, 1, 3, False),
    (40001, State.HELD, None, 1, 3, False),
    (-1, State.QUEUED, (2.5, 5), 1, 3, False),
    (43108, State.QUEUED, (1, 5), 0, 3, False),
    (45011, State.QUEUED, MINUTE, 0, 3, False),
    (45009, State.QUEUED, TOMORROW, 0, 3, False),
    (43101, State.REFUSED, None, 1, 0, True),
    (40003, State.REFUSED, None, 1, 3, True),
    (48002, State.REFUSED, None, 1, 3, True),
    (45015, State.REFUSED, None, 1, 3, True),
    (45047, State.REFUSED, None, 1, 3, True),
    (47003, State.DEAD, None, 1, 3, True),
    (87014, State.DEAD, None, 1, 3, True),
    (40037, State.DEAD, None, 1, 3, True),
    (40013, State.HELD, None, 1, 3, False),
    (48001, State.HELD, None, 1, 3, False),
    (50002, State.HELD, None, 1, 3, False),
    (45065, State.SENT, None, 1, 2, False),
    (99999, State.HELD, None, 1, 3, False),
]


@pytest.mark.parametrize(("errcode", "state", "due", "tries", "rights", "told"), TABLE)
def test_each_refusal_does_what_the_table_of_error_classes_says(
    session: Session,
    errcode: int,
    state: State,
    due: tuple[float, float] | None,
    tries: int,
    rights: int,
    told: bool,
) -> None:
    user = account(session, rights=3)
    message = with_right(session, user)

    answer(session, Failure(classify(Platform.WECHAT, errcode), errcode))

    assert message.state is state
    assert message.tries == tries
    assert balance(session, user.id, TEMPLATE) == rights
    assert (events(session) == ["communication.failed"]) is told
    assert message.in_flight is message.claim_token is None
    if due is not None:
        assert due[0] <= (message.due_at - NOON).total_seconds() <= due[1]
    attempt = session.scalars(select(CommunicationAttempt)).one()
    assert attempt.finished_at == NOON
    assert attempt.errcode == errcode


@pytest.mark.parametrize(
    ("channel", "state", "wait"),
    [
        (Channel.SUBSCRIPTION, State.UNKNOWN, (900, 900)),
        (Channel.WECOM_CARD_UPDATE, State.UNKNOWN, (900, 900)),
        (Channel.TEMPLATE, State.QUEUED, (2.5, 5)),
        (Channel.SMS, State.QUEUED, (2.5, 5)),
        (Channel.WECOM_CARD, State.QUEUED, (2.5, 5)),
    ],
)
def test_a_call_that_broke_off_is_repeated_only_where_the_platform_drops_repeats(
    session: Session, channel: Channel, state: State, wait: tuple[float, float]
) -> None:
    message = letter(session, channel=channel)

    answer(session, Failure(ErrorClass.AMBIGUOUS))

    assert message.state is state
    assert wait[0] <= (message.due_at - NOON).total_seconds() <= wait[1]


def test_a_call_that_broke_off_keeps_the_right_it_may_have_spent(session: Session) -> None:
    user = account(session, rights=1)
    message = with_right(session, user)

    answer(session, Failure(ErrorClass.AMBIGUOUS))
    outbox.sweep(session, NOON + timedelta(minutes=16))

    assert message.state is State.DEAD
    assert message.reason == "no-receipt"
    assert balance(session, user.id, TEMPLATE) == 0
    assert events(session) == ["communication.failed"]


def test_a_template_message_is_not_repeated_once_the_platform_forgets_its_id(
    session: Session,
) -> None:
    message = letter(session, channel=Channel.TEMPLATE)
    answer(session, Failure(ErrorClass.AMBIGUOUS))
    assert message.state is State.QUEUED

    _, called = call(session, NOON + timedelta(minutes=9))  # the queue was long

    assert called == []
    assert message.state is State.UNKNOWN


def test_one_that_was_only_busy_is_repeated_however_late(session: Session) -> None:
    message = letter(session, channel=Channel.TEMPLATE)
    answer(session, Failure(ErrorClass.BUSY, -1))

    _, called = call(session, NOON + timedelta(hours=1))

    assert called == [message.id]


def test_a_busy_platform_is_asked_eight_times_and_then_no_more(session: Session) -> None:
    message = letter(session)
    for _ in range(8):
        assert message.state is State.QUEUED
        answer(session, Failure(ErrorClass.BUSY, -1), message.due_at)

    assert (message.state, message.reason) == (State.DEAD, "tries-used-up")
    assert events(session) == ["communication.failed"]


def test_what_never_left_is_tried_ever_more_seldom_until_it_goes(session: Session) -> None:
    message = letter(session)
    for _ in range(15):
        at = message.due_at
        answer(session, Failure(ErrorClass.NOT_SENT), at)
        assert message.state is State.QUEUED
    assert message.due_at - at >= timedelta(minutes=2.5)

    answer(session, Accepted("p-1"), message.due_at)

    assert message.state is State.SENT


def test_a_person_who_is_busy_many_times_costs_no_try_and_no_right(session: Session) -> None:
    user = account(session, rights=1)
    message = with_right(session, user)
    for _ in range(12):
        answer(session, Failure(ErrorClass.PERSON_BUSY, 43108), message.due_at)

    answer(session, Accepted("p-1"), message.due_at)

    assert (message.state, message.tries) == (State.SENT, 1)
    assert balance(session, user.id, TEMPLATE) == 0
    changes = list(session.scalars(select(SubscriptionGrant.change)))
    assert (changes.count(-1), changes.count(1)) == (13, 13)


def test_without_a_right_nothing_is_called_and_another_channel_is_told(session: Session) -> None:
    user = account(session)
    message = with_right(session, user)

    _, called = call(session)

    assert called == []
    assert (message.state, message.reason) == (State.REFUSED, "no-right-left")
    assert events(session) == ["communication.failed"]


def test_one_right_serves_one_of_two_messages(session: Session) -> None:
    user = account(session, rights=1)
    first, second = with_right(session, user), with_right(session, user)

    answer(session, Accepted("p-1"))
    _, called = call(session)

    assert (first.state, second.state, called) == (State.SENT, State.REFUSED, [])


def test_a_right_given_after_a_refusal_counts_again(session: Session) -> None:
    user = account(session, rights=3)
    with_right(session, user)
    answer(session, Failure(ErrorClass.RECIPIENT, 43101))

    allow(session, user, 1)

    assert balance(session, user.id, TEMPLATE) == 1


def test_a_card_that_was_taken_is_delivered_and_keeps_its_code(session: Session) -> None:
    card = letter(session, channel=Channel.WECOM_CARD)

    answer(session, Accepted("p-1", "code-1", refused=("gone",)))

    assert (card.state, card.delivered_at) == (State.DELIVERED, NOON)
    assert card.response_code == "code-1"
    assert card.reason == "1 recipients left out"


def test_a_receipt_that_came_before_the_answer_settles_the_message(session: Session) -> None:
    message = letter(session)
    outcome = {"is_delivered": True, "outcome": "success", "template_id": None}
    session.add(
        EarlyReceipt(
            app_key="patient", platform_id="p-1", kind="TEMPLATESENDJOBFINISH", outcome=outcome,
            at=NOON,
        )
    )  # fmt: skip

    answer(session, Accepted("p-1"))

    assert message.state is State.DELIVERED
    assert not session.scalars(select(EarlyReceipt)).all()


# --------------------------------------------------------------------------- who is called


def test_clinical_messages_go_before_all_others_and_older_before_newer(session: Session) -> None:
    late = NOON - timedelta(minutes=1)
    bulk = letter(session, "a", lane=Lane.BULK, due_at=NOON - timedelta(hours=1))
    personal = letter(session, "b", lane=Lane.TRANSACTIONAL, due_at=late)
    clinical = [letter(session, f"c{n}", lane=Lane.CLINICAL, due_at=late) for n in range(2)]

    assert outbox.claim(session, NOON, 2)[1] == [one.id for one in clinical]
    assert outbox.claim(session, NOON, 1)[1] == [personal.id]
    assert outbox.claim(session, NOON, 1)[1] == [bulk.id]


def test_one_recipient_has_one_message_under_way(session: Session) -> None:
    for _ in range(3):
        letter(session)

    assert len(outbox.claim(session, NOON)[1]) == 1
    assert outbox.claim(session, NOON)[1] == []


def test_a_recipient_with_many_messages_does_not_hide_the_others(session: Session) -> None:
    for _ in range(30):
        letter(session, "oMany", due_at=NOON - timedelta(hours=1))
    other = letter(session, "oOther")

    claimed = outbox.claim(session, NOON, 4)[1] + outbox.claim(session, NOON, 4)[1]

    assert other.id in claimed
    assert len(claimed) == 2


def test_nothing_is_claimed_before_it_is_due_or_for_a_channel_nobody_serves(
    session: Session,
) -> None:
    letter(session, "a", due_at=NOON + timedelta(seconds=1))
    letter(session, "b", channel=Channel.SMS)

    assert outbox.claim(session, NOON, channels=[Channel.TEMPLATE])[1] == []


def _to_patient(session: Session) -> tuple[Patient, PatientLink, Task, Communication]:
    user = account(session)
    patient = Patient(name="李测试", phone="12000000001", created_at=NOON, updated_at=NOON)
    session.add(patient)
    session.flush()
    link = PatientLink(
        account_id=user.id, patient_id=patient.id, relation=Relation.SELF,
        evidence="phone-code", starts_at=NOON,
    )  # fmt: skip
    task = Task(
        patient_id=patient.id, kind="measurement", title="测血糖", slot="s1",
        status=TaskStatus.READY, owner=TaskOwner.PATIENT, starts_at=NOON, due_at=NOON,
        ends_at=NOON + timedelta(hours=2), created_at=NOON,
    )  # fmt: skip
    session.add_all([link, task])
    session.flush()
    message = letter(session, patient_id=patient.id, link_id=link.id, task_id=task.id)
    return patient, link, task, message


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("done", "task-over"), ("missed", "task-over"), ("unbound", "unbound"),
        ("deceased", "deceased"),
    ],
)  # fmt: skip
def test_a_message_whose_reason_went_away_is_cancelled_before_the_call(
    session: Session, what: str, reason: str
) -> None:
    patient, link, task, message = _to_patient(session)
    token, claimed = outbox.claim(session, NOON)
    if what == "unbound":
        link.is_live = None
    elif what == "deceased":
        patient.deceased_at = NOON
    else:
        task.status = TaskStatus.COMPLETED if what == "done" else TaskStatus.MISSED
    session.flush()

    assert outbox.begin_calling(session, token, claimed, NOON) == []
    assert (message.state, message.reason) == (State.CANCELLED, reason)


def test_a_message_with_its_reason_is_called(session: Session) -> None:
    message = _to_patient(session)[3]

    assert call(session)[1] == [message.id]


def test_a_message_past_its_time_expires_claimed_or_not(session: Session) -> None:
    soon = NOON + timedelta(minutes=5)
    waiting, held = letter(session, "a", expires_at=soon), letter(session, "b", expires_at=soon)
    held.state = State.HELD
    claimed = letter(session, "c", expires_at=soon)
    token, ids = outbox.claim(session, NOON)
    assert ids == [waiting.id, claimed.id]

    assert outbox.begin_calling(session, token, [claimed.id], soon) == []
    end_leases(session)
    outbox.sweep(session, soon)

    assert [one.state for one in (waiting, held, claimed)] == [State.EXPIRED] * 3


def test_what_nobody_can_read_is_held_and_the_others_are_called(session: Session) -> None:
    broken, whole = letter(session, "a"), letter(session, "b")
    broken.content_sealed = whole.content_sealed  # sealed for another row
    session.flush()

    _, called = call(session)

    assert called == [whole.id]
    assert (broken.state, broken.reason) == (State.HELD, "unreadable")


# ------------------------------------------------------------------------ leases and sweeping


def test_a_worker_that_wakes_after_its_lease_calls_nothing(session: Session) -> None:
    message = letter(session)
    token, claimed = outbox.claim(session, NOON)
    end_leases(session)

    assert outbox.begin_calling(session, token, claimed, NOON) == []
    outbox.sweep(session, NOON)
    again, _ = call(session)

    assert outbox.begin_calling(session, token, claimed, NOON) == []
    assert (message.state, message.claim_token) == (State.CALLING, again)


def test_an_answer_that_comes_after_the_lease_writes_nothing(session: Session) -> None:
    message = letter(session)
    token, ids = call(session)
    end_leases(session)
    outbox.sweep(session, NOON)
    again, _ = call(session, message.due_at)

    lost = outbox.settle(session, token, dict.fromkeys(ids, Accepted("late")), NOON)
    session.flush()

    assert lost == [message.id]
    assert (message.state, message.claim_token) == (State.CALLING, again)
    assert message.platform_id is None


def test_a_batch_that_waited_for_others_gets_a_lease_of_its_own(session: Session) -> None:
    message = letter(session)
    token, claimed = outbox.claim(session, NOON)
    nearly = text("UPDATE communication SET lease_until = :soon")
    session.execute(nearly, {"soon": datetime.now() + timedelta(days=1)})
    session.expire_all()
    before = message.lease_until

    outbox.begin_calling(session, token, claimed, NOON)
    session.expire_all()

    assert message.lease_until is not None
    assert message.lease_until != before


def test_the_sweeper_takes_up_what_a_dead_worker_left(session: Session) -> None:
    claimed, resent, once = (
        letter(session, "a"),
        letter(session, "b", Channel.WECOM_CARD),
        letter(session, "c", Channel.WECOM_CARD_UPDATE),
    )
    token, ids = outbox.claim(session, NOON)
    outbox.begin_calling(session, token, [resent.id, once.id], NOON)
    assert len(ids) == 3
    end_leases(session)

    counts = outbox.sweep(session, NOON)

    assert counts == {"requeued": 1, "unknown": 2, "expired": 0, "presumed": 0}
    assert [one.state for one in (claimed, resent, once)] == [
        State.QUEUED,
        State.QUEUED,
        State.UNKNOWN,
    ]
    assert (claimed.tries, resent.tries, once.tries) == (0, 1, 1)
    assert outbox.sweep(session, NOON)["unknown"] == 0


def test_no_message_rests_anywhere_unseen(session: Session) -> None:
    long_ago = NOON - outbox.AGE_LIMIT - timedelta(minutes=1)
    unfinished = [State.QUEUED, State.CLAIMED, State.CALLING, State.HELD, State.UNKNOWN, State.SENT]
    for number, state in enumerate(unfinished):
        for age, moment in (("old", long_ago), ("new", NOON)):
            letter(
                session, f"{age}{number}", state=state, due_at=moment,
                lease_until=moment, sent_at=moment,
            )  # fmt: skip
    letter(session, "odd", state=State.SENT, sent_at=None)
    for state in set(State) - set(unfinished):
        letter(session, f"end-{state}", state=state, due_at=long_ago)

    found = outbox.overdue(session, NOON)

    assert found == dict.fromkeys(unfinished, 1) | {State.SENT: 2}


def test_the_content_given_to_a_sender_is_what_was_queued(session: Session) -> None:
    message = letter(session, "oPatient1")
    token, claimed = outbox.claim(session, NOON)

    ((id_, outgoing),) = outbox.begin_calling(session, token, claimed, NOON)

    assert (id_, outgoing.public_id) == (message.id, message.public_id)
    assert outgoing.content == json.loads(message.content or "")
    assert states(session) == {State.CALLING: 1}


@pytest.mark.parametrize(
    ("said", "reason"), [("字" * 21, "unfit: thing1"), ("记录今天的血糖", "reveals")]
)
def test_what_would_be_refused_or_read_by_others_is_never_called(
    session: Session, said: str, reason: str
) -> None:
    content = json.dumps({"openid": "oPatient1", "data": {"thing1": said}})
    message = Communication.queue(
        session, dedupe_key=dedupe_key("unfit"), kind="task-reminder", channel=Channel.TEMPLATE,
        lane=Lane.BULK, app_key="patient", recipient_key="patient:oPatient1", planned_at=NOON,
        due_at=NOON, expires_at=NOON + timedelta(days=1), content=content,
    )  # fmt: skip

    assert message is not None
    assert (message.state, message.reason) == (State.DEAD, reason)
    assert outbox.claim(session, NOON)[1] == []
    assert session.scalars(select(Event.kind)).all() == ["communication.failed"]
