"""Which laboratory results rules may judge: those whose unit is known to be the judged one."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.models import Origin, Patient
from app.models.profile.patient_facts import load_facts
from tests import factories
from tests.conftest import NOON

CREATININE = "14682-9"


def result(
    session: Session, patient: Patient, value: str, unit: str | None, **more: object
) -> None:
    given = {"code": CREATININE, "origin": Origin.HOSPITAL, "unit": unit, **more}
    factories.observation(session, patient, value, NOON - timedelta(hours=1), **given)


def judged(session: Session, patient: Patient, code: str = CREATININE) -> list[Decimal | None]:
    facts = load_facts(session, patient.id, NOON, HOSPITAL)
    return [seen.value for seen in facts.observations.get(code, ())]


def test_a_result_in_another_unit_is_judged_by_its_standard_value(session: Session) -> None:
    patient = factories.patient(session)
    result(
        session, patient, "7.4", "mg/dL",
        standard_value=Decimal("654.2"), standard_unit="umol/L",
    )  # fmt: skip

    assert judged(session, patient) == [Decimal("654.2")]


def test_a_result_already_in_the_judged_unit_needs_no_standard_value(session: Session) -> None:
    patient = factories.patient(session)
    result(session, patient, "654", "umol/L")

    assert judged(session, patient) == [Decimal(654)]


@pytest.mark.parametrize("unit", [None, "mg/dL", "μmol/l"])
def test_a_value_without_a_known_unit_is_kept_and_never_judged(
    session: Session, unit: str | None
) -> None:
    patient = factories.patient(session)
    result(session, patient, "654", unit)

    assert judged(session, patient) == []


def test_a_comparator_or_an_impossible_value_is_no_number(session: Session) -> None:
    patient = factories.patient(session)
    standard = {"standard_value": Decimal(654), "standard_unit": "umol/L"}
    result(session, patient, "7.4", "mg/dL", comparator=">", **standard)
    result(
        session, patient, "74000", "mg/dL",
        standard_value=Decimal("6541600"), standard_unit="umol/L",
    )  # fmt: skip

    assert judged(session, patient) == []
