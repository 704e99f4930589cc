"""The hospital of one life: a team, a patient with a phone, and the stand-in for WeChat."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from apiflask import APIFlask
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.outreach.messaging import Channel, Outlets, PatientTemplate, Sender
from app.domain.staff.alert_clock import Responder
from app.domain.trust.access import Actor, Relation, StaffRole
from app.domain.trust.consenting import CURRENT_TEXTS
from app.integrations.pack_files import read_pack
from app.integrations.token_store import TokenStore
from app.integrations.wechat import MiniProgram
from app.integrations.wechat_senders import subscription_sender
from app.models import (
    Condition,
    Consent,
    Encounter,
    EncounterClass,
    EncounterStatus,
    Event,
    Gender,
    Patient,
    PatientLink,
    SubscriptionGrant,
    WeChatAccount,
)
from app.services.plans.plan_library import install_pack
from app.services.trust.sessions import begin_session
from app.settings import Settings
from app.web.factory import create_app
from jobs.chores import Work
from miniprogram_api import PhoneServices, face
from tests import factories
from tests.conftest import ROOT, SECRET_KEYS
from tests.lives.script import Script
from tests.standin.support import AGENT, CORP, MINI, ONE_TIME, Platform
from wecom.client import WeComClient
from wecom.sender import card_sender, card_update_sender, text_sender

INSTRUMENTS = "instruments"
OPENID = "o-of-a-life"
RIGHTS = 2000  # the person always taps 接受
_PURPOSES = ("task-reminder", "alert-notice")
_TEMPLATE = PatientTemplate(ONE_TIME, {"thing1": "{title}", "time2": "{time}"})
OUTLETS = Outlets(
    mini_program="mini",
    official_account=None,
    staff_app="nurse",
    subscriptions=dict.fromkeys(_PURPOSES, _TEMPLATE),
    templates={},
    public_url="https://careloop.test",
)
WORK = Work(HOSPITAL, OUTLETS)


@dataclass
class Hospital:
    """Where a life takes place; `account_id` is the patient's phone."""

    app: APIFlask
    platform: Platform
    senders: Mapping[Channel, Sender]
    patient_id: int
    public_id: str
    account_id: int
    team_id: int
    nurse: Actor

    def phone(self, now: datetime) -> "Phone":
        with unit_of_work.begin() as session:
            token = begin_session(session, now, account_id=self.account_id)
        return Phone(self.app.test_client(), f"/api/v1/patients/{self.public_id}", token)


@dataclass
class Phone:
    """The patient's mini-program, signed in."""

    client: FlaskClient
    base: str
    token: str

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.client.open(
            self.base + path, method=method, json=body,
            headers={"Authorization": f"Bearer {self.token}"},
        )  # fmt: skip
        assert answer.status_code in (200, 201), f"{path}: {answer.get_data(as_text=True)}"
        return answer.get_json()


def open_hospital(platform: Platform, script: Script) -> Hospital:
    """Install the pack as approved, staff a team, register the patient and the phone."""
    now = script.begins_at - timedelta(days=8)
    with unit_of_work.begin() as session:
        for pack in (INSTRUMENTS, script.pack):  # some packs borrow their forms
            install_pack(session, read_pack(ROOT / "packs" / pack), now, approved_by="演示主任")
        team = factories.care_team(session, "随访组", department_code=None)
        nurse = factories.practitioner(session, "NurseChen", name="演示陈护士", teams=[team])
        factories.practitioner(
            session, "nurse-li", name="演示林医生", teams=[team], role=StaffRole.DOCTOR,
            responder=Responder.ATTENDING_DOCTOR,
        )  # fmt: skip
        patient = Patient(
            name="李演示", birth_date=script.birth_date, gender=Gender(script.gender),
            phone="12000000001", department_code="WARD", created_at=now, updated_at=now,
        )  # fmt: skip
        account = WeChatAccount(
            app_key="mini", openid=OPENID, unionid=None, created_at=now, last_seen_at=now
        )
        session.add_all([patient, account])
        session.flush()
        _hand_over_phone(session, patient, account, Relation(script.relation), now)
        found = (patient.id, patient.public_id, account.id, team.id)
        by_nurse = Actor("practitioner", nurse.id)
    platform.control("/phones", appid=MINI, openids=[OPENID], grants={ONE_TIME: RIGHTS})
    app = create_app(
        Settings(secret_keys=SecretStr(SECRET_KEYS)),
        [face(PhoneServices(_no_sign_in, "mini", OUTLETS))],
    )
    return Hospital(app, platform, _senders(platform), *found, by_nurse)


def _no_sign_in(code: str) -> Any:
    raise AssertionError("a life begins signed in")


def _hand_over_phone(
    session: Session, patient: Patient, account: WeChatAccount, relation: Relation, now: datetime
) -> None:
    link = PatientLink(
        account_id=account.id, patient_id=patient.id, relation=relation,
        evidence="phone-code", starts_at=now,
    )  # fmt: skip
    session.add(link)
    session.add(
        SubscriptionGrant(
            account_id=account.id, template_id=ONE_TIME, change=RIGHTS, reason="accepted", at=now
        )
    )
    for text in CURRENT_TEXTS.values():
        session.add(
            Consent.to(text, patient_id=patient.id, account_id=account.id, is_given=True, now=now)
        )


def _senders(platform: Platform) -> dict[Channel, Sender]:
    mini = MiniProgram(
        "mini", MINI, "mini-secret", f"{platform.url}/weixin",
        TokenStore(unit_of_work, f"wechat:{MINI}"), "trial",
    )  # fmt: skip
    nurse = WeComClient(
        "nurse", CORP, AGENT, "agent-secret", f"{platform.url}/qyapi",
        TokenStore(unit_of_work, f"wecom:{CORP}:{AGENT}"),
    )  # fmt: skip
    return {
        Channel.SUBSCRIPTION: subscription_sender({"mini": mini}),
        Channel.WECOM_CARD: card_sender({"nurse": nurse}),
        Channel.WECOM_TEXT: text_sender({"nurse": nurse}),
        Channel.WECOM_CARD_UPDATE: card_update_sender({"nurse": nurse}),
    }


def discharge(session: Session, script: Script, patient_id: int, now: datetime) -> None:
    """Tell of a week's stay that ends now with the diagnoses of the life, as an ADT^A03 does."""
    stay = Encounter(
        patient_id=patient_id, issuer="HIS", visit_number=f"ZY{uuid4().hex[:8]}",
        encounter_class=EncounterClass.INPATIENT, status=EncounterStatus.FINISHED,
        department_code="WARD", started_at=now - timedelta(days=7), ended_at=now, created_at=now,
    )  # fmt: skip
    session.add(stay)
    session.flush()
    diagnose(session, script, patient_id, now, stay.id)
    session.add(Event.of("encounter.finished", now, patient_id=patient_id, encounter_id=stay.id))


def diagnose(
    session: Session, script: Script, patient_id: int, now: datetime, stay_id: int | None = None
) -> None:
    """Tell of the diagnoses of the life, of a stay or of no visit in particular."""
    for code, display in script.diagnoses:
        session.add(
            Condition(
                patient_id=patient_id, encounter_id=stay_id, encounter_key=stay_id or 0,
                code_system="ICD-10", code=code, display=display, recorded_at=now, created_at=now,
            )
        )  # fmt: skip
        session.add(Event.of("condition.recorded", now, patient_id=patient_id, code=code))
