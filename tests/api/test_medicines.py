"""Medicines on the phone: how long they last, what is asked for them, how it stands, called off."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.trust.consenting import CURRENT_TEXTS, ConsentPurpose
from app.models import Consent, MedicineFlow
from jobs.chores import Work
from tests import settling
from tests.api.conftest import OUTLETS, Clinic, Phone, prescribe

CONSENT = CURRENT_TEXTS[ConsentPurpose.PICKUP_BY_PROXY].version


@pytest.fixture
def medicine(clinic: Clinic) -> str:
    with unit_of_work.begin() as session:
        return prescribe(session, clinic, "M01")


@pytest.fixture
def phone(clinic: Clinic) -> Phone:
    return clinic.phone()


def refill(medicine: str, **more: Any) -> dict[str, Any]:
    return {
        "reference": str(uuid4()), "medicines": [medicine], "weeks": 4, "is_stable": True, **more,
    }  # fmt: skip


def pickup(medicine: str, **more: Any) -> dict[str, Any]:
    return {
        "reference": str(uuid4()), "medicines": [medicine], "proxy_name": "李家属",
        "relation": "女儿", "phone": "12000000002", "identity_tail": "123X", "consent": CONSENT,
        **more,
    }  # fmt: skip


def test_a_medicine_says_how_long_it_lasts(clinic: Clinic, phone: Phone, medicine: str) -> None:
    (told,) = phone.get(f"{clinic.path}/medicines").json["medicines"]

    assert told == {
        "id": medicine, "name": "二甲双胍片", "dosage": "BID", "until": "2026-05-12",
        "days_left": 8, "why_not_refilled": None, "why_not_delivered": None,
    }  # fmt: skip


def test_a_refill_is_asked_once_followed_and_called_off(
    clinic: Clinic, phone: Phone, medicine: str
) -> None:
    path, body = f"{clinic.path}/medicine-services", refill(medicine)
    first = phone.post(f"{path}/refills", body)
    again = phone.post(f"{path}/refills", body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json["id"] == again.json["id"]
    with unit_of_work.begin() as session:
        settling.settle(session, Work(HOSPITAL, OUTLETS))

    (listed,) = phone.get(path).json["services"]
    assert (listed["kind"], listed["label"], listed["may_cancel"]) == ("refill", "等医生审核", True)
    shown = phone.get(f"{path}/{listed['id']}").json
    assert [step["label"] for step in shown["history"]] == ["已提交", "等医生审核"]
    assert (shown["weeks"], shown["code"]) == (4, None)

    cancelled = phone.post(f"{path}/{listed['id']}/cancel")
    assert cancelled.json["is_cancelling"] is True
    with unit_of_work.begin() as session:
        settling.settle(session, Work(HOSPITAL, OUTLETS))
    assert phone.get(f"{path}/{listed['id']}").json["state"] == "cancelled"


def test_a_pickup_needs_the_words_that_count_now_and_shows_a_code(
    clinic: Clinic, phone: Phone, medicine: str
) -> None:
    path = f"{clinic.path}/medicine-services/pickups"
    stale = phone.post(path, pickup(medicine, consent="2020-01"))
    assert (stale.status_code, stale.json["type"]) == (422, "/problems/consent-required")
    with unit_of_work.begin() as session:
        assert session.scalars(select(MedicineFlow)).all() == []

    told = phone.post(path, pickup(medicine)).json

    assert len(told["code"]) == 8
    assert told["code_expires_at"].startswith("2026-05-07T04:0")  # 72 hours
    with unit_of_work.begin() as session:
        given = session.scalars(select(Consent).filter_by(purpose="pickup-by-proxy")).one()
        assert given.is_given


@pytest.mark.parametrize(
    "wrong",
    [
        {"weeks": 13}, {"weeks": "4"}, {"weeks": 0}, {"medicines": []}, {"is_stable": "yes"},
        {"statement": "长" * 201}, {"reference": "1"},
    ],
)  # fmt: skip
def test_what_is_badly_asked_is_refused_by_its_form(
    clinic: Clinic, phone: Phone, medicine: str, wrong: dict[str, Any]
) -> None:
    answer = phone.post(f"{clinic.path}/medicine-services/refills", refill(medicine, **wrong))

    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"is_stable": False}, "needs-visit"),
        ({"weeks": 8}, "too-many-weeks"),
        ({"medicines": ["nobodys"]}, "medicine-not-offered"),
    ],
)
def test_what_the_rule_forbids_is_told_in_words(
    clinic: Clinic, phone: Phone, medicine: str, wrong: dict[str, Any], problem: str
) -> None:
    answer = phone.post(f"{clinic.path}/medicine-services/refills", refill(medicine, **wrong))

    assert answer.status_code == 409
    assert answer.json["type"] == f"/problems/{problem}"


@pytest.mark.parametrize("tail", ["12345", "12x4", "１２３４", "12 4"])
def test_of_an_identity_document_exactly_the_last_four_are_taken(
    clinic: Clinic, phone: Phone, medicine: str, tail: str
) -> None:
    path = f"{clinic.path}/medicine-services/pickups"

    assert phone.post(path, pickup(medicine, identity_tail=tail)).status_code == 400


def test_after_a_withdrawn_consent_nothing_new_is_taken(
    clinic: Clinic, phone: Phone, medicine: str
) -> None:
    no = {"purpose": "health-data", "is_given": False, "text_version": "2026-05"}
    phone.post(f"{clinic.path}/consents", no)

    answer = phone.post(f"{clinic.path}/medicine-services/refills", refill(medicine))

    assert answer.json["type"] == "/problems/consent-required"
