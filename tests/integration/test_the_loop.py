"""The loop inside one database: discharge, plan, task, reading, rule, alert, card, press."""

import json
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.clock import HOSPITAL
from app.domain.errors import NotFound
from app.domain.outreach.messaging import Channel, CommunicationState
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.plans.rules import Grade
from app.domain.staff.alert_card import CardButton
from app.domain.staff.alert_clock import Responder
from app.domain.staff.alerting import AlertStatus, Outcome
from app.models import (
    Alert,
    AlertStep,
    CarePlan,
    CarePlanStatus,
    Communication,
    Encounter,
    EncounterClass,
    EncounterStatus,
    Event,
    Tag,
    TagAssignment,
    Task,
)
from app.services.outreach import patient_notices
from app.services.plans import plan_expansion, rule_evaluation
from app.services.staff import alert_cards, alert_handling
from app.services.staff.alert_reading import read_alert
from app.web import alert_words
from tests import factories, settling
from tests.conftest import NOON
from tests.integration.ward import OUTLETS, WORK, Ward, build, discharge, grant, measure


@pytest.fixture(autouse=True)
def hospital_clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """A clock that stands at noon until a test moves it."""
    hands = [NOON]
    monkeypatch.setattr(clock, "now", lambda: hands[0])
    return hands


def settle(session: Session) -> None:
    settling.settle(session, WORK)


def on_plan(session: Session) -> Ward:
    ward = build(session)
    discharge(session, ward)
    settle(session)
    return ward


def test_a_discharge_with_diabetes_begins_the_plan_and_fills_its_calendar(
    session: Session,
) -> None:
    ward = on_plan(session)

    plan = session.scalars(select(CarePlan)).one()
    assert plan.patient_id == ward.patient.id
    assert plan.care_team_id == ward.team.id
    assert plan.anchor_on == NOON.astimezone(HOSPITAL).date()
    tags = session.scalars(
        select(Tag.key).join(TagAssignment).where(TagAssignment.is_live.is_(True))
    ).all()
    assert {"type-2-diabetes", "diabetes", "discharge-follow-up"} <= set(tags)
    kinds = set(session.scalars(select(Task.kind)))
    assert {"measurement", "medication-reminder", "article", "questionnaire"} <= kinds
    slots = session.scalars(select(Task.slot)).all()
    assert len(slots) == len(set(slots))


def test_the_same_discharge_told_again_changes_nothing(session: Session) -> None:
    ward = on_plan(session)
    before = session.scalar(select(func.count()).select_from(Task))

    session.add(Event.of("encounter.finished", NOON, patient_id=ward.patient.id, encounter_id=1))
    session.flush()
    settle(session)
    plan_expansion.expand_plans(session, NOON, HOSPITAL)

    assert session.scalar(select(func.count()).select_from(CarePlan)) == 1
    assert session.scalar(select(func.count()).select_from(Task)) == before


def test_a_new_stay_rests_the_plan_and_its_end_begins_a_new_one(
    session: Session, hospital_clock: list[datetime]
) -> None:
    ward = on_plan(session)
    later = hospital_clock[0] = NOON + timedelta(days=5)
    stay = Encounter(
        patient_id=ward.patient.id, issuer="HIS", visit_number="ZY2",
        encounter_class=EncounterClass.INPATIENT, status=EncounterStatus.IN_PROGRESS,
        department_code="ENDO", started_at=later, created_at=later,
    )  # fmt: skip
    session.add(stay)
    session.flush()
    session.add(
        Event.of("encounter.started", later, patient_id=ward.patient.id, encounter_id=stay.id)
    )
    session.flush()
    settle(session)

    assert session.scalars(select(CarePlan)).one().status is CarePlanStatus.ON_HOLD
    unfinished = (TaskStatus.REQUESTED, TaskStatus.READY)
    assert not session.scalars(select(Task).where(Task.status.in_(unfinished))).all()

    home = hospital_clock[0] = later + timedelta(days=3)
    stay.status, stay.ended_at = EncounterStatus.FINISHED, home
    session.add(
        Event.of("encounter.finished", home, patient_id=ward.patient.id, encounter_id=stay.id)
    )
    session.flush()
    settle(session)

    old, new = session.scalars(select(CarePlan).order_by(CarePlan.id)).all()
    assert (old.status, old.is_open) == (CarePlanStatus.COMPLETED, None)
    assert (new.status, new.anchor_on) == (
        CarePlanStatus.ACTIVE,
        home.astimezone(HOSPITAL).date(),
    )


def test_a_stay_whose_beginning_is_read_after_its_end_rests_nothing(session: Session) -> None:
    ward = on_plan(session)
    stay = session.scalars(select(Encounter)).one()
    session.add(
        Event.of("encounter.started", NOON, patient_id=ward.patient.id, encounter_id=stay.id)
    )
    session.flush()

    settle(session)

    assert session.scalars(select(CarePlan)).one().status is CarePlanStatus.ACTIVE


def test_a_very_low_glucose_opens_one_alert_and_one_card(session: Session) -> None:
    ward = on_plan(session)
    reading = measure(session, ward, "2.8", NOON, "LL")
    session.add(
        Event.of(
            "observation.recorded", NOON, patient_id=ward.patient.id,
            observation_id=reading.id, code="15074-8",
        )
    )  # fmt: skip
    session.flush()

    settle(session)

    alert = session.scalars(select(Alert)).one()
    assert alert.grade is Grade.SEVERE
    assert alert.acknowledge_by == NOON + timedelta(minutes=5)
    assert "血糖 2.8 mmol/L" in (alert.explanation or "")
    card = session.scalars(select(Communication).filter_by(channel=Channel.WECOM_CARD)).one()
    content = json.loads(card.content or "")
    assert content["userids"] == ["doctor-lin", "nurse-chen"]
    assert [button["text"] for button in content["buttons"]] == ["我来处理", "转交", "已联系"]
    assert "2.8" not in (card.content or "")
    assert "李测试" not in (card.content or "")


def test_where_no_nurse_is_on_duty_the_doctor_hears_first(session: Session) -> None:
    ward = on_plan(session)
    ward.nurse.is_active = False
    measure(session, ward, "2.8", NOON, "LL")

    settle(session)

    assert json.loads(card_of(session).content or "")["userids"] == ["doctor-lin"]


def test_the_patient_reads_fixed_words_that_name_120(session: Session) -> None:
    ward = on_plan(session)
    grant(session, ward, 1)
    measure(session, ward, "2.8", NOON, "LL")
    settle(session)

    inbox = session.scalars(
        select(Communication).filter_by(channel=Channel.INBOX, kind="alert-notice")
    ).one()
    assert "120" in json.loads(inbox.content or "")["text"]
    push = session.scalars(
        select(Communication).filter_by(channel=Channel.SUBSCRIPTION, kind="alert-notice")
    ).one()
    shown = json.loads(push.content or "")["data"]
    assert not any(word in str(shown) for word in ("血糖", "2.8", "糖尿病", "120"))


def test_a_worse_reading_worsens_the_alert_and_a_second_card_goes_out(session: Session) -> None:
    ward = on_plan(session)
    measure(session, ward, "3.5", NOON - timedelta(minutes=20), "L")
    settle(session)
    assert session.scalars(select(Alert)).one().grade is Grade.MODERATE

    measure(session, ward, "2.7", NOON, "LL")
    settle(session)

    alert = session.scalars(select(Alert)).one()
    assert (alert.grade, alert.hits) == (Grade.SEVERE, 2)
    cards = session.scalars(select(Communication).filter_by(channel=Channel.WECOM_CARD)).all()
    assert len(cards) == 2


def test_two_normal_readings_clear_an_alert(session: Session) -> None:
    ward = on_plan(session)
    measure(session, ward, "3.5", NOON - timedelta(hours=3), "L")
    measure(session, ward, "5.5", NOON - timedelta(hours=2))
    settle(session)
    assert session.scalars(select(Alert)).one().is_open

    measure(session, ward, "6.0", NOON - timedelta(hours=1))
    settle(session)

    alert = session.scalars(select(Alert)).one()
    assert (alert.status, alert.outcome) == (AlertStatus.RESOLVED, Outcome.BACK_TO_NORMAL)


def test_a_reading_of_two_days_ago_makes_a_review_task_and_no_alert(session: Session) -> None:
    ward = on_plan(session)
    measure(session, ward, "2.8", NOON - timedelta(days=2), "LL")

    settle(session)

    assert not session.scalars(select(Alert)).all()
    review = session.scalars(select(Task).where(Task.slot.like("rule:%/review/%"))).one()
    assert review.title == "核对迟到的测量结果"


def test_an_implausible_reading_is_for_staff_to_look_at(session: Session) -> None:
    ward = on_plan(session)
    reading = measure(session, ward, "0.3", NOON)
    for _ in range(2):
        session.add(
            Event.of(
                "observation.implausible", NOON, patient_id=ward.patient.id,
                observation_id=reading.id,
            )
        )  # fmt: skip
    session.flush()

    settle(session)

    looked_at = select(Task).where(Task.slot.like("implausible/%"))
    assert session.scalars(looked_at).one().owner == "staff"
    assert not session.scalars(select(Alert)).all()


def wait_four_days(session: Session, hospital_clock: list[datetime]) -> Alert:
    for days in range(1, 5):
        now = hospital_clock[0] = NOON + timedelta(days=days)
        plan_expansion.open_due_tasks(session, now)
        plan_expansion.miss_past_tasks(session, now)
        rule_evaluation.evaluate_absences(session, now, HOSPITAL)
        settle(session)

    return session.scalars(select(Alert)).one()


def test_three_days_without_a_reading_raise_an_alert_once(
    session: Session, hospital_clock: list[datetime]
) -> None:
    on_plan(session)
    alert = wait_four_days(session, hospital_clock)
    assert alert.grade is Grade.MILD
    assert alert.hits == 1


def test_a_reading_ends_the_alert_that_waited_for_it(
    session: Session, hospital_clock: list[datetime]
) -> None:
    ward = on_plan(session)
    alert = wait_four_days(session, hospital_clock)
    measure(session, ward, "6.1", NOON - timedelta(days=1), "N")  # an old one says nothing
    settle(session)
    assert alert.status is AlertStatus.ACTIVE

    measure(session, ward, "17.5", clock.now(), "HH")
    settle(session)

    assert (alert.status, alert.outcome, alert.is_open, alert.acknowledge_by) == (
        AlertStatus.RESOLVED, Outcome.DATA_ARRIVED, None, None,
    )  # fmt: skip
    others = session.scalars(select(Alert.episode).where(Alert.is_open.is_(True))).all()
    assert alert.episode not in others


def test_a_reading_leaves_the_alert_to_whoever_has_taken_it(
    session: Session, hospital_clock: list[datetime]
) -> None:
    ward = on_plan(session)
    alert = wait_four_days(session, hospital_clock)
    offered = alert_words.outcomes_of(read_alert(session, alert.public_id, ward.nurse.id))
    assert Outcome.DATA_ARRIVED not in offered
    alert_handling.act(
        session, alert.public_id, ward.nurse.id, CardButton.TAKE, clock.now(), HOSPITAL
    )
    for _ in range(2):
        measure(session, ward, "6.1", clock.now(), "N")
        settle(session)

    assert (alert.status, alert.outcome) == (AlertStatus.ACKNOWLEDGED, None)
    view = read_alert(session, alert.public_id, ward.nurse.id)
    assert [step.kind for step in view.steps].count("data-arrived") == 1
    assert alert_words.outcomes_of(view)[Outcome.DATA_ARRIVED] == "已有新的测量数据"


def card_of(session: Session) -> Communication:
    return session.scalars(
        select(Communication)
        .filter_by(channel=Channel.WECOM_CARD)
        .order_by(Communication.id.desc())
        .limit(1)
    ).one()


def press(session: Session, button: CardButton, userid: str = "nurse-chen") -> str:
    pressed = alert_handling.press_card(
        session, card_of(session).public_id, userid, button, clock.now(), HOSPITAL
    )
    session.flush()
    return pressed.words


def test_the_nurse_takes_the_alert_and_pressing_again_changes_nothing(session: Session) -> None:
    ward = on_plan(session)
    measure(session, ward, "2.8", NOON, "LL")
    settle(session)

    words = [press(session, CardButton.TAKE) for _ in range(3)]

    alert = session.scalars(select(Alert)).one()
    assert alert.status is AlertStatus.ACKNOWLEDGED
    assert alert.owner_id == ward.nurse.id
    assert words[0] == "陈护士处理中"
    assert words[1] == words[2] == "您已在处理"
    taken = session.scalars(select(AlertStep).filter_by(kind="taken")).all()
    assert len(taken) == 1


def test_a_stranger_who_presses_a_card_finds_nothing(session: Session) -> None:
    ward = on_plan(session)
    measure(session, ward, "2.8", NOON, "LL")
    settle(session)

    with pytest.raises(NotFound):
        press(session, CardButton.TAKE, "somebody-else")


def test_handing_over_sends_the_next_level_its_own_card(session: Session) -> None:
    ward = on_plan(session)
    factories.practitioner(
        session, "head-zhou", name="周老师", teams=[ward.team], responder=Responder.HEAD_NURSE
    )
    measure(session, ward, "2.8", NOON, "LL")
    settle(session)

    press(session, CardButton.TRANSFER)
    settle(session)

    # Nobody is the deputy here: the head hears at once.
    assert json.loads(card_of(session).content or "")["userids"] == ["head-zhou"]
    assert session.scalars(select(Alert)).one().level == 2


def test_a_reminder_goes_to_the_inbox_and_by_the_right_the_patient_gave(
    session: Session, hospital_clock: list[datetime]
) -> None:
    ward = on_plan(session)
    grant(session, ward, 1)
    now = hospital_clock[0] = NOON + timedelta(days=1)
    plan_expansion.open_due_tasks(session, now)

    reminded = patient_notices.remind_of_tasks(session, now, HOSPITAL, OUTLETS)

    assert reminded > 1
    sent = session.scalars(select(Communication).filter_by(kind="task-reminder")).all()
    by_channel = {message.channel: message for message in sent}
    assert set(by_channel) == {Channel.INBOX, Channel.SUBSCRIPTION}
    assert by_channel[Channel.INBOX].state is CommunicationState.DELIVERED
    assert by_channel[Channel.SUBSCRIPTION].needs_right
    assert patient_notices.remind_of_tasks(session, now, HOSPITAL, OUTLETS) == 0


def test_a_corrected_result_withdraws_the_alert_and_tells_who_was_told(session: Session) -> None:
    ward = on_plan(session)
    wrong = measure(session, ward, "2.8", NOON, "LL")
    settle(session)
    wrong.is_current = None
    session.flush()
    right = measure(session, ward, "5.8", NOON)
    session.add(
        Event.of(
            "observation.corrected", NOON, patient_id=ward.patient.id, observation_id=right.id,
            supersedes_id=wrong.id, code="15074-8",
        )
    )  # fmt: skip
    session.flush()

    settle(session)

    assert session.scalars(select(Alert)).one().status is AlertStatus.WITHDRAWN
    told = session.scalars(select(Communication).filter_by(channel=Channel.WECOM_TEXT)).one()
    assert json.loads(told.content or "")["userids"] == ["doctor-lin", "nurse-chen"]


def test_the_card_says_what_was_pressed(session: Session) -> None:
    ward = on_plan(session)
    measure(session, ward, "2.8", NOON, "LL")
    settle(session)
    words = press(session, CardButton.CONTACTED)

    for _ in range(2):
        alert_cards.update_card(session, card_of(session), "code-1", words, NOON)
    session.flush()

    update = session.scalars(
        select(Communication).filter_by(channel=Channel.WECOM_CARD_UPDATE)
    ).one()
    assert json.loads(update.content or "")["replace_name"] == "陈护士已联系"
