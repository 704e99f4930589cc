"""A home measurement, from the phone to the record."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, func, select

from app.database import unit_of_work
from app.domain.outreach.messaging import dedupe_key
from app.models import AuditEvent, Event, Observation, ObservationStatus, Origin, Task
from tests.api.conftest import Clinic, at_once, measurement, open_clinic
from tests.conftest import NOON


def count(model: type, **having: object) -> int:
    with unit_of_work.begin() as session:
        return session.scalar(select(func.count()).select_from(model).filter_by(**having)) or 0


def test_a_normal_reading_is_kept_and_read_against_the_plan(clinic: Clinic) -> None:
    answer = clinic.phone().post(f"{clinic.path}/observations", measurement("6.10"))

    assert answer.status_code == 201
    told = answer.json
    assert told["observation"]["value"] == "6.1"
    assert told["observation"]["interpretation"] == "N"
    assert told["observation"]["unit"] == "mmol/L"
    assert "合适" in told["advice"]
    assert told["is_late"] is False
    with unit_of_work.begin() as session:
        event = session.scalars(select(Event).filter_by(kind="observation.recorded")).one()
        kept = session.scalars(select(Observation)).one()
        assert event.payload == {"observation_id": kept.id, "code": "15074-8"}
        trail = session.scalars(select(AuditEvent).filter_by(entity="observation")).one()
        assert (trail.action, trail.patient_id) == ("create", clinic.patient.id)


def test_the_same_reference_again_is_answered_like_the_first_time(clinic: Clinic) -> None:
    phone, body = clinic.phone(), measurement("2.8")

    first = phone.post(f"{clinic.path}/observations", body)
    second = phone.post(f"{clinic.path}/observations", body)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json == second.json
    assert count(Observation) == 1
    assert count(Event, kind="observation.recorded") == 1


def test_the_same_reference_with_another_value_is_refused(clinic: Clinic) -> None:
    phone, body = clinic.phone(), measurement("6.1")
    phone.post(f"{clinic.path}/observations", body)

    answer = phone.post(f"{clinic.path}/observations", {**body, "value": "9.1"})

    assert answer.status_code == 409
    assert answer.json["type"] == "/problems/reference-reused"


def test_eight_sends_at_once_keep_one_reading(mariadb: Engine, noon: datetime) -> None:
    clinic = open_clinic()
    phone = clinic.phone()

    for number in range(1, 9):
        body = measurement("2.8")
        answers = at_once(8, lambda body=body: phone.post(f"{clinic.path}/observations", body))

        assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
        assert len({answer.json["observation"]["id"] for answer in answers}) == 1
        assert count(Observation) == count(Event, kind="observation.recorded") == number


@pytest.mark.parametrize(
    ("value", "interpretation", "words"),
    [
        ("3.8", "L", "15克糖"),
        ("2.9", "LL", "120"),
        ("LO", "LL", "120"),
        ("10.1", "H", "偏高"),
        ("16.7", "HH", "很高"),
        ("HI", "HH", "120"),
    ],
)
def test_the_patient_reads_the_packs_own_words(
    clinic: Clinic, value: str, interpretation: str, words: str
) -> None:
    told = clinic.phone().post(f"{clinic.path}/observations", measurement(value)).json

    assert told["observation"]["interpretation"] == interpretation
    assert words in told["advice"]


def test_an_unbelievable_value_is_asked_for_again_and_kept_once_confirmed(clinic: Clinic) -> None:
    phone, body = clinic.phone(), measurement("61")

    refused = phone.post(f"{clinic.path}/observations", body)
    assert refused.status_code == 422
    assert refused.json["type"] == "/problems/implausible-value"
    assert "0.6到33.3" in refused.json["title"]
    assert count(Observation) == 0

    kept = phone.post(f"{clinic.path}/observations", {**body, "confirmed": True})
    assert kept.status_code == 201
    assert kept.json["observation"]["interpretation"] is None
    assert count(Event, kind="observation.implausible") == 1
    assert count(Event, kind="observation.recorded") == 0


def test_a_reading_from_the_future_is_refused_even_when_confirmed(clinic: Clinic) -> None:
    body = measurement(effective_at=(NOON + timedelta(minutes=20)).isoformat(), confirmed=True)

    answer = clinic.phone().post(f"{clinic.path}/observations", body)

    assert answer.status_code == 422
    assert count(Observation) == 0


def test_a_reading_of_the_day_before_yesterday_is_kept_without_alarm(clinic: Clinic) -> None:
    body = measurement("2.8", effective_at=(NOON - timedelta(hours=40)).isoformat())

    told = clinic.phone().post(f"{clinic.path}/observations", body).json

    assert told["is_late"] is True
    assert "120" not in told["advice"]
    assert count(Event, kind="observation.recorded") == 1


def test_somebody_elses_reading_never_enters_the_record(clinic: Clinic) -> None:
    answer = clinic.phone().post(f"{clinic.path}/observations", measurement(is_own_reading=False))

    assert answer.json["type"] == "/problems/not-own-reading"
    assert count(Observation) == 0


def test_another_unit_is_converted_and_an_unknown_one_is_never_judged(clinic: Clinic) -> None:
    phone = clinic.phone()

    converted = phone.post(f"{clinic.path}/observations", measurement("54", unit="mg/dL")).json[
        "observation"
    ]
    unknown = phone.post(f"{clinic.path}/observations", measurement("54", unit="points")).json[
        "observation"
    ]

    assert (converted["value"], converted["unit"], converted["interpretation"]) == (
        "3", "mmol/L", "L",
    )  # fmt: skip
    assert (unknown["value"], unknown["unit"], unknown["interpretation"]) == ("54", "points", None)


def test_a_reading_answers_the_task_of_its_hour_and_meal_however_late_it_arrives(
    clinic: Clinic,
) -> None:
    early = (NOON - timedelta(hours=5)).isoformat()  # 07:00, the fasting window
    phone = clinic.phone()

    phone.post(f"{clinic.path}/observations", measurement(effective_at=early, context="after-meal"))
    assert count(Task, kind="measurement", status="completed") == 0

    phone.post(f"{clinic.path}/observations", measurement(effective_at=early, context="fasting"))
    with unit_of_work.begin() as session:
        done = session.scalars(select(Task).filter_by(status="completed")).one()
        assert done.code == "15074-8"
        assert done.plan_action is not None
        assert done.plan_action.key == "glucose-fasting"
    assert count(Event, kind="task.completed") == 1


def test_pages_of_readings_join_without_a_gap(clinic: Clinic) -> None:
    phone = clinic.phone()
    with unit_of_work.begin() as session:
        for minutes in range(60):
            session.add(
                _reading(clinic.patient.id, NOON - timedelta(minutes=minutes // 2), minutes)
            )

    first = phone.get(f"{clinic.path}/observations?code=15074-8").json
    second = phone.get(f"{clinic.path}/observations?code=15074-8&after={first['next']}").json

    ids = [one["id"] for one in first["observations"] + second["observations"]]
    assert (len(first["observations"]), len(set(ids)), second["next"]) == (50, 60, None)
    times = [one["effective_at"] for one in first["observations"] + second["observations"]]
    assert times == sorted(times, reverse=True)


def _reading(patient_id: int, at: datetime, number: int) -> Observation:
    return Observation(
        patient_id=patient_id, origin=Origin.HOME, identity=dedupe_key("reading", number),
        is_current=True, status=ObservationStatus.FINAL, code="15074-8",
        code_system="http://loinc.org", value=Decimal("6.1"), unit="mmol/L", interpretation="N",
        effective_at=at, issued_at=at, received_at=at,
    )  # fmt: skip


def test_a_trend_says_in_words_what_the_chart_shows(clinic: Clinic) -> None:
    phone = clinic.phone()
    for hours, value in ((3, "6.0"), (2, "11.0"), (1, "LO")):
        at = (NOON - timedelta(hours=hours)).isoformat()
        phone.post(f"{clinic.path}/observations", measurement(value, effective_at=at))

    trend = phone.get(f"{clinic.path}/trends?code=15074-8&days=7").json

    assert [point["value"] for point in trend["points"]] == ["6", "11", None]
    assert trend["sentence"] == (
        "最近7天记录了3次血糖，最近一次仪器显示LO，平均8.5mmol/L，有2次超出范围。"
    )
    empty = phone.get(f"{clinic.path}/trends?code=8480-6").json
    assert empty["sentence"] == "最近30天还没有收缩压记录。"
