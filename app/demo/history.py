"""What the hospital knows of its patients: stays and visits, diagnoses, laboratory results."""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.database import new_public_id
from app.demo.cast import ISSUER
from app.demo.people import Person, first_id
from app.models import (
    Condition,
    Encounter,
    EncounterClass,
    EncounterStatus,
    Observation,
    ObservationStatus,
    Origin,
)

PLANS: Final = 60  # besides the people with a story
_HBA1C: Final = ("4548-4", "糖化血红蛋白", "%", "4.0-6.0")
_CREATININE: Final = ("2160-0", "肌酐", "umol/L", "41-111")


def choose_discharges(people: list[Person], random: Random) -> None:
    """Let some people with diabetes have gone home in the last seven weeks, every third day."""
    diabetics = [one for one in people if one.is_diabetic and one.subject is None]
    for one in diabetics[:PLANS]:
        one.discharged = random.randrange(1, 53, 3)


def add_history(session: Session, people: list[Person], random: Random, now: datetime) -> None:
    """Write encounters, diagnoses and results of the last months."""
    first = first_id(session, Encounter)
    stays: list[dict[str, Any]] = []
    conditions: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for one in people:
        for stay in _encounters(one, random, now):
            stay["id"] = first + len(stays)
            stays.append(stay)
            conditions.append(_condition(one, stay))
            results.extend(_results(one, stay, random))
        one.facts["encounter_id"] = stays[-1]["id"]
        one.facts["went_home_at"] = stays[-1]["ended_at"]
    session.execute(insert(Encounter), stays)
    session.execute(insert(Condition), conditions)
    session.execute(insert(Observation), results)


def _encounters(one: Person, random: Random, now: datetime) -> Iterator[dict[str, Any]]:
    """Yield earlier visits, then the latest stay."""
    latest = one.discharged if one.discharged is not None else random.randint(16, 100)
    for visit in range(random.randint(1, 2), 0, -1):
        began = now - timedelta(days=latest + 14 + visit * random.randint(18, 45), hours=1)
        yield _encounter(one, EncounterClass.AMBULATORY, began, began + timedelta(hours=1))
    ended = now - timedelta(days=latest, hours=random.uniform(0, 1))
    began = ended - timedelta(days=random.randint(4, 11))
    yield _encounter(one, EncounterClass.INPATIENT, began, ended)


def _encounter(
    one: Person, kind: EncounterClass, began: datetime, ended: datetime
) -> dict[str, Any]:
    prefix = "ZY" if kind is EncounterClass.INPATIENT else "MZ"
    return {
        "public_id": new_public_id(),
        "patient_id": one.id,
        "issuer": ISSUER,
        "visit_number": f"{prefix}{one.id:06}{began:%y%m%d}",
        "encounter_class": kind,
        "status": EncounterStatus.FINISHED,
        "department_code": one.ward,
        "started_at": began,
        "ended_at": ended,
        "created_at": ended,
    }


def _condition(one: Person, stay: dict[str, Any]) -> dict[str, Any]:
    code, words = one.diagnosis
    return {
        "public_id": new_public_id(),
        "patient_id": one.id,
        "encounter_id": stay["id"],
        "encounter_key": stay["id"],
        "code_system": "ICD-10",
        "code": code,
        "display": words,
        "recorded_at": stay["ended_at"],
        "created_at": stay["ended_at"],
    }


def _results(one: Person, stay: dict[str, Any], random: Random) -> Iterator[dict[str, Any]]:
    at = stay["started_at"] + timedelta(hours=9)
    if one.is_diabetic:
        yield _result(one, stay, _HBA1C, max(6.1, random.gauss(8.4, 1.4)), 6.0, at)
    creatinine = random.gauss(190, 40) if one.ward == "NEPH" else random.gauss(74, 14)
    yield _result(one, stay, _CREATININE, max(35, creatinine), 111, at)


def _result(
    one: Person,
    stay: dict[str, Any],
    kind: tuple[str, str, str, str],
    value: float,
    high: float,
    at: datetime,
) -> dict[str, Any]:
    code, words, unit, normal = kind
    return {
        "public_id": new_public_id(),
        "patient_id": one.id,
        "encounter_id": stay["id"],
        "origin": Origin.HOSPITAL,
        "identity": hashlib.sha256(f"{stay['visit_number']}/{code}".encode()).digest(),
        "is_current": True,
        "status": ObservationStatus.FINAL,
        "code": code,
        "code_system": "http://loinc.org",
        "display": words,
        "value": Decimal(f"{value:.1f}"),
        "unit": unit,
        "reference_range": normal,
        "interpretation": "H" if value > high else "N",
        "effective_at": at,
        "issued_at": at + timedelta(hours=3),
        "received_at": at + timedelta(hours=3),
    }
