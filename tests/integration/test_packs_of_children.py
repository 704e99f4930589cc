"""Plans of children that count from their birth, or take each other's place."""

from datetime import datetime, time, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.clock import HOSPITAL
from app.integrations.pack_files import read_pack
from app.models import CarePlan, Condition, Event, Tag, TagAssignment
from app.models.plans.knowledge import knowledge
from app.services.plans.enrolment import begin_plan
from app.services.plans.plan_library import install_pack
from tests.conftest import NOON, ROOT
from tests.integration.ward import WORK, Ward, build
from tests.settling import settle

TODAY = NOON.astimezone(HOSPITAL).date()


@pytest.fixture
def ward(session: Session, monkeypatch: pytest.MonkeyPatch) -> Ward:
    monkeypatch.setattr(clock, "now", lambda: NOON)
    return build(session)


def begin(session: Session, ward: Ward, pack: str, plan: str, days_ago: int = 0) -> None:
    if plan not in knowledge(session).plans:
        install_pack(session, read_pack(ROOT / "packs" / pack), NOON, approved_by="演示主任")
    begin_plan(
        session, ward.patient.id, knowledge(session).plans[plan], TODAY - timedelta(days=days_ago),
        ward.team.id, NOON,
    )  # fmt: skip
    settle(session, WORK)


def tag_ends(session: Session, key: str) -> datetime | None:
    return session.scalar(
        select(TagAssignment.expires_at)
        .join(Tag, Tag.id == TagAssignment.tag_id)
        .where(Tag.key == key, TagAssignment.is_live.is_(True))
    )


@pytest.mark.parametrize(("age", "left"), [(0, 91), (60, 31), (90, 1), (91, None), (150, None)])
def test_under_three_months_is_counted_from_birth_whenever_the_plan_begins(
    session: Session, ward: Ward, age: int, left: int | None
) -> None:
    begin(session, ward, "neonatal", "newborn-well", days_ago=age)

    midnight = datetime.combine(TODAY, time.min, HOSPITAL)
    ends = None if left is None else midnight + timedelta(days=left)
    assert tag_ends(session, "newborn-follow-up") == ends


def test_maintenance_ends_where_the_time_after_it_begins_and_the_diagnosis_brings_it_not_back(
    session: Session, ward: Ward
) -> None:
    ward.patient.birth_date = TODAY - timedelta(days=3000)
    begin(session, ward, "childhood-leukaemia", "leukaemia-maintenance")
    begin(session, ward, "childhood-leukaemia", "leukaemia-off-therapy")

    session.add(
        Condition(
            patient_id=ward.patient.id, code_system="ICD-10", code="C91.0", display="白血病",
            recorded_at=NOON, created_at=NOON,
        )
    )  # fmt: skip
    session.add(Event.of("condition.recorded", NOON, patient_id=ward.patient.id, code="C91.0"))
    settle(session, WORK)

    open_plans = session.scalars(select(CarePlan.plan_key).where(CarePlan.is_open.is_(True)))
    assert list(open_plans) == ["leukaemia-off-therapy"]
    kept = session.scalars(select(CarePlan).filter_by(plan_key="leukaemia-maintenance")).one()
    assert kept.is_open is None
