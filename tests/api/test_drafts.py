"""Forms begun, gone on with, answered by family, and dangerous answers nobody sent."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.intake.clinical_records import FormStatus
from app.domain.outreach.messaging import Outlets
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.plans.questionnaires import AnswerMode
from app.domain.plans.rules import Grade
from app.domain.staff.alerting import AlertStatus, Outcome
from app.domain.trust.access import Relation
from app.integrations.pack_files import read_pack
from app.models import (
    Alert,
    AlertStep,
    Event,
    FiringDeed,
    PublicationStatus,
    Questionnaire,
    QuestionnaireResponse,
    RuleFiring,
    Task,
)
from app.services.plans.plan_library import install_pack
from jobs.chores import Work
from tests import settling
from tests.api.conftest import Clinic, link, make_account, measurement
from tests.api.test_tasks import CALM, FORM, make_form_task
from tests.conftest import NOON, ROOT

LOW = {f"phq9-{n}": "not-at-all" for n in range(1, 10)}


@pytest.fixture
def with_instruments(clinic: Clinic) -> Clinic:
    with unit_of_work.begin() as session:
        install_pack(
            session, read_pack(ROOT / "packs" / "instruments"), NOON, approved_by="演示主任"
        )
    return clinic


def sheet(key: str, answers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"reference": str(uuid4()), "questionnaire": key, "answers": answers, **more}


def react(session: Session) -> None:
    settling.settle(session, Work(HOSPITAL, Outlets()))


def the_response() -> QuestionnaireResponse:
    with unit_of_work.begin() as session:
        found = session.scalars(select(QuestionnaireResponse)).one()
        session.expunge(found)
    return found


def test_a_form_is_begun_gone_on_with_and_sent(clinic: Clinic) -> None:
    phone, task = clinic.phone(), make_form_task(clinic)
    body = sheet(FORM, {"vomiting": False, "ketone": "0.40"}, task=task)

    first = phone.post(f"{clinic.path}/drafts", body)
    again = phone.post(
        f"{clinic.path}/drafts", body | {"answers": {"vomiting": False, "drowsy": False}}
    )
    wrong = phone.post(f"{clinic.path}/drafts", body | {"answers": {"vomiting": "no"}})

    assert (first.status_code, again.status_code, wrong.status_code) == (200, 200, 422)
    assert set(wrong.json["problems"]) == {"vomiting"}
    (draft,) = phone.get(f"{clinic.path}/drafts").json["drafts"]
    assert (draft["reference"], draft["task"]) == (body["reference"], task)
    assert draft["answers"] == {"vomiting": False, "drowsy": False}
    assert draft["questionnaire"]["version"] == 2
    kept = the_response()
    assert (kept.status, kept.score) == (FormStatus.IN_PROGRESS, None)
    assert b"vomiting" not in kept.answers_sealed
    assert phone.get(f"{clinic.path}/tasks/{task}").json["status"] == "in-progress"

    sent = phone.post(f"{clinic.path}/responses", body | {"answers": CALM})
    late = phone.post(f"{clinic.path}/drafts", body)

    assert sent.status_code == 201
    assert late.json["type"] == "/problems/reference-reused"
    assert phone.get(f"{clinic.path}/drafts").json["drafts"] == []
    assert the_response().status is FormStatus.COMPLETED
    with unit_of_work.begin() as session:
        done = session.scalars(select(Task).filter_by(public_id=task)).one()
        assert done.status is TaskStatus.COMPLETED


def test_who_answered_is_kept_and_strangers_see_no_draft(clinic: Clinic) -> None:
    daughter = make_account("oDaughter")
    link(daughter, clinic.patient, Relation.PARENT)
    phone = clinic.phone(daughter)
    body = sheet(FORM, CALM)

    refused = clinic.phone(make_account("oStranger")).get(f"{clinic.path}/drafts")
    for_them = phone.post(f"{clinic.path}/drafts", body)

    assert refused.status_code == 404
    assert for_them.status_code == 200
    assert the_response().informant is Relation.PARENT
    phone.post(f"{clinic.path}/responses", body | {"is_own_answer": True})
    kept = the_response()
    assert (kept.informant, kept.mode) == (Relation.SELF, AnswerMode.APP)
    assert (kept.author_account_id, kept.author_practitioner_id) == (daughter, None)


def test_answers_belong_to_the_version_that_was_shown(clinic: Clinic) -> None:
    with unit_of_work.begin() as session:
        old = session.scalars(select(Questionnaire).filter_by(key=FORM)).one()
        shorter = old.definition | {"version": 7, "items": old.definition["items"][:1]}
        for version, status in ((7, PublicationStatus.RETIRED), (8, PublicationStatus.DRAFT)):
            session.add(
                Questionnaire(
                    key=FORM, version=version, status=status, title=old.title,
                    definition=shorter | {"version": version}, pack_key=old.pack_key,
                )
            )  # fmt: skip
    phone = clinic.phone()

    told = phone.post(f"{clinic.path}/responses", sheet(FORM, {"vomiting": False}, version=7))
    newest = phone.post(f"{clinic.path}/responses", sheet(FORM, {"vomiting": False}))
    unapproved = phone.post(f"{clinic.path}/responses", sheet(FORM, {"vomiting": False}, version=8))

    assert (told.status_code, newest.status_code, unapproved.status_code) == (201, 422, 404)
    with unit_of_work.begin() as session:
        kept = session.scalars(select(QuestionnaireResponse)).one()
        assert kept.questionnaire is not None
        assert kept.questionnaire.version == 7


def test_a_thought_of_death_brings_a_person_though_the_form_is_never_sent(
    with_instruments: Clinic,
) -> None:
    clinic, phone = with_instruments, with_instruments.phone()
    body = sheet("phq-9", {"phq9-9": "several-days"})

    said = phone.post(f"{clinic.path}/drafts", body).json["advice"]
    phone.post(
        f"{clinic.path}/drafts", body | {"answers": body["answers"] | {"phq9-1": "not-at-all"}}
    )
    with unit_of_work.begin() as session:
        react(session)
        alert = session.scalars(select(Alert)).one()
        assert (alert.grade, alert.status) == (Grade.MODERATE, AlertStatus.ACTIVE)
        assert alert.acknowledge_by is not None
        assert alert.acknowledge_by.astimezone(HOSPITAL).date() == NOON.astimezone(HOSPITAL).date()
        assert alert.texts[1] == said
        assert "12356" in (said or "")
        assert "当天打电话" in (alert.texts[0] or "")
        assert "有几天" in (alert.explanation or "")
        alert.status, alert.is_open, alert.outcome = AlertStatus.RESOLVED, None, Outcome.REACHED

    worse = LOW | {"phq9-9": "nearly-every-day"}
    sent = phone.post(f"{clinic.path}/responses", body | {"answers": worse})
    with unit_of_work.begin() as session:
        react(session)
        react(session)
        kept = session.scalars(select(QuestionnaireResponse)).one()
        assert (sent.json["score"], kept.scale_scores) == (
            3, {"total": {"value": "3", "band": "minimal"}},
        )  # fmt: skip
        _, severe = session.scalars(select(Alert).order_by(Alert.id)).all()
        assert (severe.grade, severe.is_open) == (Grade.SEVERE, True)
        assert "120" in sent.json["advice"]
        # What was told once is no news, whoever closed it.
        severe.status, severe.is_open = AlertStatus.RESOLVED, None
        severe.outcome = Outcome.REACHED
    phone.post(f"{clinic.path}/responses", body | {"answers": worse})
    with unit_of_work.begin() as session:
        told = session.scalars(select(Event).filter_by(kind="response.alarmed")).all()
        assert len(told) == 2
        session.add(Event.of("response.alarmed", NOON, patient_id=told[0].patient_id,
                             response_id=told[0].payload["response_id"]))  # fmt: skip
        session.flush()
        react(session)
        assert len(session.scalars(select(Alert)).all()) == 2
        assert len(session.scalars(select(AlertStep)).all()) == 2


def test_an_answer_that_only_a_rule_would_judge_is_heard_unsent_too(clinic: Clinic) -> None:
    clinic.phone().post(f"{clinic.path}/drafts", sheet("weekly-check", {"foot-wound": True}))
    with unit_of_work.begin() as session:
        react(session)
        alert = session.scalars(select(Alert)).one()
        assert (alert.grade, alert.name) == (Grade.MODERATE, "未交的问卷里有需要联系的回答")
        assert alert.texts[1] is None


def the_alert(session: Session) -> tuple[Alert, list[str]]:
    alert = session.scalars(select(Alert)).one()
    steps = session.scalars(select(AlertStep.kind).order_by(AlertStep.id)).all()
    return alert, list(steps)


WEEKLY: dict[str, Any] = {
    "missed-doses": 0, "hypo-count": 0, "foot-wound": True, "diet": "most-days",
    "exercise": "most-days", "mood": "good",
}  # fmt: skip


def test_a_form_sent_alarms_no_second_time_for_what_its_draft_told(clinic: Clinic) -> None:
    phone, body = clinic.phone(), sheet("weekly-check", {"foot-wound": True})
    phone.post(f"{clinic.path}/drafts", body)
    with unit_of_work.begin() as session:
        react(session)
    sent = phone.post(f"{clinic.path}/responses", body | {"answers": WEEKLY})
    assert sent.status_code == 201, sent.json

    with unit_of_work.begin() as session:
        react(session)
        alert, steps = the_alert(session)
        assert steps == ["opened", "appended"]
        # It is the rule's from now on: its words, and its later hits.
        assert alert.rule is not None
        assert (alert.rule.key, alert.episode) == ("d11-foot-wound", "foot-wound")
        assert alert.name == alert.rule.name
        firing = session.scalars(select(RuleFiring)).one()
        assert (firing.deed, firing.alert_id) == (FiringDeed.ACTED, alert.id)
        kinds = session.scalars(select(Event.kind).where(Event.kind.startswith("alert."))).all()
        assert kinds == ["alert.opened", "alert.patient-told"]


def test_what_staff_closed_before_the_form_was_sent_alarms_no_more(clinic: Clinic) -> None:
    phone, body = clinic.phone(), sheet("weekly-check", {"foot-wound": True})
    phone.post(f"{clinic.path}/drafts", body)
    with unit_of_work.begin() as session:
        react(session)
        alert = session.scalars(select(Alert)).one()
        alert.status, alert.is_open, alert.outcome = AlertStatus.RESOLVED, None, Outcome.REACHED
    phone.post(f"{clinic.path}/responses", body | {"answers": WEEKLY})
    with unit_of_work.begin() as session:
        react(session)
        assert the_alert(session)[1] == ["opened"]


def test_an_answer_the_draft_did_not_tell_of_alarms_when_it_is_sent(clinic: Clinic) -> None:
    phone, body = clinic.phone(), sheet("weekly-check", {"sick-day": False})
    phone.post(f"{clinic.path}/drafts", body)
    phone.post(f"{clinic.path}/responses", body | {"answers": WEEKLY})
    with unit_of_work.begin() as session:
        react(session)
        assert the_alert(session)[1] == ["opened"]


@pytest.mark.parametrize("verb", ["drafts", "responses"])
def test_an_answer_taken_back_stands_on_the_alert_which_stays(clinic: Clinic, verb: str) -> None:
    phone, body = clinic.phone(), sheet("weekly-check", {"foot-wound": True})
    phone.post(f"{clinic.path}/drafts", body)
    with unit_of_work.begin() as session:
        react(session)
    back = phone.post(f"{clinic.path}/{verb}", body | {"answers": WEEKLY | {"foot-wound": False}})
    assert back.status_code < 300
    with unit_of_work.begin() as session:
        react(session)
        alert, steps = the_alert(session)
        assert steps == ["opened", "taken-back"]
        assert (alert.status, alert.is_open, alert.outcome) == (AlertStatus.ACTIVE, True, None)
        assert "患者后来改了或去掉了这个回答" in (alert.explanation or "")
        alert.status, alert.is_open = AlertStatus.RESOLVED, None
        alert.outcome = Outcome.FALSE_ALARM
    if verb == "drafts":
        phone.post(f"{clinic.path}/drafts", body)
        with unit_of_work.begin() as session:
            react(session)
            again = session.scalars(select(Alert).filter_by(is_open=True)).one()
            assert again.grade is Grade.MODERATE


def test_a_number_with_a_point_reaches_the_rule_that_waits_for_it(clinic: Clinic) -> None:
    phone = clinic.phone()
    phone.post(f"{clinic.path}/observations", measurement("17"))
    body = sheet(FORM, CALM | {"ketone": "3.0"})

    said = phone.post(f"{clinic.path}/responses", body).json["advice"]

    assert "120" in said
    with unit_of_work.begin() as session:
        react(session)
        grades = session.scalars(select(Alert.grade)).all()
        assert Grade.SEVERE in grades
