"""What the hospital's system sends in the demo: real HL7 v2 over MLLP, of synthetic patients."""

import secrets
import socket
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.demo.cast import ENDOCRINOLOGY, ISSUER
from app.integrations.hl7.framing import enframe
from app.models import CarePlan, Gender, Patient, PatientIdentifier

_SECONDS: Final = 8
_SEX: Final = {Gender.FEMALE: "F", Gender.MALE: "M"}
# MSA-1 in words (HL7 table 0008).
ANSWERS: Final = {"AA": "已接收", "AE": "已接收，内容有问题", "AR": "被拒收"}


class FeedSilent(Exception):
    """The listener cannot be reached, or did not answer."""


def next_to_go_home(session: Session) -> Patient | None:
    """Return a patient with diabetes who has been on no plan yet."""
    return session.scalar(
        select(Patient)
        .where(
            Patient.department_code == ENDOCRINOLOGY,
            ~exists().where(CarePlan.patient_id == Patient.id),
        )
        .order_by(Patient.id)
        .limit(1)
    )


def discharge(session: Session, patient: Patient, now: datetime) -> str:
    """Return the ADT^A03 of a stay that ends now with type 2 diabetes."""
    began = now - timedelta(days=6)
    visit = f"ZY{patient.id:06}{now:%y%m%d%H%M%S}"
    return _message(
        "ADT^A03^ADT_A03", now,
        f"EVN|A03|{_at(now)}",
        _pid(session, patient),
        f"PV1|1|I|{ENDOCRINOLOGY}^0301^05^{ISSUER}^^^^^内分泌科||||D7^林演示||||||||||||{visit}"
        f"|||||||||||||||||||||||||{_at(began)}|{_at(now)}",
        f"DG1|1||E11.9^2型糖尿病^I10||{_at(now)}|A",
    )  # fmt: skip


def result(session: Session, patient: Patient, now: datetime) -> str:
    """Return the ORU^R01 of an HbA1c of 9.6 %."""
    order = secrets.token_hex(4).upper()
    return _message(
        "ORU^R01^ORU_R01", now,
        _pid(session, patient),
        f"PV1|1|O|{ENDOCRINOLOGY}^^^{ISSUER}",
        f"OBR|1|P{order}|F{order}|4548-4^糖化血红蛋白^LN|||{_at(now - timedelta(hours=2))}"
        f"|||||||||||||||{_at(now)}||LAB|F",
        "OBX|1|NM|4548-4^糖化血红蛋白^LN||9.6|%|4.0-6.0|H|||F",
    )  # fmt: skip


def send(text: str, host: str, port: int) -> str:
    """Send one message and return MSA-1 of its answer.

    :raises FeedSilent: nobody listens, or no answer came
    """
    try:
        with socket.create_connection((host, port), timeout=_SECONDS) as connection:
            connection.sendall(enframe(text.encode()))
            answer = b""
            while b"\x1c" not in answer:
                part = connection.recv(65536)
                if not part:
                    raise FeedSilent
                answer += part
    except OSError:
        raise FeedSilent from None
    lines = answer.decode("utf-8", "replace").split("\r")
    return next((line.split("|")[1] for line in lines if line.startswith("MSA|")), "")


def _pid(session: Session, patient: Patient) -> str:
    numbers = session.scalars(select(PatientIdentifier).filter_by(patient_id=patient.id))
    ids = "~".join(f"{one.value}^^^{one.issuer}^{one.type_code}" for one in numbers)
    born = f"{patient.birth_date:%Y%m%d}" if patient.birth_date else ""
    sex = _SEX.get(patient.gender, "U")
    return f"PID|1||{ids}||{patient.name}||{born}|{sex}|||^^演示市||{patient.phone}"


def _message(kind: str, now: datetime, *segments: str) -> str:
    control_id = secrets.token_hex(8).upper()
    head = f"MSH|^~\\&|HIS|{ISSUER}|CARELOOP|{ISSUER}|{_at(now)}||{kind}|{control_id}|P|2.4"
    return "".join(f"{one}\r" for one in (f"{head}||||||UNICODE UTF-8", *segments))


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(HOSPITAL):%Y%m%d%H%M%S}"
