"""The worklist: whose work, in which order, page by page."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.plans.rules import Grade
from app.domain.staff.alerting import AlertStatus
from app.models import CareTeam, Practitioner, RiskAssessment, TaskOwner
from app.services.staff.worklist import PAGE, Show, WorkKind, read_worklist
from tests import factories
from tests.conftest import NOON

MINUTE = timedelta(minutes=1)


@pytest.fixture
def team(session: Session) -> CareTeam:
    return factories.care_team(session)


@pytest.fixture
def nurse(session: Session, team: CareTeam) -> Practitioner:
    return factories.practitioner(session, teams=[team])


def test_severe_comes_first_then_overdue_then_clock_and_grade_and_what_is_in_hand_last(
    session: Session, team: CareTeam, nurse: Practitioner
) -> None:
    patient = factories.patient(session)
    plan = factories.care_plan(session, patient, team)
    soon = NOON + 5 * MINUTE

    def waits(title: str, grade: Grade, **more: object) -> None:
        rule = factories.rule(session, title, name=title)
        factories.alert(session, patient, team, rule=rule, grade=grade, **more)

    waits("taken", Grade.SEVERE, status=AlertStatus.ACKNOWLEDGED, owner_id=nurse.id,
          acknowledge_by=NOON - 60 * MINUTE)  # fmt: skip
    waits("mild-soon", Grade.MILD, acknowledge_by=soon)
    waits("moderate-soon", Grade.MODERATE, acknowledge_by=soon)
    waits("severe", Grade.SEVERE, acknowledge_by=soon)
    waits("climbs-no-more", Grade.MILD, acknowledge_by=None, last_hit_at=NOON - 90 * MINUTE)
    waits("overdue", Grade.MILD, acknowledge_by=NOON - MINUTE)
    factories.task(session, patient, plan, owner=TaskOwner.STAFF, title="call", due_at=soon)

    work = read_worklist(session, nurse.id, NOON)

    titles = [item.title for item in work.items]
    assert titles == [
        "severe",
        "climbs-no-more",
        "overdue",
        "moderate-soon",
        "mild-soon",
        "call",
        "taken",
    ]
    assert [item.is_overdue for item in work.items] == [
        False,
        True,
        True,
        False,
        False,
        False,
        False,
    ]
    assert work.items[-1].is_mine
    assert work.items[5].kind is WorkKind.TASK
    assert work.counts == {
        Show.ALL: 7, Show.MINE: 1, Show.OVERDUE: 2, Show.SEVERE: 2, Show.MODERATE: 1,
        Show.MILD: 3, Show.TASKS: 1,
    }  # fmt: skip


def test_a_nurse_sees_the_work_of_her_own_teams_only(
    session: Session, team: CareTeam, nurse: Practitioner
) -> None:
    elsewhere = factories.care_team(session)
    stranger = factories.patient(session, "王演示")
    factories.alert(session, stranger, elsewhere)
    plan = factories.care_plan(session, stranger, elsewhere)
    factories.task(session, stranger, plan, owner=TaskOwner.STAFF)
    factories.alert(session, factories.patient(session, "欧阳演示"), team)

    work = read_worklist(session, nurse.id, NOON)

    assert [item.masked_name for item in work.items] == ["欧**示"]
    assert work.counts[Show.ALL] == 1
    with pytest.raises(NotFound):
        read_worklist(session, nurse.id, NOON, team=elsewhere.public_id)


def test_closed_alerts_finished_tasks_and_tasks_of_patients_are_no_work(
    session: Session, team: CareTeam, nurse: Practitioner
) -> None:
    patient = factories.patient(session)
    plan = factories.care_plan(session, patient, team)
    factories.alert(
        session, patient, team, status=AlertStatus.RESOLVED, is_open=None, closed_at=NOON
    )
    factories.task(session, patient, plan)
    factories.task(session, patient, plan, owner=TaskOwner.STAFF, status=TaskStatus.COMPLETED)
    later = NOON + timedelta(days=1)
    factories.task(session, patient, plan, owner=TaskOwner.STAFF, starts_at=later)

    assert read_worklist(session, nurse.id, NOON).items == ()


def test_every_item_is_on_exactly_one_page_even_where_clocks_are_equal(
    session: Session, team: CareTeam, nurse: Practitioner
) -> None:
    patient = factories.patient(session)
    plan = factories.care_plan(session, patient, team)
    made = {factories.alert(session, patient, team).public_id for _ in range(PAGE)}
    made |= {
        factories.task(
            session, patient, plan, owner=TaskOwner.STAFF, due_at=NOON + 30 * MINUTE
        ).public_id
        for _ in range(PAGE)
    }

    found: list[str] = []
    after = None
    while True:
        page = read_worklist(session, nurse.id, NOON, after=after)
        found += [item.public_id for item in page.items]
        after = page.after
        if after is None:
            break

    assert len(found) == 2 * PAGE
    assert set(found) == made


def test_the_list_narrows_to_a_grade_to_tasks_and_to_a_team(
    session: Session, team: CareTeam, nurse: Practitioner
) -> None:
    patient = factories.patient(session, needs="听障，请发文字")
    second = factories.care_team(session)
    both = factories.practitioner(session, teams=[team, second])
    factories.alert(session, patient, team, grade=Grade.MODERATE)
    factories.alert(session, patient, second, grade=Grade.SEVERE)

    moderate = read_worklist(session, both.id, NOON, show=Show.MODERATE)
    of_second = read_worklist(session, both.id, NOON, team=second.public_id)

    assert [item.grade for item in moderate.items] == [Grade.MODERATE]
    assert moderate.items[0].has_needs
    assert moderate.counts[Show.ALL] == 2
    assert [item.grade for item in of_second.items] == [Grade.SEVERE]
    assert of_second.counts[Show.ALL] == 1
    assert read_worklist(session, both.id, NOON, show=Show.TASKS).items == ()


def test_who_is_likely_to_be_lost_is_called_earlier_but_after_what_is_severe(
    session: Session,
) -> None:
    team = factories.care_team(session)
    nurse = factories.practitioner(session, teams=[team])
    titles = ("普通随访", "优先随访", "以前优先")
    for title, band, is_current in zip(
        titles, ("low", "high", "high"), (True, True, None), strict=True
    ):
        who = factories.patient(session)
        plan = factories.care_plan(session, who, team)
        factories.task(
            session,
            who,
            plan,
            owner=TaskOwner.STAFF,
            title=title,
            starts_at=NOON - timedelta(hours=2),
            due_at=NOON + timedelta(hours=1 if title == "普通随访" else 3),
        )
        row = RiskAssessment(
            patient_id=who.id,
            score="follow-up-priority",
            version="1",
            value=Decimal(7),
            band=band,
            inputs=[],
            computed_at=NOON,
        )
        session.add(row)
        session.flush()
        row.is_current = is_current
    calm = factories.patient(session)
    factories.alert(session, calm, team, rule=factories.rule(session), grade=Grade.SEVERE)
    session.flush()
    items = read_worklist(session, nurse.id, NOON).items
    assert [item.title for item in items] == ["血糖偏低", "优先随访", "普通随访", "以前优先"]
    assert [item.is_likely_lost for item in items] == [False, True, False, False]
    assert not any(item.is_overdue for item in items[1:])
