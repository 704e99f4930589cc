"""The snapshot and the timeline: what is on them, and who may look."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound, TaskClosed
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.plans.rules import Grade
from app.domain.staff.alerting import AlertStatus
from app.models import CarePlan, CareTeam, ObservationStatus, Patient, Practitioner, TaskOwner
from app.services.profile.patient_snapshot import read_phones, read_snapshot
from app.services.profile.patient_timeline import PAGE, EntryKind, read_timeline
from app.services.staff.alert_reading import read_alert
from app.services.staff.staff_tasks import finish_task, plan_contact
from app.services.staff.worklist import Show, read_worklist
from tests import factories
from tests.conftest import NOON
from tests.integration import rich_record
from tests.integration.test_patient_timeline import statements

TODAY = date(2026, 5, 4)
HOUR = timedelta(hours=1)


@pytest.fixture
def team(session: Session) -> CareTeam:
    return factories.care_team(session)


@pytest.fixture
def nurse(session: Session, team: CareTeam) -> Practitioner:
    return factories.practitioner(session, name="演示陈护士", teams=[team])


@pytest.fixture
def patient(session: Session, team: CareTeam) -> Patient:
    row = factories.patient(session, needs="听障，请发文字")
    factories.care_plan(session, row, team)
    return row


def test_the_snapshot_says_who_what_is_open_and_where_in_the_plan(
    session: Session, team: CareTeam, nurse: Practitioner, patient: Patient
) -> None:
    factories.alert(session, patient, team, grade=Grade.MILD)
    factories.alert(session, patient, team, grade=Grade.SEVERE, explanation="一\n二")

    found = read_snapshot(session, patient.public_id, nurse.id, NOON, TODAY)

    assert (found.name, found.needs) == ("李测试", "听障，请发文字")
    assert found.masked_phone == "138****1234"
    assert [one.grade for one in found.alerts] == [Grade.SEVERE, Grade.MILD]
    assert found.alerts[0].lines == ("一", "二")
    plan = found.plans[0]
    assert (plan.day, plan.stage, plan.stage_number, plan.stages) == (3, "第1周", 1, 2)


def test_trends_keep_units_apart_and_leave_out_what_is_no_value(
    session: Session, nurse: Practitioner, patient: Patient
) -> None:
    for hours, value in enumerate(("7.0", "8.5", "2.8")):
        factories.observation(session, patient, value, NOON - hours * HOUR)
    factories.observation(session, patient, "126", NOON - HOUR, unit="mg/dL")
    factories.observation(
        session, patient, "33", NOON - HOUR, status=ObservationStatus.ENTERED_IN_ERROR
    )
    factories.observation(session, patient, "1", NOON - timedelta(days=31))
    factories.observation(session, patient, "9", NOON - HOUR, is_current=None)

    trends = read_snapshot(session, patient.public_id, nurse.id, NOON, TODAY).trends

    assert [(one.unit, [point.value for point in one.points]) for one in trends] == [
        ("mmol/L", [Decimal("2.8"), Decimal("8.5"), Decimal("7")]),
        ("mg/dL", [Decimal("126")]),
    ]


def test_a_patient_of_another_team_looks_like_none(
    session: Session, patient: Patient, team: CareTeam
) -> None:
    stranger = factories.practitioner(session, teams=[factories.care_team(session)])
    alert = factories.alert(session, patient, team)

    for public_id in (patient.public_id, "missing"):
        with pytest.raises(NotFound):
            read_snapshot(session, public_id, stranger.id, NOON, TODAY)
        with pytest.raises(NotFound):
            read_phones(session, public_id, stranger.id, NOON)
    with pytest.raises(NotFound):
        read_alert(session, alert.public_id, stranger.id)
    with pytest.raises(NotFound):
        plan_contact(session, alert.public_id, stranger.id, NOON, NOON)


@pytest.mark.parametrize(("days", "is_seen"), [(29, True), (31, False)])
def test_who_closed_an_alert_may_look_for_thirty_days_more(
    session: Session, team: CareTeam, nurse: Practitioner, days: int, is_seen: bool
) -> None:
    left = factories.patient(session)
    closed_at = NOON - timedelta(days=days)
    factories.alert(
        session, left, team, status=AlertStatus.RESOLVED, is_open=None, closed_at=closed_at
    )

    if is_seen:
        assert read_snapshot(session, left.public_id, nurse.id, NOON, TODAY).alerts == ()
    else:
        with pytest.raises(NotFound):
            read_snapshot(session, left.public_id, nurse.id, NOON, TODAY)


def test_the_timeline_mixes_its_sources_and_pages_without_gap_or_repeat(
    session: Session, team: CareTeam, patient: Patient
) -> None:
    made = set()
    for number in range(PAGE):
        at = NOON - number * HOUR
        made.add(factories.observation(session, patient, "7.1", at).public_id)
        done = factories.task(
            session, patient, status=TaskStatus.COMPLETED, finished_at=at, starts_at=at - HOUR
        )
        made.add(done.public_id)
    made.add(factories.encounter(session, patient).public_id)
    factories.task(session, patient)  # still open: nothing has happened
    factories.observation(session, patient, "7", NOON + HOUR)  # a clock that is ahead

    kinds = (EntryKind.OBSERVATION, EntryKind.TASK, EntryKind.ENCOUNTER)
    found = []
    before = None
    while True:
        page = read_timeline(session, patient.id, NOON, before, kinds=kinds)
        found += list(page.entries)
        before = page.before
        if before is None:
            break

    assert [one.at for one in found] == sorted((one.at for one in found), reverse=True)
    assert len(found) == len(made)
    assert {one.public_id for one in found} == made
    assert {one.kind for one in found} == set(kinds)


def test_the_timeline_of_one_patient_shows_nothing_of_another(
    session: Session, team: CareTeam, patient: Patient
) -> None:
    other = factories.patient(session, "王演示")
    factories.observation(session, other, "7.1", NOON)
    factories.alert(session, other, team)
    theirs = factories.observation(session, other, "7.3", NOON - HOUR)
    factories.observation(session, patient, "5.5", NOON - 2 * HOUR)

    for before in (None, f"observation.{theirs.public_id}"):
        found = read_timeline(session, patient.id, NOON, before).entries
        assert [(one.kind, one.value) for one in found] == [
            (EntryKind.PLAN, None), (EntryKind.OBSERVATION, 5.5),
        ]  # fmt: skip


def test_a_promised_contact_is_on_the_list_that_day_once_and_can_be_finished_once(
    session: Session, team: CareTeam, nurse: Practitioner, patient: Patient
) -> None:
    alert = factories.alert(session, patient, team)
    day = datetime(2026, 5, 5, 16, 0, tzinfo=UTC)
    for _ in range(2):
        plan_contact(session, alert.public_id, nurse.id, day, NOON)
    session.flush()

    assert read_worklist(session, nurse.id, NOON, show=Show.TASKS).items == ()
    (item,) = read_worklist(session, nurse.id, day + HOUR, show=Show.TASKS).items
    finish_task(session, item.public_id, nurse.id, day + HOUR)
    with pytest.raises(TaskClosed):
        finish_task(session, item.public_id, nurse.id, day + HOUR)
    assert read_worklist(session, nurse.id, day + HOUR, show=Show.TASKS).items == ()


def test_medication_reminders_are_counted_once_their_window_is_over(
    session: Session, nurse: Practitioner, patient: Patient
) -> None:
    for days, status in enumerate(
        (TaskStatus.READY, TaskStatus.COMPLETED, TaskStatus.MISSED, TaskStatus.CANCELLED)
    ):
        factories.task(
            session, patient, kind="medication-reminder", title="今天的药按时用了吗",
            status=status, starts_at=NOON - timedelta(days=days),
        )  # fmt: skip
    factories.task(session, patient, owner=TaskOwner.STAFF, title="电话随访", note="问用药")

    found = read_snapshot(session, patient.public_id, nurse.id, NOON, TODAY)

    assert [(one.asked, one.done) for one in found.reminders] == [(2, 1)]
    assert [(one.title, one.instructions) for one in found.staff_tasks] == [("电话随访", "问用药")]


def test_the_snapshot_has_medicine_mood_risk_tags_and_preferences(
    session: Session, team: CareTeam, nurse: Practitioner, patient: Patient
) -> None:
    session.delete(session.scalars(select(CarePlan)).one())
    rich_record.fill(session, patient, team, NOON)

    found = read_snapshot(session, patient.public_id, nurse.id, NOON, TODAY)

    metformin = found.medicines[0]
    assert (metformin.display, metformin.coverage.period_days) == ("二甲双胍片", 75)
    assert metformin.coverage.share == Decimal("0.80")  # 60 tablets, half a tablet twice a day
    assert [(one.asked, one.done) for one in found.reminders] == [(1, 0)]
    assert [(one.score, one.said) for one in found.mood] == [(12, "中度"), (None, "大多不好")]
    assert [(one.key, one.value, one.missing) for one in found.risks] == [
        ("lace", 11, ()), ("china-par", None, ("没有腰围",)),
    ]  # fmt: skip
    assert [(one.name, one.evidence) for one in found.tags] == [
        ("本组重点", "诊断 E11.9"), ("糖尿病", "诊断 E11.9"),
    ]  # fmt: skip
    assert [(one.value, one.is_stated) for one in found.preferences] == [("12", False)]
    assert found.trends[0].sentence == (
        "最近 6.1 mmol/L（05-04 12:00）；30 天内 4 次，平均 8.2，最低 6.1，最高 11.2，走低，"
        "1 次超出范围。"
    )


def test_a_full_record_costs_as_many_statements_as_an_empty_one(
    session: Session, team: CareTeam, nurse: Practitioner
) -> None:
    empty, full = factories.patient(session), factories.patient(session)
    factories.care_plan(session, empty, team)
    rich_record.fill(session, full, team, NOON)
    costs = []
    for one in (empty, full):
        public_id = one.public_id
        session.flush()
        session.expunge_all()
        with statements(session) as seen:
            read_snapshot(session, public_id, nurse.id, NOON, TODAY)
        costs.append(len(seen))

    assert costs == [15, 15]
