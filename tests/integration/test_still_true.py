"""What changes between queueing and calling: each is found in the moment before the call."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.domain.intake.hospital_records import AppointmentStatus, EncounterStatus
from app.domain.outreach.decency import Cancel, Go, Postpone, Purpose, Rules, Verdict
from app.domain.outreach.messaging import Channel, CommunicationState, Lane
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.staff.contacts import StaffTaskKind
from app.domain.trust.access import Relation
from app.domain.trust.consenting import CURRENT_TEXTS, ConsentPurpose
from app.models import Appointment, Communication, Encounter, Patient, PatientLink, Task
from app.models.outreach.still_true import still_true
from app.models.staff.team_work import team_task
from app.models.trust.consent import Consent
from app.services.outreach import outbox
from tests import factories
from tests.conftest import NOON
from tests.integration import postbox, records
from tests.integration.test_patient_timeline import statements

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NIGHT = NOON + 10 * HOUR  # 22:00
STRICT = Rules(daily={Purpose.SURVEY: 1}, weekly={Purpose.SURVEY: 2})
MORNING = NOON + 20 * HOUR  # 08:00 of the next day


@dataclass
class Scene:
    """A message to a patient about a task, a booking and a visit, and all that it hangs on."""

    session: Session
    patient: Patient
    link: PatientLink
    task: Task
    booking: Appointment
    visit: Encounter
    message: Communication

    def judge(self, now: datetime = NOON, rules: Rules | None = None) -> Verdict:
        self.session.flush()
        return still_true(self.session, [self.message.id], now, rules or STRICT)[self.message.id]

    def say(self, purpose: ConsentPurpose, is_given: bool) -> None:
        self.session.add(
            Consent.to(
                CURRENT_TEXTS[purpose], patient_id=self.patient.id,
                account_id=self.link.account_id, is_given=is_given, now=NOON,
            )
        )  # fmt: skip


@pytest.fixture
def scene(session: Session) -> Scene:
    patient = factories.patient(session)
    account = postbox.account(session)
    link = records.link(session, patient, account)
    task = factories.task(session, patient)
    visit = factories.encounter(session, patient)
    booking = Appointment(
        patient_id=patient.id, issuer="HIS", number="A1", number_hash=records.digest("A1"),
        status=AppointmentStatus.BOOKED, starts_at=NOON + HOUR, created_at=NOON,
    )  # fmt: skip
    session.add(booking)
    session.flush()
    message = letter(
        session, patient, link, task_id=task.id, appointment_id=booking.id, encounter_id=visit.id
    )
    return Scene(session, patient, link, task, booking, visit, message)


def letter(session: Session, patient: Patient, link: PatientLink, **more: Any) -> Communication:
    given = {"purpose": Purpose.REMINDER, "lane": Lane.TRANSACTIONAL, **more}
    return postbox.letter(
        session, patient_id=patient.id, account_id=link.account_id, link_id=link.id, **given
    )


def decease(scene: Scene) -> None:
    scene.patient.deceased_at = NOON


def unbind(scene: Scene) -> None:
    scene.link.is_live = None


def withdraw(scene: Scene) -> None:
    scene.say(ConsentPurpose.HEALTH_DATA, True)
    scene.say(ConsentPurpose.HEALTH_DATA, False)


def guardian_withdraws(scene: Scene) -> None:
    scene.link.relation = Relation.CHILD
    scene.say(ConsentPurpose.GUARDIAN, False)


def silence(scene: Scene) -> None:
    scene.say(ConsentPurpose.MESSAGES, False)


def switch_reminders_off(scene: Scene) -> None:
    scene.say(ConsentPurpose.REMINDERS, False)


def bind_themselves(scene: Scene) -> None:
    scene.link.relation = Relation.PARENT
    own = records.account(scene.session, "Own")
    records.link(scene.session, scene.patient, own)


def part_again(scene: Scene) -> None:
    scene.link.patient_id = factories.patient(scene.session, "王测试").id


def do_it(scene: Scene) -> None:
    scene.task.status = TaskStatus.COMPLETED


def cancel_booking(scene: Scene) -> None:
    scene.booking.status = AppointmentStatus.CANCELLED


def let_booking_pass(scene: Scene) -> None:
    scene.booking.starts_at = NOON - HOUR


def cancel_visit(scene: Scene) -> None:
    scene.visit.status = EncounterStatus.CANCELLED


def age(scene: Scene) -> None:
    scene.message.expires_at = NOON


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (decease, "deceased"),
        (unbind, "unbound"),
        (withdraw, "consent-withdrawn"),
        (guardian_withdraws, "consent-withdrawn"),
        (silence, "opted-out"),
        (switch_reminders_off, "opted-out"),
        (bind_themselves, "speaks-for-themselves"),
        (part_again, "not-theirs"),
        (do_it, "task-over"),
        (cancel_booking, "appointment-over"),
        (let_booking_pass, "appointment-over"),
        (cancel_visit, "visit-cancelled"),
        (age, "expired"),
    ],
)
def test_what_is_no_longer_true_is_cancelled(
    scene: Scene, change: Callable[[Scene], None], reason: str
) -> None:
    assert scene.judge() == Go()

    change(scene)

    assert scene.judge() == Cancel(reason)


@pytest.mark.parametrize("change", [silence, withdraw, decease, unbind])
def test_being_clinical_helps_against_none_of_these(
    scene: Scene, change: Callable[[Scene], None]
) -> None:
    scene.message.lane, scene.message.purpose = Lane.CLINICAL, Purpose.ALERT
    change(scene)

    assert isinstance(scene.judge(), Cancel)


def test_a_no_to_reminders_leaves_what_is_clinical(scene: Scene) -> None:
    scene.message.lane, scene.message.purpose = Lane.CLINICAL, Purpose.ALERT
    scene.booking.starts_at = NOON + 2 * DAY
    switch_reminders_off(scene)

    assert scene.judge(NIGHT) == Go()


def test_while_a_death_is_looked_into_everything_waits(scene: Scene) -> None:
    team = factories.care_team(scene.session)
    kind = StaffTaskKind.CONFIRM_DEATH
    check = team_task(scene.patient.id, team.id, kind, "核实", "death", NOON + DAY, NOON)
    scene.session.add(check)

    assert scene.judge() == Postpone(NOON + 4 * HOUR, "death-check")
    check.status = TaskStatus.COMPLETED
    assert scene.judge() == Go()


def test_a_merge_under_way_is_waited_for(scene: Scene) -> None:
    scene.patient.merged_into_id = factories.patient(scene.session, "王测试").id

    assert scene.judge() == Postpone(NOON + timedelta(minutes=5), "merging")


def test_the_night_is_waited_out_if_the_message_is_still_valid_then(scene: Scene) -> None:
    scene.booking.starts_at = NOON + 2 * DAY

    assert scene.judge(NIGHT) == Postpone(MORNING, "quiet-hours")
    scene.message.expires_at = MORNING
    assert scene.judge(NIGHT) == Cancel("quiet-hours")


def heard(scene: Scene, count: int, purpose: Purpose, at: datetime, **more: Any) -> None:
    for _ in range(count):
        one = letter(scene.session, scene.patient, scene.link, purpose=purpose, **more)
        one.state, one.first_called_at = CommunicationState.DELIVERED, at


def test_who_heard_enough_today_hears_the_rest_in_the_morning(scene: Scene) -> None:
    scene.message.purpose = Purpose.SURVEY
    scene.booking.starts_at = NOON + 2 * DAY
    heard(scene, 3, Purpose.REMINDER, NOON)
    heard(scene, 1, Purpose.SURVEY, NOON - DAY)
    assert scene.judge() == Go()

    heard(scene, 1, Purpose.SURVEY, NOON - HOUR)

    assert scene.judge() == Postpone(MORNING, "enough")
    assert scene.judge(rules=Rules(daily={}, weekly={})) == Go()
    assert scene.judge(rules=Rules(daily={}, weekly={Purpose.SURVEY: 2})) == Postpone(
        MORNING, "enough"
    )


def test_what_failed_and_what_stood_in_for_it_are_not_counted(scene: Scene) -> None:
    scene.message.purpose = Purpose.SURVEY
    heard(scene, 1, Purpose.SURVEY, NOON - HOUR, fallback_of_id=scene.message.id)
    failed = letter(scene.session, scene.patient, scene.link, purpose=Purpose.SURVEY)
    failed.state, failed.first_called_at = CommunicationState.REFUSED, NOON

    assert scene.judge() == Go()


def test_messages_of_one_batch_are_counted_too(scene: Scene) -> None:
    survey = {"purpose": Purpose.SURVEY}
    batch = [letter(scene.session, scene.patient, scene.link, **survey) for _ in range(3)]

    found = still_true(scene.session, [one.id for one in batch], NOON, STRICT)

    assert [type(found[one.id]) for one in batch] == [Go, Postpone, Postpone]


def test_a_mother_of_two_is_one_person(scene: Scene) -> None:
    second = factories.patient(scene.session, "王测试")
    account = scene.link.account
    link = records.link(scene.session, second, account, Relation.CHILD)
    heard(scene, 1, Purpose.SURVEY, NOON - HOUR)
    other = letter(scene.session, second, link, purpose=Purpose.SURVEY)
    scene.session.flush()

    assert still_true(scene.session, [other.id], NOON, STRICT)[other.id] == Postpone(
        MORNING, "enough"
    )


def test_the_outbox_cancels_and_postpones_as_told(scene: Scene) -> None:
    session, message = scene.session, scene.message
    scene.booking.starts_at = NOON + 2 * DAY
    message.due_at, message.falls_at = NIGHT, NIGHT + 2 * HOUR
    session.flush()
    token, claimed = outbox.claim(session, NIGHT)

    assert outbox.begin_calling(session, token, claimed, NIGHT) == []
    session.expire_all()

    assert (message.state, message.reason) == (CommunicationState.QUEUED, "quiet-hours")
    assert (message.due_at, message.falls_at) == (MORNING, MORNING + 2 * HOUR)
    token, claimed = outbox.claim(session, MORNING)
    silence(scene)
    assert outbox.begin_calling(session, token, claimed, MORNING) == []
    assert (message.state, message.reason) == (CommunicationState.CANCELLED, "opted-out")


def test_messages_to_staff_and_codes_wait_for_nothing(session: Session) -> None:
    card = postbox.letter(session, "nurse", Channel.WECOM_CARD)
    code = postbox.letter(session, "13800001234", Channel.SMS)

    with statements(session) as sent:
        found = still_true(session, [card.id, code.id], NIGHT, Rules())

    assert found == {card.id: Go(), code.id: Go()}
    assert len(sent) == 1


def test_a_batch_is_judged_with_as_many_statements_as_one_message(scene: Scene) -> None:
    batch = [scene.message]
    for number in range(40):
        patient = factories.patient(scene.session, f"患者{number}")
        link = records.link(
            scene.session, patient, records.account(scene.session, f"N{number}"), Relation.PARENT
        )
        task = factories.task(scene.session, patient)
        batch.append(letter(scene.session, patient, link, task_id=task.id))
    scene.session.flush()

    with statements(scene.session) as sent:
        found = still_true(scene.session, [one.id for one in batch], NOON, STRICT)

    assert set(found.values()) == {Go()}
    assert len(sent) == 3  # messages with all they hang on, words, counts
