"""Rows with sensible defaults, in the session that is handed in: say only what matters.

Every function flushes, so that ids are there. Nobody in it is real.
"""

import hashlib
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.plans.plan_schedule import TaskStatus
from app.domain.plans.rules import Grade
from app.domain.staff.alert_clock import Responder
from app.domain.staff.alerting import AlertStatus, Outcome
from app.domain.trust.access import StaffRole
from app.models import (
    Alert,
    AlertStep,
    CarePlan,
    CarePlanStatus,
    CareTeam,
    CareTeamMember,
    Encounter,
    EncounterClass,
    EncounterStatus,
    Gender,
    InboundMessage,
    Observation,
    ObservationStatus,
    Origin,
    Patient,
    PlanDefinition,
    Practitioner,
    PublicationStatus,
    Rule,
    Task,
    TaskOwner,
)
from tests.conftest import NOON

_numbers = count(1)
GLUCOSE = "15074-8"
CORP = "corp"


def _keep(session: Session, row: Any, **ended: bool | None) -> Any:
    """Add a row; `ended` has columns to be NULL, which an insert would take for "not given"."""
    session.add(row)
    session.flush()
    for name, value in ended.items():
        setattr(row, name, value)
    session.flush()
    return row


def practitioner(
    session: Session,
    userid: str | None = None,
    *,
    name: str = "演示护士",
    role: StaffRole = StaffRole.NURSE,
    teams: Iterable[CareTeam] = (),
    responder: Responder = Responder.ON_DUTY_NURSE,
    **more: Any,
) -> Practitioner:
    """A member of staff of `CORP`, in `teams`."""
    row: Practitioner = _keep(
        session,
        Practitioner(
            name=name,
            role=role,
            corp_key=more.pop("corp_key", CORP),
            wecom_userid=userid or f"nurse-{next(_numbers)}",
            is_active=more.pop("is_active", True),
            created_at=NOON,
            **more,
        ),
    )
    for team in teams:
        _keep(
            session,
            CareTeamMember(care_team_id=team.id, practitioner_id=row.id, responder=responder),
        )
    return row


def care_team(session: Session, name: str | None = None, **more: Any) -> CareTeam:
    row: CareTeam = _keep(
        session, CareTeam(name=name or f"演示团队{next(_numbers)}", created_at=NOON, **more)
    )
    return row


def patient(session: Session, name: str = "李测试", **more: Any) -> Patient:
    given = {
        "gender": Gender.FEMALE,
        "birth_date": date(1961, 3, 9),
        "phone": "13800001234",
        "created_at": NOON,
        "updated_at": NOON,
        **more,
    }
    row: Patient = _keep(session, Patient(name=name, **given))
    return row


def plan_definition(session: Session, key: str = "demo-plan", **more: Any) -> PlanDefinition:
    """The plan of this key, made once: three stages of a discharge."""
    kept = session.scalar(select(PlanDefinition).filter_by(key=key, version=1))
    if kept is not None:
        return kept
    definition = {
        "stages": [
            {"key": "week-1", "name": "第1周", "first_day": 0, "last_day": 6},
            {"key": "later", "name": "第2–4周", "first_day": 7, "last_day": 27},
        ]
    }
    given = {
        "version": 1,
        "status": PublicationStatus.ACTIVE,
        "title": "出院后随访",
        "anchor": "discharge",
        "definition": definition,
        **more,
    }
    row: PlanDefinition = _keep(session, PlanDefinition(key=key, **given))
    return row


def care_plan(session: Session, patient: Patient, team: CareTeam, **more: Any) -> CarePlan:
    definition = more.pop("definition", None) or plan_definition(session)
    is_open = more.pop("is_open", True)
    given = {
        "status": CarePlanStatus.ACTIVE,
        "anchor_on": (NOON - timedelta(days=3)).date(),
        "created_at": NOON,
        **more,
    }
    row: CarePlan = _keep(
        session,
        CarePlan(
            patient_id=patient.id,
            plan_definition_id=definition.id,
            plan_key=definition.key,
            care_team_id=team.id,
            **given,
        ),
        is_open=is_open,
    )
    return row


def rule(session: Session, key: str = "demo-low", **more: Any) -> Rule:
    """The rule of this key, made once."""
    kept = session.scalar(select(Rule).filter_by(key=key, version=1))
    if kept is not None:
        return kept
    texts = {"staff_text": "问现在感觉如何，是否已吃糖并复测。", "patient_text": "请吃15克糖。"}
    given = {
        "version": 1,
        "status": PublicationStatus.ACTIVE,
        "name": "血糖偏低",
        "definition": {"actions": [{"alert": texts}]},
        **more,
    }
    row: Rule = _keep(session, Rule(key=key, **given))
    return row


def alert(session: Session, patient: Patient, team: CareTeam, **more: Any) -> Alert:
    """An open alert that nobody has taken, with the step that opened it."""
    fired = more.pop("rule", None) or rule(session)
    is_open = more.pop("is_open", True)
    opened_at: datetime = more.get("opened_at", NOON)
    given = {
        "episode": f"episode-{next(_numbers)}",
        "grade": Grade.SEVERE,
        "status": AlertStatus.ACTIVE,
        "explanation": "血糖 2.8 mmol/L（05-04 07:10），低于 3.0",
        "acknowledge_by": opened_at + timedelta(minutes=30),
        "opened_at": opened_at,
        "last_hit_at": opened_at,
        # What is resolved says how: the database asks for it.
        "outcome": Outcome.REACHED if more.get("status") is AlertStatus.RESOLVED else None,
        **more,
    }
    row: Alert = _keep(
        session,
        Alert(patient_id=patient.id, care_team_id=team.id, rule_id=fired.id, **given),
        is_open=is_open,
    )
    _keep(session, AlertStep(alert_id=row.id, kind="opened", at=opened_at))
    return row


def observation(
    session: Session, patient: Patient, value: str, at: datetime, **more: Any
) -> Observation:
    """A home glucose; say `code` and `unit` for something else."""
    is_current = more.pop("is_current", True)
    given = {
        "origin": Origin.HOME,
        "identity": hashlib.sha256(f"{next(_numbers)}".encode()).digest(),
        "status": ObservationStatus.FINAL,
        "code": GLUCOSE,
        "code_system": "http://loinc.org",
        "unit": "mmol/L",
        "issued_at": at,
        "received_at": at,
        **more,
    }
    row: Observation = _keep(
        session,
        Observation(patient_id=patient.id, value=Decimal(value), effective_at=at, **given),
        is_current=is_current,
    )
    return row


def task(session: Session, patient: Patient, plan: CarePlan | None = None, **more: Any) -> Task:
    """A task of the patient, open now."""
    starts_at: datetime = more.pop("starts_at", NOON - timedelta(hours=1))
    given = {
        "owner": TaskOwner.PATIENT,
        "kind": "measurement",
        "title": "测一次空腹血糖",
        "status": TaskStatus.READY,
        "due_at": starts_at + timedelta(hours=8),
        "ends_at": starts_at + timedelta(days=1),
        "created_at": NOON,
        "slot": f"slot-{next(_numbers)}",
        **more,
    }
    plan_id = plan.id if plan else None
    row: Task = _keep(
        session, Task(patient_id=patient.id, care_plan_id=plan_id, starts_at=starts_at, **given)
    )
    return row


def encounter(session: Session, patient: Patient, **more: Any) -> Encounter:
    given = {
        "issuer": "demo",
        "visit_number": f"V{next(_numbers)}",
        "encounter_class": EncounterClass.INPATIENT,
        "status": EncounterStatus.FINISHED,
        "started_at": NOON - timedelta(days=9),
        "ended_at": NOON - timedelta(days=3),
        "created_at": NOON,
        **more,
    }
    row: Encounter = _keep(session, Encounter(patient_id=patient.id, **given))
    return row


def inbound(session: Session, source: str = "hl7:his", **more: Any) -> InboundMessage:
    """A message as it came, refused for having no patient number unless `status` says else."""
    number = next(_numbers)
    text = f"MSH|^~\\&|HIS|H1|CL|H1|20260504120000||ADT^A01|M{number}|P|2.4\rPID|1||||李卡纳"
    given = {
        "dedupe_key": hashlib.sha256(f"inbound {number}".encode()).digest(),
        "kind": "ADT^A01",
        "control_id": f"M{number}",
        "body": text.encode().decode("latin-1"),
        "status": "rejected",
        "received_at": NOON,
        **more,
    }
    if given["status"] == "rejected":
        given.setdefault("reason", "no-patient-identifier")
    row: InboundMessage = _keep(session, InboundMessage(source=source, **given))
    return row
