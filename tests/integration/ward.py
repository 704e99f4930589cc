"""One small ward for tests: a team, a patient just discharged with diabetes, the shipped pack."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.outreach.messaging import Outlets, PatientTemplate, dedupe_key
from app.domain.staff.alert_clock import Responder
from app.domain.trust.access import Relation, StaffRole
from app.integrations.pack_files import read_pack
from app.models import (
    CareTeam,
    CareTeamMember,
    Condition,
    Encounter,
    EncounterClass,
    EncounterStatus,
    Event,
    Observation,
    ObservationStatus,
    Origin,
    Patient,
    PatientLink,
    Practitioner,
    SubscriptionGrant,
    WeChatAccount,
)
from app.services.plans.plan_library import install_pack
from jobs.chores import Work
from tests.conftest import NOON, ROOT

GLUCOSE = "15074-8"
OUTLETS = Outlets(
    mini_program="patient",
    official_account="service",
    staff_app="nurse",
    subscriptions={
        purpose: PatientTemplate("tmpl-sub", {"thing1": "{title}", "time2": "{time}"})
        for purpose in ("task-reminder", "alert-notice")
    },
    templates={
        purpose: PatientTemplate("tmpl-oa", {"keyword1": "{title}", "keyword2": "{time}"})
        for purpose in ("task-reminder", "alert-notice")
    },
    public_url="https://careloop.test",
)
WORK = Work(HOSPITAL, OUTLETS)


@dataclass(frozen=True, slots=True)
class Ward:
    patient: Patient
    account: WeChatAccount
    link: PatientLink
    nurse: Practitioner
    doctor: Practitioner
    team: CareTeam


def build(session: Session, now: datetime = NOON) -> Ward:
    """Make the ward, flushed."""
    pack = read_pack(ROOT / "packs" / "t2dm-after-discharge")
    install_pack(session, pack, now, approved_by="演示主任")
    team = CareTeam(name="内分泌随访组", department_code="ENDO", created_at=now)
    session.add(team)
    nurse = _member(session, team, "陈护士", "nurse-chen", StaffRole.NURSE, Responder.ON_DUTY_NURSE)
    doctor = _member(
        session, team, "林医生", "doctor-lin", StaffRole.DOCTOR, Responder.ATTENDING_DOCTOR
    )
    patient = Patient(
        name="李测试", phone="12000000001", department_code="ENDO", created_at=now, updated_at=now
    )
    account = WeChatAccount(
        app_key="patient", openid="oPatient1", unionid="uPatient1", created_at=now, last_seen_at=now
    )
    session.add_all([patient, account])
    session.flush()
    link = PatientLink(
        account_id=account.id, patient_id=patient.id, relation=Relation.SELF,
        evidence="phone-code", starts_at=now,
    )  # fmt: skip
    session.add(link)
    session.flush()
    return Ward(patient, account, link, nurse, doctor, team)


def discharge(session: Session, ward: Ward, now: datetime = NOON) -> Encounter:
    """Tell of a stay that ends today with type 2 diabetes, as an ADT^A03 does."""
    stay = Encounter(
        patient_id=ward.patient.id, issuer="HIS", visit_number=f"ZY{uuid4().hex[:8]}",
        encounter_class=EncounterClass.INPATIENT, status=EncounterStatus.FINISHED,
        department_code="ENDO", started_at=now - timedelta(days=7), ended_at=now,
        created_at=now,
    )  # fmt: skip
    session.add(stay)
    session.flush()
    session.add_all(
        [
            Condition(
                patient_id=ward.patient.id, encounter_id=stay.id, encounter_key=stay.id,
                code_system="ICD-10", code="E11.9", display="2型糖尿病", recorded_at=now,
                created_at=now,
            ),
            Event.of("condition.recorded", now, patient_id=ward.patient.id, code="E11.9"),
            Event.of(
                "encounter.finished", now, patient_id=ward.patient.id, encounter_id=stay.id
            ),
        ]
    )  # fmt: skip
    session.flush()
    return stay


def measure(
    session: Session, ward: Ward, value: str, now: datetime, interpretation: str = "N", **more: Any
) -> Observation:
    """Keep a glucose the patient measured at `now` (mmol/L), with its event."""
    observation = Observation(
        patient_id=ward.patient.id, origin=Origin.HOME, is_current=True,
        identity=dedupe_key(uuid4()),
        status=ObservationStatus.FINAL, code=GLUCOSE, code_system="http://loinc.org",
        value=Decimal(value), unit="mmol/L", interpretation=interpretation,
        effective_at=now, issued_at=now, received_at=now, **more,
    )  # fmt: skip
    session.add(observation)
    session.flush()
    session.add(
        Event.of(
            "observation.recorded", now, patient_id=ward.patient.id,
            observation_id=observation.id, code=GLUCOSE,
        )
    )  # fmt: skip
    session.flush()
    return observation


def grant(session: Session, ward: Ward, rights: int, now: datetime = NOON) -> None:
    session.add(
        SubscriptionGrant(
            account_id=ward.account.id, template_id="tmpl-sub", change=rights,
            reason="accepted", at=now,
        )
    )  # fmt: skip
    session.flush()


def _member(
    session: Session,
    team: CareTeam,
    name: str,
    userid: str,
    role: StaffRole,
    responder: Responder,
) -> Practitioner:
    who = Practitioner(
        name=name, role=role, corp_key="corp", wecom_userid=userid, department_code="ENDO",
        created_at=NOON,
    )  # fmt: skip
    session.add(who)
    session.flush()
    session.add(CareTeamMember(care_team=team, practitioner=who, responder=responder))
    session.flush()
    return who
