"""Today's tasks, one task in full, done, or cannot; forms; messages; rights."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from app.database import unit_of_work
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.plans.questionnaires import read_written
from app.models import (
    AuditEvent,
    Event,
    Questionnaire,
    QuestionnaireResponse,
    Task,
    TaskOwner,
)
from tests.api.conftest import Clinic, measurement, put_into_inbox, task_id
from tests.conftest import NOON

FORM = "high-glucose-check"
CALM = {"vomiting": False, "deep-breathing": False, "drowsy": False}


def response(**more: Any) -> dict[str, Any]:
    return {"reference": str(uuid4()), "questionnaire": FORM, "answers": CALM, **more}


def count(model: type, **having: object) -> int:
    with unit_of_work.begin() as session:
        return session.scalar(select(func.count()).select_from(model).filter_by(**having)) or 0


def make_form_task(clinic: Clinic) -> str:
    with unit_of_work.begin() as session:
        task = Task(
            patient_id=clinic.patient.id, slot="rule:test/0", owner=TaskOwner.PATIENT,
            kind="questionnaire", subject=FORM, title="请马上回答几个问题",
            status=TaskStatus.READY, starts_at=NOON, due_at=NOON + timedelta(hours=1),
            ends_at=NOON + timedelta(days=1), created_at=NOON,
        )  # fmt: skip
        session.add(task)
    return task.public_id


def test_today_shows_what_is_to_do_in_order_of_time(clinic: Clinic) -> None:
    tasks = clinic.phone().get(f"{clinic.path}/tasks").json["tasks"]

    assert [(one["kind"], one["status"]) for one in tasks] == [
        ("measurement", "missed"),
        ("medication-reminder", "ready"),
        ("measurement", "requested"),
        ("measurement", "requested"),
        ("article", "ready"),
        ("article", "ready"),
    ]
    assert [one["due_at"] for one in tasks] == sorted(one["due_at"] for one in tasks)


def test_staff_tasks_are_not_the_patients(clinic: Clinic) -> None:
    days = [f"2026-05-{day:02}" for day in range(3, 10)]
    shown = [
        one["kind"]
        for day in days
        for one in clinic.phone().get(f"{clinic.path}/tasks?day={day}").json["tasks"]
    ]

    assert "staff-task" not in shown
    staff = task_id("staff-task")
    assert clinic.phone().get(f"{clinic.path}/tasks/{staff}").status_code == 404


def test_an_unchanged_list_is_not_sent_again_but_is_still_audited(clinic: Clinic) -> None:
    phone = clinic.phone()
    first = phone.get(f"{clinic.path}/tasks")

    again = phone.get(f"{clinic.path}/tasks", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert count(AuditEvent, entity="task") == 2

    phone.post(f"{clinic.path}/tasks/{task_id('article')}/complete")
    changed = phone.get(f"{clinic.path}/tasks", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200


def test_a_long_list_comes_in_pages_that_join(clinic: Clinic) -> None:
    with unit_of_work.begin() as session:
        for number in range(60):
            session.add(
                Task(
                    patient_id=clinic.patient.id, slot=f"rule:test/{number}",
                    owner=TaskOwner.PATIENT, kind="reminder", title="提醒",
                    status=TaskStatus.READY, starts_at=NOON,
                    due_at=NOON + timedelta(minutes=number // 3),
                    ends_at=NOON + timedelta(hours=1), created_at=NOON,
                )
            )  # fmt: skip
    phone = clinic.phone()

    first = phone.get(f"{clinic.path}/tasks").json
    second = phone.get(f"{clinic.path}/tasks?after={first['next']}").json

    ids = [one["id"] for one in first["tasks"] + second["tasks"]]
    assert len(first["tasks"]) == 50
    assert len(set(ids)) == len(ids) >= 65
    assert second["next"] is None


def test_an_article_task_brings_its_words(clinic: Clinic) -> None:
    told = clinic.phone().get(f"{clinic.path}/tasks/{task_id('article')}").json

    assert told["article"]["title"] == "低血糖怎么办"
    assert len(told["article"]["paragraphs"]) >= 3
    assert "2型糖尿病出院后随访" in told["why"]
    assert (told["questionnaire"], told["measurement"]) == (None, None)


def test_a_measurement_task_brings_unit_range_and_last_value(clinic: Clinic) -> None:
    phone = clinic.phone()
    phone.post(f"{clinic.path}/observations", measurement("7.2"))

    told = phone.get(f"{clinic.path}/tasks/{task_id('measurement')}").json

    assert told["measurement"] == {
        "code": "15074-8", "name": "血糖", "unit": "mmol/L", "least": "0.6", "most": "33.3",
        "context": "fasting",
        "last": {"value": "7.2", "off_scale": None, "effective_at": NOON.isoformat()},
    }  # fmt: skip
    assert told["instructions"].startswith("起床后")


def test_a_form_task_brings_its_questions_without_scores(clinic: Clinic) -> None:
    answer = clinic.phone().get(f"{clinic.path}/tasks/{make_form_task(clinic)}")

    form = answer.json["questionnaire"]
    assert [item["link_id"] for item in form["items"]][:3] == list(CALM)
    assert form["items"][3]["maximum"] == "20"
    assert "react_to" not in answer.text
    assert "score" not in answer.text


def test_done_is_done_once(clinic: Clinic) -> None:
    phone, path = clinic.phone(), f"{clinic.path}/tasks/{task_id('article')}/complete"

    first, second = phone.post(path), phone.post(path, {})

    assert first.status_code == second.status_code == 200
    assert first.json == second.json
    assert first.json["status"] == "completed"
    assert count(Event, kind="task.completed") == 1


def test_what_needs_evidence_is_not_done_by_saying_so(clinic: Clinic) -> None:
    phone = clinic.phone()
    with unit_of_work.begin() as session:
        early = session.scalars(
            select(Task).where(Task.kind == "measurement", Task.status == TaskStatus.REQUESTED)
        ).first()
        assert early is not None

    answers = [
        phone.post(f"{clinic.path}/tasks/{one}/complete").json["type"]
        for one in (early.public_id, make_form_task(clinic), task_id("revisit"))
    ]

    assert answers == [
        "/problems/evidence-missing", "/problems/evidence-missing", "/problems/not-yet-open",
    ]  # fmt: skip


def test_what_is_over_stays_over(clinic: Clinic) -> None:
    phone = clinic.phone()
    missed = task_id("measurement")
    done = task_id("article")
    phone.post(f"{clinic.path}/tasks/{done}/complete")

    for task in (missed, done):
        answer = phone.post(f"{clinic.path}/tasks/{task}/decline", {"reason": "no-time"})
        assert answer.json["type"] == "/problems/task-closed"


def test_cannot_is_kept_with_its_reason_for_the_nurse(clinic: Clinic) -> None:
    phone, task = clinic.phone(), task_id("medication-reminder")
    path = f"{clinic.path}/tasks/{task}/decline"

    first = phone.post(path, {"reason": "not-well", "note": "头晕"})
    second = phone.post(path, {"reason": "no-time"})

    assert first.status_code == second.status_code == 200
    assert first.json == second.json
    with unit_of_work.begin() as session:
        kept = session.scalars(select(Task).filter_by(public_id=task)).one()
        assert (kept.status, kept.status_reason, kept.note) == (
            TaskStatus.CANCELLED, "unable", "身体不舒服：头晕",
        )  # fmt: skip
        told = session.scalars(select(Event).filter_by(kind="task.declined")).one()
        assert told.payload == {"task_id": kept.id, "reason": "not-well"}
    shown = phone.get(f"{clinic.path}/tasks").json["tasks"]
    assert task in [one["id"] for one in shown]
    done = phone.post(f"{clinic.path}/tasks/{task}/complete")
    assert done.json["type"] == "/problems/task-closed"


def test_a_form_is_kept_sealed_and_finishes_its_task(clinic: Clinic) -> None:
    phone, task = clinic.phone(), make_form_task(clinic)
    body = response(task=task, answers=CALM | {"ketone": "0.4"})

    first = phone.post(f"{clinic.path}/responses", body)
    second = phone.post(f"{clinic.path}/responses", body)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json == second.json
    with unit_of_work.begin() as session:
        kept = session.scalars(select(QuestionnaireResponse)).one()
        # A number, not text: only so can a rule compare it.
        assert read_written(kept.answers) == CALM | {"ketone": Decimal("0.4")}
        assert b"ketone" not in kept.answers_sealed
        assert kept.author_account_id == clinic.account.id
        finished = session.scalars(select(Task).filter_by(public_id=task)).one()
        assert finished.status is TaskStatus.COMPLETED
        assert session.get_one(Questionnaire, kept.questionnaire_id).key == FORM
    assert count(Event, kind="response.recorded") == 1


@pytest.mark.parametrize(
    ("answers", "problems"),
    [
        ({}, {"vomiting", "deep-breathing", "drowsy"}),
        (CALM | {"vomiting": "true"}, {"vomiting"}),
        (CALM | {"ketone": 21}, {"ketone"}),
        (CALM | {"ketone": "NaN"}, {"ketone"}),
        (CALM | {"made-up": 1}, {"made-up"}),
    ],
)
def test_a_form_with_a_hole_is_refused_naming_each(
    clinic: Clinic, answers: dict[str, Any], problems: set[str]
) -> None:
    answer = clinic.phone().post(f"{clinic.path}/responses", response(answers=answers))

    assert answer.status_code == 422
    assert set(answer.json["problems"]) == problems
    assert count(QuestionnaireResponse) == 0


def test_a_dangerous_answer_is_helped_at_once(clinic: Clinic) -> None:
    phone = clinic.phone()
    phone.post(f"{clinic.path}/observations", measurement("20"))

    calm = phone.post(f"{clinic.path}/responses", response()).json
    danger = phone.post(
        f"{clinic.path}/responses", response(answers=CALM | {"vomiting": True})
    ).json

    assert calm["advice"] is None
    assert "120" in danger["advice"]


def test_other_answers_under_one_reference_and_unknown_forms_are_refused(clinic: Clinic) -> None:
    phone, body = clinic.phone(), response()
    phone.post(f"{clinic.path}/responses", body)

    other = phone.post(f"{clinic.path}/responses", body | {"answers": CALM | {"drowsy": True}})
    unknown = phone.post(f"{clinic.path}/responses", response(questionnaire="no-such-form"))

    assert other.json["type"] == "/problems/reference-reused"
    assert unknown.status_code == 404


def test_messages_come_newest_first_and_remember_being_opened(clinic: Clinic) -> None:
    ids = [put_into_inbox(clinic.patient, f"第{number}条") for number in range(35)]
    put_into_inbox(clinic.patient, "明天才到", minutes=60 * 24)
    phone = clinic.phone()

    first = phone.get(f"{clinic.path}/inbox").json
    second = phone.get(f"{clinic.path}/inbox?after={first['next']}").json
    shown = first["messages"] + second["messages"]

    assert [one["id"] for one in shown] == ids[::-1]
    assert second["next"] is None
    assert shown[0]["text"] == "第34条"
    assert phone.post(f"{clinic.path}/inbox/{ids[0]}/read").status_code == 204
    opened = phone.get(f"{clinic.path}/inbox?after={ids[1]}").json["messages"][0]["opened_at"]
    phone.post(f"{clinic.path}/inbox/{ids[0]}/read")
    again = phone.get(f"{clinic.path}/inbox?after={ids[1]}").json["messages"][0]["opened_at"]
    assert opened is not None
    assert opened == again


def test_an_accepted_popup_is_a_right_once(clinic: Clinic) -> None:
    phone = clinic.phone()
    body = {
        "reference": str(uuid4()),
        "answers": [{"template_id": "tmpl-sub", "answer": "accept"}],
    }

    for _ in range(2):
        answer = phone.post("/subscriptions", body)
        assert answer.status_code == 201
        assert {one["left"] for one in answer.json["rights"]} == {1}
    refused = body | {
        "reference": str(uuid4()),
        "answers": [{"template_id": "tmpl-sub", "answer": "reject"}],
    }
    phone.post("/subscriptions", refused)

    assert {one["left"] for one in phone.get("/subscriptions").json["rights"]} == {1}
    unknown = body | {"answers": [{"template_id": "made-up", "answer": "accept"}]}
    assert phone.post("/subscriptions", unknown).status_code == 404
