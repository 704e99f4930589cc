"""The patient's own side: profile, timeline, preferences, life, and what they do."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.criteria.population import InteractionKind
from app.models import AuditEvent, Consent, Department, Event, Interaction, SocialHistory
from app.services.profile.patient_behaviour import note_deed
from app.services.profile.patient_preferences import learn_preferences
from tests import factories
from tests.api.conftest import Clinic, make_account, put_into_inbox
from tests.conftest import NOON
from tests.integration import rich_record

HOUR = timedelta(hours=1)


def deed(kind: str = "read", **more: Any) -> dict[str, Any]:
    given = {"reference": str(uuid4()), "kind": kind, "at": NOON.isoformat(), **more}
    if kind != "opened":
        given.setdefault("subject", "hypoglycaemia")
    return given


def say(clinic: Clinic, *, is_given: bool) -> None:
    with unit_of_work.begin() as session:
        session.add(
            Consent(
                patient_id=clinic.patient.id, account_id=clinic.account.id, purpose="health-data",
                is_given=is_given, text_version="1", text_hash=rich_record.digest(),
                channel="mini-program", at=NOON,
            )
        )  # fmt: skip


@pytest.fixture
def agreed(clinic: Clinic) -> Clinic:
    say(clinic, is_given=True)
    return clinic


def events(kind: str) -> list[dict[str, Any]]:
    with unit_of_work() as session:
        return [one.payload for one in session.scalars(select(Event).filter_by(kind=kind))]


def react(clinic: Clinic, kind: str) -> None:
    with unit_of_work.begin() as session:
        for event in session.scalars(select(Event).filter_by(kind=kind)).all():
            note_deed(session, event, clock.now())


ROUTES = ("/profile", "/timeline", "/preferences", "/social-history")


@pytest.mark.parametrize("route", ROUTES)
def test_each_reading_is_written_down_and_shut_to_others(clinic: Clinic, route: str) -> None:
    assert clinic.phone().get(clinic.path + route).status_code == 200
    stranger = clinic.phone(make_account("oStranger"))
    assert stranger.get(clinic.path + route).status_code == 404
    with unit_of_work() as session:
        trail = session.scalars(
            select(AuditEvent).filter_by(patient_id=clinic.patient.id, action="read")
        ).all()
    assert [one.entity for one in trail] == [
        {
            "/profile": "patient-profile", "/timeline": "patient-timeline",
            "/preferences": "preference", "/social-history": "social-history",
        }[route]
    ]  # fmt: skip


def test_the_own_profile_has_no_suspicion_no_tag_and_no_risk(clinic: Clinic) -> None:
    with unit_of_work.begin() as session:
        team = factories.care_team(session)
        rich_record.clinical(session, clinic.patient, NOON)
        rich_record.tags(session, clinic.patient, team, NOON)
        rich_record.behaviour(session, clinic.patient, NOON)

    answer = clinic.phone().get(f"{clinic.path}/profile")

    found = answer.json
    assert [one["display"] for one in found["conditions"]] == ["2型糖尿病"]
    assert found["medicines"][0]["display"] == "二甲双胍片"
    assert found["allergies"] == [{"display": "青霉素", "criticality": "high"}]
    assert found["life"][0]["answer"] == "已戒烟"
    assert found["preferences"][0]["text"] == "12:00–13:00"
    assert "出生日期" in found["completeness"]["missing"]
    assert not {"tags", "risks", "alerts", "reachability", "needs"} & set(found)
    assert "胰腺占位" not in answer.text
    assert "本组重点" not in answer.text


def test_the_own_timeline_pages_and_narrows(clinic: Clinic) -> None:
    with unit_of_work.begin() as session:
        for number in range(25):
            factories.observation(session, clinic.patient, "6.1", NOON - number * HOUR)
    phone = clinic.phone()

    first = phone.get(f"{clinic.path}/timeline?kinds=observation").json
    second = phone.get(f"{clinic.path}/timeline?kinds=observation&before={first['before']}").json

    assert (len(first["entries"]), len(second["entries"]), second["before"]) == (20, 5, None)
    assert first["entries"][0]["text"] == "血糖 6.1 mmol/L"
    for kinds in ("risk", "tag", "alert-step", "nonsense"):
        assert phone.get(f"{clinic.path}/timeline?kinds={kinds}").status_code == 400
    assert phone.get(f"{clinic.path}/timeline?before=x").status_code == 400


def test_what_was_done_is_kept_once_with_one_event(agreed: Clinic) -> None:
    phone = agreed.phone()
    batch = [deed(), deed("opened"), deed("rated", is_useful=True), deed("watched", seconds=90)]

    for recorded in (4, 0):
        answer = phone.post(f"{agreed.path}/interactions", {"interactions": batch})
        assert (answer.status_code, answer.json) == (201, {"recorded": recorded})

    assert len(events("interaction.recorded")) == 1
    assert "kind" not in events("interaction.recorded")[0]
    with unit_of_work() as session:
        rows = session.scalars(select(Interaction)).all()
    assert {one.account_id for one in rows} == {agreed.account.id}
    phone.post(f"{agreed.path}/interactions", {"interactions": [deed()]})
    assert events("interaction.recorded")[1]["kind"] == "read"


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "replied"}, {"kind": "stolen"}, {"seconds": -1}, {"seconds": 99999},
        {"subject": "有空格 的"}, {"at": (NOON + HOUR).isoformat()},
        {"at": (NOON - timedelta(days=31)).isoformat()}, {"reference": "x"}, {"is_useful": True},
        {"patient_id": 1},
    ],
)  # fmt: skip
def test_one_wrong_deed_refuses_the_batch(agreed: Clinic, wrong: dict[str, Any]) -> None:
    batch = [deed(), {**deed(), **wrong}]

    answer = agreed.phone().post(f"{agreed.path}/interactions", {"interactions": batch})

    assert answer.status_code in (400, 409, 422)
    assert answer.content_type == "application/problem+json"
    assert events("interaction.recorded") == []


def test_fifty_one_are_too_many_and_against_a_no_nothing_is_kept(clinic: Clinic) -> None:
    phone, path = clinic.phone(), f"{clinic.path}/interactions"
    say(clinic, is_given=False)

    assert phone.post(path, {"interactions": [deed() for _ in range(51)]}).status_code == 400
    refused = phone.post(path, {"interactions": [deed()]})
    assert refused.json["type"].endswith("consent-required")
    with unit_of_work() as session:
        assert session.scalars(select(Interaction)).all() == []


def test_reading_a_message_counts_once(clinic: Clinic) -> None:
    message = put_into_inbox(clinic.patient, "请查看")
    for _ in range(2):
        clinic.phone().post(f"{clinic.path}/inbox/{message}/read")
        react(clinic, "message.opened")

    with unit_of_work() as session:
        rows = session.scalars(select(Interaction)).all()
    assert [(one.kind, one.subject) for one in rows] == [(InteractionKind.READ, "task-reminder")]
    assert len(events("message.opened")) == 1


def test_life_is_stated_and_its_history_kept(agreed: Clinic) -> None:
    phone, path = agreed.phone(), f"{agreed.path}/social-history"

    for value in ("every-day", "former", "former"):
        stated = phone.ask("PUT", path, {"code": "72166-2", "value": value})
        assert stated.status_code == 200

    assert [(one["name"], one["answer"]) for one in stated.json["current"]] == [("吸烟", "已戒烟")]
    with unit_of_work() as session:
        rows = session.scalars(select(SocialHistory).order_by(SocialHistory.id)).all()
    assert [(one.value, one.is_current) for one in rows] == [("every-day", None), ("former", True)]
    assert len(events("social-history.stated")) == 2
    for body in (
        {"code": "72166-2", "value": "sometimes-maybe"}, {"code": "8480-6", "value": "never"},
    ):  # fmt: skip
        assert phone.ask("PUT", path, body).status_code in (400, 409, 422)


def test_a_habit_is_shown_corrected_and_never_forced_back(agreed: Clinic) -> None:
    phone, path = agreed.phone(), f"{agreed.path}/preferences"
    morning = NOON - 3 * HOUR
    batch = [deed(at=(morning - timedelta(days=n)).isoformat()) for n in range(6)]
    phone.post(f"{agreed.path}/interactions", {"interactions": batch})

    def learn() -> list[tuple[str, str, bool]]:
        with unit_of_work.begin() as session:
            learn_preferences(session, agreed.patient.id, clock.now(), HOSPITAL)
        found = phone.get(path).json["preferences"]
        return [(one["kind"], one["value"], one["is_stated"]) for one in found]

    assert learn() == [
        ("reach-hour", "09", False), ("interest", "t2dm-after-discharge", False),
    ]  # fmt: skip
    assert phone.get(path).json["preferences"][0]["grounds"] == "6 次里 6 次（100%）"
    changed = len(events("preference.changed"))
    assert changed == 2
    assert learn()[0] == ("reach-hour", "09", False)
    assert len(events("preference.changed")) == changed  # nothing new

    phone.ask("PUT", path, {"kind": "reach-hour", "value": "19"})
    assert learn()[0] == ("reach-hour", "19", True)
    phone.ask("PUT", path, {"kind": "reach-hour", "value": "20"})
    assert learn()[0] == ("reach-hour", "20", True)
    stated = phone.get(path).json["preferences"][0]["id"]
    phone.ask("DELETE", f"{path}/{stated}")
    assert learn()[0] == ("reach-hour", "09", False)

    phone.ask("PUT", path, {"kind": "reach-hour", "value": "09", "is_denied": True})
    assert learn()[0][:2] == ("reach-hour", "08")
    denied = phone.get(path).json["denied"]
    assert [(one["kind"], one["value"]) for one in denied] == [("reach-hour", "09")]
    assert phone.ask("DELETE", f"{path}/nothing").status_code == 404


def test_only_what_the_hospital_has_may_be_stated(agreed: Clinic) -> None:
    phone, path = agreed.phone(), f"{agreed.path}/preferences"
    with unit_of_work.begin() as session:
        session.add(Department(code="CARD", name="心内科"))

    for kind, value in (
        ("department", "NOWHERE"), ("practitioner", "dr-none"), ("interest", "gossip"),
        ("contact", "pigeon"),
    ):  # fmt: skip
        refused = phone.ask("PUT", path, {"kind": kind, "value": value})
        assert refused.json["type"].endswith("not-a-preference")
    stated = phone.ask("PUT", path, {"kind": "department", "value": "CARD"})
    assert stated.json["preferences"][0]["text"] == "心内科"
