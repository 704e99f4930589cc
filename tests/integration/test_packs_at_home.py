"""A shipped pack lived by one patient: what is asked on which day, and what alarms whom."""

from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.clock import HOSPITAL
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.profile.vital_signs import Measurement, VitalSign
from app.domain.staff.alerting import AlertStatus
from app.integrations.pack_files import read_pack
from app.models import Alert, CarePlan, Condition, Event, Task, TaskOwner
from app.services.plans.plan_library import install_pack
from app.services.plans.questionnaire_answers import Author, Sheet, record_response
from app.services.profile.home_monitoring import record_measurement
from jobs.reactions import REACTIONS
from tests.conftest import NOON, ROOT
from tests.integration.ward import WORK, Ward, build, discharge, measure
from tests.settling import settle


class Home:
    """A patient with heart failure, just home, on a clock that the test moves."""

    def __init__(self, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
        self.session, self.now = session, NOON
        monkeypatch.setattr(clock, "now", lambda: self.now)
        self.ward: Ward = build(session)
        install_pack(
            session, read_pack(ROOT / "packs" / "heart-failure"), NOON, approved_by="演示主任"
        )
        stay = discharge(session, self.ward)
        session.add(
            Condition(
                patient_id=self.ward.patient.id, encounter_id=stay.id, encounter_key=stay.id,
                code_system="ICD-10", code="I50.0", display="充血性心力衰竭", recorded_at=NOON,
                created_at=NOON,
            )
        )  # fmt: skip
        session.add(Event.of("condition.recorded", NOON, patient_id=stay.patient_id, code="I50.0"))
        self.settle()

    def settle(self) -> None:
        settle(self.session, WORK, REACTIONS)

    def weigh(self, value: str, days: int) -> None:
        self.now = NOON + timedelta(days=days)
        measurement = Measurement(uuid4(), VitalSign.BODY_WEIGHT, Decimal(value), "kg", self.now)
        record_measurement(self.session, self.ward.patient.id, measurement, self.now)
        self.settle()

    def answer(self, form: str, answers: dict[str, object]) -> str | None:
        sheet = Sheet(form, answers, uuid4().hex)
        author = Author(account_id=self.ward.account.id)
        given = record_response(self.session, self.ward.patient.id, author, sheet, self.now)
        self.settle()
        return given.advice

    def alerts(self) -> list[tuple[str, str, AlertStatus]]:
        rows = self.session.scalars(select(Alert).order_by(Alert.id))
        return [(one.episode, one.grade, one.status) for one in rows]


@pytest.fixture
def home(session: Session, monkeypatch: pytest.MonkeyPatch) -> Home:
    return Home(session, monkeypatch)


def test_water_that_gathers_is_one_alert_that_worsens(home: Home) -> None:
    session = home.session
    plan = session.scalars(
        select(CarePlan).join(CarePlan.plan_definition).filter_by(
            key="heart-failure-after-discharge"
        )
    ).one()  # fmt: skip
    weights = session.scalars(
        select(Task.starts_at).filter_by(care_plan_id=plan.id, code="29463-7").order_by(Task.id)
    ).all()
    discharged: date = plan.anchor_on
    days = [(at.astimezone(HOSPITAL).date() - discharged).days for at in weights]
    assert days == list(range(1, len(days) + 1))
    assert len(days) >= 13

    for days_home, weight in enumerate(["60.0", "60.4", "60.9"], start=1):
        home.weigh(weight, days_home)
    assert home.alerts() == []

    home.weigh("61.1", 4)
    assert home.alerts() == [("heart-failure-congestion", "mild", AlertStatus.ACTIVE)]

    home.weigh("62.9", 5)
    assert home.alerts() == [("heart-failure-congestion", "moderate", AlertStatus.ACTIVE)]
    asked = session.scalars(select(Task).filter_by(subject="heart-failure-now")).one()
    assert (asked.owner, asked.status) == (TaskOwner.PATIENT, TaskStatus.READY)

    calm: dict[str, object] = {"danger": ["none"], "salt": True, "scale": False}
    words = home.answer("heart-failure-now", {**calm, "changes": ["orthopnoea"]})
    assert words is not None
    assert "120" in words
    assert home.alerts() == [("heart-failure-congestion", "severe", AlertStatus.ACTIVE)]

    home.answer("heart-failure-now", {**calm, "danger": ["pink-sputum"], "changes": ["none"]})
    assert [(episode, grade) for episode, grade, _ in home.alerts()] == [
        ("heart-failure-congestion", "severe"),
        ("heart-failure-danger", "severe"),
    ]


def test_the_rule_an_alert_stands_on_says_what_clears_it(home: Home) -> None:
    def glucose(*values: tuple[str, str]) -> None:
        for value, interpretation in values:
            home.now += timedelta(hours=5)
            measure(home.session, home.ward, value, home.now, interpretation)
        home.settle()

    normal = ("6.0", "N")
    glucose(("17.0", "HH"), normal)
    assert home.alerts() == [("glucose-high", "moderate", AlertStatus.ACTIVE)]
    glucose(normal)
    assert home.alerts() == [("glucose-high", "moderate", AlertStatus.RESOLVED)]

    glucose(("17.0", "HH"))
    form = {"vomiting": True, "deep-breathing": False, "drowsy": False}
    home.answer("high-glucose-check", dict(form))
    glucose(normal, normal, normal)
    # D7 leaves closing to staff, D6 of the same episode does not.
    assert home.alerts()[1:] == [("glucose-high", "severe", AlertStatus.ACTIVE)]
