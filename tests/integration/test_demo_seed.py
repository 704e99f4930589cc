"""The synthetic hospital: big enough, plainly made up, whole, and the same each time."""

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, sessionmaker

from app.clock import HOSPITAL
from app.database import make_engine
from app.demo.cast import HOLDERS, LI_AYI, STAFF, STAFF_DOORS
from app.demo.people import citizen_number
from app.demo.seed import seed
from app.domain.outreach.messaging import CommunicationState
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.plans.rules import Grade
from app.domain.staff.alerting import AlertStatus
from app.models import (
    Alert,
    CarePlan,
    CareTeam,
    CareTeamMember,
    Communication,
    Department,
    Event,
    Gender,
    Observation,
    Origin,
    Patient,
    PatientIdentifier,
    PatientLink,
    Practitioner,
    ReactionCursor,
    SubscriptionGrant,
    Task,
    WeChatAccount,
)
from app.services.trust import audit_trail
from tests.conftest import NOON

# Surname, one of four plain words for "made up", and a stem or branch of the old calendar.
SYNTHETIC = re.compile("[\u4e00-\u9fff][测演试拟][甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥]")


@pytest.fixture(scope="module")
def hospital(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Engine, dict[str, int]]]:
    path = tmp_path_factory.mktemp("hospital") / "seeded.sqlite3"
    shutil.copy(sqlite_template, path)
    engine = make_engine(f"sqlite:///{path}")
    counts = seed(sessionmaker(engine, expire_on_commit=False), NOON)
    yield engine, counts
    engine.dispose()


@pytest.fixture
def seeded(hospital: tuple[Engine, dict[str, int]]) -> Iterator[Session]:
    with Session(hospital[0]) as session:
        yield session
        session.rollback()


def test_hundreds_of_patients_of_eight_departments_have_weeks_of_history(
    seeded: Session, hospital: tuple[Engine, dict[str, int]]
) -> None:
    counts = hospital[1]
    assert counts["patients"] >= 300
    assert counts["care_plans"] >= 60
    departments = set(seeded.scalars(select(Department.code)))
    assert len(departments) >= 8
    assert set(seeded.scalars(select(Patient.department_code).distinct())) == departments
    oldest = seeded.scalar(select(func.min(Observation.effective_at)).filter_by(origin=Origin.HOME))
    assert oldest is not None
    assert oldest < NOON - timedelta(days=35)
    judged = set(seeded.scalars(select(Observation.interpretation).filter_by(origin=Origin.HOME)))
    assert {"N", "H", "HH", "L", "LL"} == judged
    statuses = set(seeded.scalars(select(Task.status)))
    assert {TaskStatus.COMPLETED, TaskStatus.MISSED, TaskStatus.READY} <= statuses


def test_everybody_is_plainly_made_up(seeded: Session) -> None:
    patients = seeded.scalars(select(Patient)).all()
    names = [patient.name or "" for patient in patients]
    assert [name for name in names if not SYNTHETIC.fullmatch(name)] == []
    assert len(set(names)) == len(names)
    # Numbers that begin with 12 were given to nobody, and region 99 does not exist.
    assert all(re.fullmatch(r"12\d{9}", patient.phone or "") for patient in patients)
    numbers = seeded.scalars(select(PatientIdentifier).filter_by(type_code="NI")).all()
    assert len(numbers) == len(patients)
    assert all(re.fullmatch(r"99\d{15}[\dX]", one.value or "") for one in numbers)


def test_a_made_up_citizen_number_has_the_right_check_character() -> None:
    number = citizen_number(7, NOON.date(), Gender.FEMALE)
    weighed = sum(int(one) * 2 ** (17 - at) for at, one in enumerate(number[:17]))
    check = 10 if number[17] == "X" else int(number[17])
    assert (weighed + check) % 11 == 1  # GB 11643, ISO 7064 MOD 11-2


def test_every_open_alert_has_a_team_with_somebody_to_tell(seeded: Session) -> None:
    alerts = seeded.scalars(select(Alert).filter_by(is_open=True)).all()
    assert {alert.grade for alert in alerts} == set(Grade)
    assert {alert.status for alert in alerts} == {AlertStatus.ACTIVE, AlertStatus.ACKNOWLEDGED}
    assert all(alert.explanation for alert in alerts)
    staffed = set(seeded.scalars(select(CareTeamMember.care_team_id)))
    assert {alert.care_team_id for alert in alerts} <= staffed
    assert set(seeded.scalars(select(CareTeam.id))) <= staffed


def test_the_trail_is_unbroken(seeded: Session) -> None:
    checked, breaks = audit_trail.verify(seeded)
    assert checked > 60
    assert breaks == []


def test_the_people_of_the_first_page_are_there(seeded: Session) -> None:
    for holder in HOLDERS:
        links = seeded.execute(
            select(Patient.name_sealed, Patient.public_id, PatientLink.relation)
            .join(PatientLink, PatientLink.patient_id == Patient.id)
            .join(WeChatAccount, WeChatAccount.id == PatientLink.account_id)
            .where(WeChatAccount.openid == holder.openid)
        ).all()
        opens = {
            (Patient.name.open("patient", one.public_id, one.name_sealed), one.relation)
            for one in links
        }
        assert opens == {(subject.name, relation) for subject, relation in holder.opens}
    staff = set(seeded.scalars(select(Practitioner.wecom_userid)))
    assert staff == {one.userid for one in STAFF}
    assert {door.userid for door in STAFF_DOORS} <= staff

    index = Patient.name.index("patient", LI_AYI.name)
    plan = seeded.scalars(select(CarePlan).join(Patient).where(Patient.name_index == index)).one()
    assert plan.anchor_on == NOON.astimezone(HOSPITAL).date() - timedelta(days=3)


def test_nobody_is_written_to_without_a_right_and_nothing_old_waits_to_be_sent(
    seeded: Session,
) -> None:
    balances = seeded.execute(
        select(SubscriptionGrant.account_id, func.sum(SubscriptionGrant.change)).group_by(
            SubscriptionGrant.account_id
        )
    ).all()
    assert balances
    assert all(left > 0 for _, left in balances)
    states = set(seeded.scalars(select(Communication.state)))
    assert states == {CommunicationState.DELIVERED}


def test_only_the_alerts_nobody_has_seen_are_still_to_be_told(seeded: Session) -> None:
    read = set(seeded.scalars(select(ReactionCursor.position)))
    assert len(read) == 1
    news = seeded.scalars(select(Event).where(Event.id > read.pop())).all()
    # An alert for missing readings may have ended since by a reading that came.
    assert {event.kind for event in news} - {"alert.closed"} == {"alert.opened"}
    assert all(event.at > NOON - timedelta(hours=3) for event in news)


def test_the_same_hospital_comes_out_each_time(
    hospital: tuple[Engine, dict[str, int]], sqlite_template: Path, tmp_path: Path
) -> None:
    path = tmp_path / "again.sqlite3"
    shutil.copy(sqlite_template, path)
    engine = make_engine(f"sqlite:///{path}")
    assert seed(sessionmaker(engine, expire_on_commit=False), NOON) == hospital[1]
    engine.dispose()


def test_it_also_fits_the_other_database(mariadb: Engine) -> None:
    counts = seed(sessionmaker(mariadb, expire_on_commit=False), NOON)

    assert counts["patients"] >= 300
    with Session(mariadb) as session:
        assert audit_trail.verify(session)[1] == []
