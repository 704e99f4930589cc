"""One team's morning: alerts of each grade, weeks of readings, and a patient who cannot hear."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.plans.rules import Grade
from app.domain.staff.alert_clock import Responder
from app.domain.staff.alerting import AlertStatus
from app.domain.trust.access import StaffRole
from app.models import CareTeam, Condition, Department, Patient, TaskOwner
from tests import factories

HOUR = timedelta(hours=1)


def fill(session: Session, now: datetime) -> tuple[str, str, str]:
    """Return the public ids of the patient, of the severe alert and of a mild one."""
    session.add(Department(code="endo", name="内分泌科"))
    team = factories.care_team(session, "糖尿病随访组")
    second = factories.care_team(session, "心内科随访组")
    factories.practitioner(session, "nurse-chen", name="演示陈护士", teams=[team, second])
    lin = factories.practitioner(session, "nurse-lin", name="演示林护士", teams=[team])
    factories.practitioner(
        session, "doctor", name="演示医生", teams=[team], role=StaffRole.DOCTOR,
        responder=Responder.ATTENDING_DOCTOR,
    )  # fmt: skip
    patient = factories.patient(
        session, "李测试", needs="听障，请发文字；家属代接电话", department_code="endo"
    )
    plan = factories.care_plan(
        session, patient, team, anchor_on=(now - timedelta(days=5)).astimezone(HOSPITAL).date(),
        definition=factories.plan_definition(session, title="2型糖尿病出院后随访"),
    )  # fmt: skip
    _readings(session, patient, now)
    factories.encounter(session, patient, started_at=now - timedelta(days=12),
                        ended_at=now - timedelta(days=5))  # fmt: skip
    session.add(
        Condition(patient_id=patient.id, code_system="ICD-10", code="E11.900",
                  display="2型糖尿病", recorded_at=now, created_at=now)
    )  # fmt: skip
    factories.task(session, patient, plan, status=TaskStatus.COMPLETED, finished_at=now - HOUR,
                   starts_at=now - 2 * HOUR)  # fmt: skip
    factories.task(session, patient, plan, owner=TaskOwner.STAFF, title="出院第3天电话随访",
                   note="问用药是否齐全、会不会测血糖。", starts_at=now - 30 * HOUR)  # fmt: skip
    low = factories.rule(session, "low", name="严重偏低（2级）", definition={"actions": [_TEXTS]})
    severe = factories.alert(
        session, patient, team, rule=low, opened_at=now - 12 * timedelta(minutes=1),
        explanation=f"血糖 2.8 mmol/L（{now:%m-%d} 03:10，空腹），低于 3.0",
    )  # fmt: skip
    mild = _others(session, team, second, lin.id, now)
    return patient.public_id, severe.public_id, mild


_TEXTS = {
    "alert": {
        "staff_text": "30分钟内电话联系本人或家属：是否清醒、能否吞咽，是否已吃糖并复测；"
        "意识不清或抽搐，请家属立即打120。问清药名、剂量、进餐和运动，转告主管医生。",
        "patient_text": "您的血糖很低，有危险。请立刻吃15克糖，身边留人，15分钟后复测。",
    }
}


def _readings(session: Session, patient: Patient, now: datetime) -> None:
    glucose = ("9.4", "8.8", "10.2", "7.9", "8.1", "6.6", "7.2", "5.9", "4.8", "2.8")
    for days, value in enumerate(reversed(glucose)):
        factories.observation(
            session, patient, value, now - timedelta(days=days, minutes=12), context="fasting",
            interpretation="LL" if value == "2.8" else None,
        )  # fmt: skip
    for days, value in enumerate(("132", "128", "141", "138", "150", "144")):
        factories.observation(
            session, patient, value, now - timedelta(days=days, hours=3),
            code="8480-6", unit="mm[Hg]",
        )  # fmt: skip
    for days, value in enumerate(("64.2", "64.5", "65.1")):
        factories.observation(
            session, patient, value, now - timedelta(days=7 * days, hours=5),
            code="29463-7", unit="kg",
        )  # fmt: skip


def _others(session: Session, team: CareTeam, second: CareTeam, lin: int, now: datetime) -> str:
    high = factories.rule(session, "high", name="血糖很高（≥16.7）")
    absent = factories.rule(session, "absent", name="3天没有血糖记录")
    people = [factories.patient(session, name) for name in ("王演示", "欧阳演示", "赵测")]
    for one, where in zip(people, (team, second, team), strict=True):
        factories.care_plan(session, one, where)
    factories.alert(
        session, people[0], team, rule=high, grade=Grade.MODERATE, opened_at=now - 3 * HOUR,
        acknowledge_by=now - 20 * timedelta(minutes=1), explanation="血糖 17.2 mmol/L，不低于 16.7",
    )  # fmt: skip
    mild = factories.alert(
        session, people[1], second, rule=absent, grade=Grade.MILD, opened_at=now - 20 * HOUR,
        acknowledge_by=now + 26 * HOUR, explanation="3天没有血糖记录",
    )  # fmt: skip
    factories.alert(
        session, people[2], team, rule=high, grade=Grade.MODERATE, status=AlertStatus.ACKNOWLEDGED,
        owner_id=lin, acknowledged_at=now - HOUR, opened_at=now - 2 * HOUR, acknowledge_by=None,
    )  # fmt: skip
    return mild.public_id
