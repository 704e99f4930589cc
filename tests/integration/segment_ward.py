"""A small hospital for segments: two teams, patients who differ, tags above and below."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.trust.access import Actor, StaffRole
from app.models import (
    CareTeam,
    Condition,
    Department,
    Gender,
    Patient,
    PatientIdentifier,
    Tag,
    TagAssignment,
    TagSource,
)
from tests import factories

OVER_60 = {"age": {"op": ">=", "years": 60}}
DIABETIC = {"tag": {"key": "diabetes"}}
HIGH = {
    "latest": {
        "code": "15074-8", "op": ">", "value": "10", "unit": "mmol/L", "within": "P90D",
    }
}  # fmt: skip


@dataclass
class Ward:
    """Ids and actors; `own` and `elderly` are patients of `team`, `foreign` of the other."""

    team: CareTeam
    other_team: CareTeam
    doctor: Actor
    head_nurse: Actor
    outsider: Actor
    own: Patient
    elderly: Patient
    foreign: Patient


def fill(session: Session, now: datetime) -> Ward:
    session.add(Department(code="endo", name="内分泌科"))
    team = factories.care_team(session, "糖尿病随访组")
    other_team = factories.care_team(session, "心内科随访组")
    doctor = factories.practitioner(
        session, "doctor", name="演示医生", role=StaffRole.DOCTOR, teams=[team]
    )
    head = factories.practitioner(
        session, "head-nurse", name="演示护士长", role=StaffRole.HEAD_NURSE, teams=[team]
    )
    outsider = factories.practitioner(
        session, "outsider", name="演示外科医生", role=StaffRole.DOCTOR, teams=[other_team]
    )
    own = factories.patient(
        session, "李测试", birth_date=date(1990, 1, 2), gender=Gender.MALE, department_code="endo"
    )
    elderly = factories.patient(session, "欧阳演示", birth_date=date(1950, 1, 2))
    foreign = factories.patient(session, "王示例", birth_date=date(1948, 5, 6))
    for patient, group in ((own, team), (elderly, team), (foreign, other_team)):
        factories.care_plan(session, patient, group)
    session.add(
        PatientIdentifier(
            patient_id=elderly.id, issuer="HIS", type_code="MR", value="A0012345", created_at=now
        )
    )
    _tag(session, "diabetes", "糖尿病")
    type2 = _tag(session, "type-2", "2型糖尿病", parent_key="diabetes")
    for patient in (own, elderly):
        session.add(
            TagAssignment(
                patient_id=patient.id, tag_id=type2.id, source=TagSource.RULE,
                evidence="有诊断E11.900", starts_at=now - timedelta(days=3),
            )
        )  # fmt: skip
        session.add(
            Condition(
                patient_id=patient.id, code_system="ICD-10", code="E11.900", recorded_at=now,
                created_at=now,
            )
        )  # fmt: skip
    factories.observation(session, elderly, "12", now - timedelta(days=2))
    session.flush()
    return Ward(
        team, other_team, _actor(doctor.id), _actor(head.id), _actor(outsider.id), own, elderly,
        foreign,
    )  # fmt: skip


def _tag(session: Session, key: str, name: str, **more: str) -> Tag:
    tag = Tag(key=key, name=name, tag_class="diagnosis", **more)
    session.add(tag)
    session.flush()
    return tag


def _actor(practitioner_id: int) -> Actor:
    return Actor("practitioner", practitioner_id, "test")
