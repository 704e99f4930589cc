"""The API as a phone sees it: a real application, a real database, a platform of ours."""

import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from apiflask import APIFlask
from PIL import Image
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.device_api.desk import DeviceDesk, Vendor
from app.device_api.routes import device_api
from app.domain.intake.clinical_records import RequestStatus
from app.domain.outreach.messaging import Channel, CommunicationState, Lane, dedupe_key
from app.domain.trust.access import Relation
from app.models import (
    Communication,
    MedicationRequest,
    Patient,
    PatientIdentifier,
    PatientLink,
    Task,
    WeChatAccount,
)
from app.services.plans import enrolment, plan_expansion
from app.services.trust.sessions import begin_session
from app.services.trust.wechat_sign_in import CodeRefused
from app.settings import Settings
from app.web.factory import create_app
from miniprogram_api import PhoneServices, face
from tests.conftest import NOON, SECRET_KEYS
from tests.integration import ward as wards

GLUCOSE = wards.GLUCOSE
VENDOR, VENDOR_SECRET = "omron", "a secret of a vendor, long enough"
OUTLETS = replace(wards.OUTLETS, sms=True)


@dataclass(frozen=True, slots=True)
class Identity:
    openid: str
    unionid: str | None = None
    session_key: str | None = "SESSION-KEY-MARKER"


@dataclass
class Platform:
    """Plays WeChat: every code works once."""

    codes: dict[str, Identity] = field(default_factory=dict)

    def exchange(self, code: str) -> Identity:
        if code not in self.codes:
            raise CodeRefused
        return self.codes.pop(code)


@dataclass
class Phone:
    """One WeChat user's mini-program."""

    app: APIFlask
    token: str | None
    account_id: int = 0

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= more.pop("headers", {})
        if isinstance(body, bytes):
            more |= {"data": body, "content_type": "image/jpeg"}
        elif body is not None:
            more["json"] = body
        return self.app.test_client().open(f"/api/v1{path}", method=method, headers=headers, **more)

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.ask("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> TestResponse:
        return self.ask("POST", path, body, **more)


@dataclass
class Clinic:
    """A patient on the diabetes plan since yesterday, with the application in front."""

    app: APIFlask
    platform: Platform
    patient: Patient
    account: WeChatAccount

    def phone(self, account_id: int | None = None) -> Phone:
        account_id = account_id or self.account.id
        with unit_of_work.begin() as session:
            token = begin_session(session, clock.now(), account_id=account_id)
        return Phone(self.app, token, account_id)

    def nobody(self) -> Phone:
        return Phone(self.app, None)

    @property
    def path(self) -> str:
        return f"/patients/{self.patient.public_id}"


def at_once(times: int, ask: Callable[[], TestResponse]) -> list[TestResponse]:
    """Ask from so many threads that all leave the same line."""
    line = threading.Barrier(times)

    def leave(_: int) -> TestResponse:
        line.wait()
        return ask()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(leave, range(times)))


def measurement(value: str = "6.1", **more: Any) -> dict[str, Any]:
    return {
        "reference": str(uuid4()),
        "code": GLUCOSE,
        "value": value,
        "effective_at": NOON.isoformat(),
        "is_own_reading": True,
        **more,
    }


def jpeg(colour: str = "red", size: tuple[int, int] = (40, 30)) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, colour).save(written, "JPEG")
    return written.getvalue()


def make_account(openid: str) -> int:
    with unit_of_work.begin() as session:
        account = WeChatAccount(
            app_key="patient", openid=openid, created_at=NOON, last_seen_at=NOON
        )
        session.add(account)
        session.flush()
        return account.id


def make_patient(name: str, number: str, **more: Any) -> Patient:
    with unit_of_work.begin() as session:
        patient = Patient(name=name, created_at=NOON, updated_at=NOON, **more)
        session.add(patient)
        session.flush()
        session.add(
            PatientIdentifier(
                patient_id=patient.id, issuer="HIS", type_code="MR", value=number, created_at=NOON
            )
        )
    return patient


def link(account_id: int, patient: Patient, relation: Relation, *, is_live: bool = True) -> None:
    with unit_of_work.begin() as session:
        made = PatientLink(
            account_id=account_id,
            patient_id=patient.id,
            relation=relation,
            evidence="phone-code",
            starts_at=NOON - timedelta(days=9),
        )
        session.add(made)
        session.flush()
        if not is_live:
            made.is_live = None
            made.ends_at = NOON - timedelta(seconds=1)


def prescribe(session: Session, clinic: Clinic, code: str, **more: Any) -> str:
    """Keep a medicine dispensed 20 days ago for 28; return its public id."""
    values = {"display": "二甲双胍片", "dispensed_at": NOON - timedelta(days=20), **more}
    row = MedicationRequest(
        patient_id=clinic.patient.id, code=code, code_system="", issuer="HIS", number=f"RX{code}",
        identity=dedupe_key("rx", code), status=RequestStatus.ACTIVE, quantity=Decimal(56),
        quantity_unit="片", dose=Decimal(1), dose_unit="片", frequency="BID",
        authored_at=NOON - timedelta(days=20), created_at=NOON, **values,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row.public_id


def put_into_inbox(patient: Patient, text: str, minutes: int = 0) -> str:
    """Return the public id of a delivered inbox message."""
    with unit_of_work.begin() as session:
        message = Communication(
            dedupe_key=dedupe_key("test", uuid4()),
            patient_id=patient.id,
            kind="task-reminder",
            channel=Channel.INBOX,
            lane=Lane.TRANSACTIONAL,
            state=CommunicationState.DELIVERED,
            recipient_key=f"inbox:{patient.id}",
            planned_at=NOON + timedelta(minutes=minutes),
            due_at=NOON + timedelta(minutes=minutes),
            expires_at=NOON + timedelta(days=2),
        )
        message.content = (
            f'{{"title": "您有一项任务", "text": "{text}", "page": "pages/today/index"}}'
        )
        session.add(message)
    return message.public_id


@pytest.fixture
def noon(tmp_path: Path) -> Iterator[datetime]:
    """Let the clock run from NOON on."""
    shift = tmp_path / "shift"
    shift.write_text(str((NOON - datetime.now(UTC)).total_seconds()))
    clock.follow(shift)
    yield NOON
    clock.follow(None)


def open_clinic() -> Clinic:
    platform = Platform()
    app = create_app(
        Settings(secret_keys=SECRET_KEYS),
        [
            face(
                PhoneServices(
                    platform.exchange, "patient", OUTLETS, device_vendors={VENDOR: "欧姆龙"}
                )
            ),
            device_api(DeviceDesk({VENDOR: Vendor(VENDOR, (VENDOR_SECRET,))}, batch_readings=20)),
        ],
    )
    yesterday = NOON - timedelta(days=1)
    with unit_of_work.begin() as session:
        ward = wards.build(session, yesterday)
        wards.discharge(session, ward, yesterday)
        session.add(
            PatientIdentifier(
                patient_id=ward.patient.id, issuer="HIS", type_code="MR", value="MR0001",
                created_at=NOON,
            )
        )  # fmt: skip
        enrolment.enrol_where_due(session, ward.patient.id, yesterday, HOSPITAL)
        plan_expansion.expand_plans(session, yesterday, HOSPITAL)
        plan_expansion.open_due_tasks(session, NOON)
    return Clinic(app, platform, ward.patient, ward.account)


@pytest.fixture
def clinic(database: Engine, noon: datetime) -> Clinic:
    return open_clinic()


def task_id(kind: str, *, code: str | None = None, status: str | None = None) -> str:
    """Return the public id of the first task of a kind."""
    with unit_of_work.begin() as session:
        tasks = session.query(Task).filter_by(kind=kind).order_by(Task.due_at, Task.id)
        return next(
            task.public_id for task in tasks if status is None or task.status.value == status
        )
