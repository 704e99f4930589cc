"""A photo for the team: from the phone's camera to the task it finishes."""

import io
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from app import clock
from app.database import unit_of_work
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.profile import photos as rules
from app.domain.trust.access import Relation
from app.models import AuditEvent, Event, Photo, Reporter, Task, TaskOwner
from jobs.chores import Work
from jobs.reactions import review_photo
from tests.api.conftest import OUTLETS, Clinic, Phone, jpeg, link, make_account, make_patient
from tests.conftest import NOON


def send(
    clinic: Clinic,
    content: bytes,
    *,
    phone: Phone | None = None,
    kind: str = "image/jpeg",
    **more: Any,
) -> TestResponse:
    asked = {
        "reference": str(uuid4()), "subject": "wound", "taken_at": NOON.isoformat(), **more,
    }  # fmt: skip
    return (phone or clinic.phone()).ask(
        "POST", f"{clinic.path}/photos", query_string=asked, data=content, content_type=kind
    )


def ask_for(clinic: Clinic, subject: str, hours: int = 0) -> None:
    with unit_of_work.begin() as session:
        session.add(
            Task(
                patient_id=clinic.patient.id, slot=f"photo/{subject}/{hours}",
                owner=TaskOwner.PATIENT, kind="photo", subject=subject, title="拍一张伤口照片",
                status=TaskStatus.READY, starts_at=NOON + timedelta(hours=hours - 1),
                due_at=NOON + timedelta(hours=hours + 1),
                ends_at=NOON + timedelta(hours=hours + 2), created_at=NOON,
            )
        )  # fmt: skip


def kept() -> list[Photo]:
    with unit_of_work.begin() as session:
        return list(session.scalars(select(Photo).order_by(Photo.id)))


def test_a_photo_finishes_the_task_that_asks_for_it(clinic: Clinic) -> None:
    ask_for(clinic, "skin")
    ask_for(clinic, "wound", hours=5)
    ask_for(clinic, "wound")
    phone = clinic.phone()
    (asked,) = [
        one
        for one in phone.get(f"{clinic.path}/tasks").json["tasks"]
        if one["kind"] == "photo" and one["starts_at"] < NOON.isoformat()
        and phone.get(f"{clinic.path}/tasks/{one['id']}").json["photo"] == "wound"
    ]  # fmt: skip
    by_word = phone.post(f"{clinic.path}/tasks/{asked['id']}/complete", {})
    assert by_word.json["type"] == "/problems/evidence-missing"

    answer = send(clinic, jpeg(), phone=phone)

    assert (answer.status_code, answer.json["subject"]) == (201, "wound")
    assert (answer.json["width"], answer.json["height"]) == (40, 30)
    assert phone.get(f"{clinic.path}/tasks/{asked['id']}").json["status"] == "completed"
    (photo,) = kept()
    with unit_of_work.begin() as session:
        assert session.get_one(Task, photo.task_id).public_id == asked["id"]
        assert (
            len(session.scalars(select(Task).filter_by(kind="photo", status="completed")).all())
            == 1
        )


def test_the_team_is_asked_to_look(clinic: Clinic) -> None:
    send(clinic, jpeg())

    with unit_of_work.begin() as session:
        told = session.scalars(select(Event).filter_by(kind="photo.received")).one()
        for _ in range(2):
            review_photo(Work(clock.HOSPITAL, OUTLETS), session, told)
        asked = session.scalars(
            select(Task).filter_by(owner=TaskOwner.STAFF, title="看患者发来的照片")
        ).one()
        assert asked.patient_id == clinic.patient.id


def test_it_is_sealed_and_only_whoever_may_open_the_record_sees_it(clinic: Clinic) -> None:
    phone = clinic.phone()
    sent = send(clinic, jpeg("lime"), phone=phone).json

    shown = phone.get(f"{clinic.path}/photos/{sent['id']}")
    assert (shown.status_code, shown.content_type) == (200, "image/jpeg")
    assert shown.headers["Cache-Control"] == "no-store"
    pixel = Image.open(io.BytesIO(shown.data)).getpixel((5, 5))
    assert isinstance(pixel, tuple)
    assert pixel[1] > 240
    assert [one["id"] for one in phone.get(f"{clinic.path}/photos").json["photos"]] == [sent["id"]]
    with unit_of_work.begin() as session:
        stored = session.scalar(text("SELECT content_sealed FROM photo"))
        assert b"JFIF" not in bytes(stored)
        trail = session.scalars(select(AuditEvent).filter_by(entity="photo")).all()
        assert {(one.action, one.patient_id) for one in trail} == {
            ("create", clinic.patient.id), ("read", clinic.patient.id),
        }  # fmt: skip

    stranger = clinic.phone(make_account("oStranger"))
    assert stranger.get(f"{clinic.path}/photos/{sent['id']}").status_code == 404
    other = make_patient("王五", "MR0005")
    link(stranger.account_id, other, Relation.SELF)
    path = f"/patients/{other.public_id}/photos/{sent['id']}"
    assert stranger.get(path).status_code == 404


def test_the_same_photo_again_is_the_first_one_and_another_under_its_name_is_refused(
    clinic: Clinic,
) -> None:
    reference = str(uuid4())
    first = send(clinic, jpeg(), reference=reference)
    again = send(clinic, jpeg(), reference=reference)
    other = send(clinic, jpeg("blue"), reference=reference)

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert first.json == again.json
    assert len(kept()) == 1


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"\x00\x00\x00\x18ftypheic", "image/jpeg", 422),
        (b"", "image/jpeg", 422),
        (b"<svg/>", "image/png", 422),
        (jpeg(), "image/heic", 415),
        (jpeg(), "multipart/form-data; boundary=x", 415),
        (jpeg(), "application/json", 415),
        (b"\xff\xd8\xff" + bytes(rules.LARGEST), "image/jpeg", 413),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_photo_is_refused(
    clinic: Clinic, content: bytes, kind: str, status: int
) -> None:
    assert send(clinic, content, kind=kind).status_code == status
    assert kept() == []


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"subject": "face"}, 400),
        ({"reference": "x"}, 400),
        ({"taken_at": "2026-05-04"}, 400),
        ({"taken_at": (NOON + timedelta(minutes=20)).isoformat()}, 422),
    ],
)
def test_what_is_said_of_it_must_be_so(clinic: Clinic, more: dict[str, str], status: int) -> None:
    assert send(clinic, jpeg(), **more).status_code == status
    assert kept() == []


def test_other_routes_take_no_picture(clinic: Clinic) -> None:
    answer = clinic.phone().ask(
        "POST", f"{clinic.path}/observations", data=jpeg(), content_type="image/jpeg"
    )

    assert answer.status_code == 415


def test_a_day_has_room_for_so_many(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.profile.photos.MOST_A_DAY", 2)

    statuses = [send(clinic, jpeg()).status_code for _ in range(3)]

    assert statuses == [201, 201, 429]


def test_family_sends_for_the_patient(clinic: Clinic) -> None:
    daughter = make_account("oDaughter")
    link(daughter, clinic.patient, Relation.PARENT)

    send(clinic, jpeg(), phone=clinic.phone(daughter))

    assert [one.reporter for one in kept()] == [Reporter.FAMILY]
