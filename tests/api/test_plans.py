"""A patient's plans on the phone: asked for with consent, at rest while away, ended."""

from datetime import timedelta

from sqlalchemy import select

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.trust.access import Actor, Relation
from app.domain.trust.consenting import CURRENT_TEXTS, ConsentPurpose
from app.models import CarePlan, CarePlanStep, Consent, EnrolmentProposal, EnrolmentWay, StepKind
from app.services.plans.enrolment.ways import open_code_way
from tests.api.conftest import Clinic, link, make_account, make_patient

PLAN = "t2dm-after-discharge"
VERSION = CURRENT_TEXTS[ConsentPurpose.HEALTH_DATA].version


def code(*, is_automatic: bool) -> str:
    with unit_of_work.begin() as session:
        way = open_code_way(
            session, PLAN, Actor("operator", None), clock.now(), HOSPITAL,
            is_automatic=is_automatic,
        )  # fmt: skip
        assert way.state is not None
        return way.state


def test_a_plan_is_asked_for_by_code_with_consent_and_taken_back(clinic: Clinic) -> None:
    other = make_patient("王测试", "MR0009", department_code="ENDO")
    account = make_account("oAsks")
    link(account, other, Relation.SELF)
    phone, path = clinic.phone(account), f"/patients/{other.public_id}"
    asked = {"code": code(is_automatic=False), "health_data": VERSION}

    assert phone.get(f"{path}/plans").json == {"plans": [], "offered": [], "requests": []}
    assert phone.post(f"{path}/plan-requests", {**asked, "plan": PLAN}).status_code in (400, 422)
    closed = phone.post(f"{path}/plan-requests", {"plan": PLAN, "health_data": VERSION})
    assert (closed.status_code, closed.json["type"]) == (409, "/problems/plan-not-offered")
    old = phone.post(f"{path}/plan-requests", {**asked, "health_data": "2020-01"})
    assert (old.status_code, old.json["type"]) == (422, "/problems/consent-required")
    unknown = phone.post(f"{path}/plan-requests", {**asked, "code": "no-such-code"})
    assert unknown.status_code == 409

    for _ in range(2):
        answer = phone.post(f"{path}/plan-requests", asked)
        assert answer.status_code == 201
        assert answer.json["state"] == "waiting"
    [waiting] = phone.get(f"{path}/plans").json["requests"]
    assert waiting["plan"] == PLAN
    with unit_of_work.begin() as session:
        assert session.scalars(select(EnrolmentProposal)).one().account_id == account
        said = session.scalars(select(Consent).filter_by(account_id=account)).all()
        assert {one.text_version for one in said} == {VERSION}
        assert session.scalars(select(EnrolmentWay)).one().kind == "code"
    gone = phone.ask("DELETE", f"{path}/plan-requests/{waiting['id']}")
    assert gone.json["requests"] == []


def test_a_child_s_guardian_agrees_first(clinic: Clinic) -> None:
    child = make_patient("小测试", "MR0010", birth_date=clock.today() - timedelta(days=2000))
    account = make_account("oParent")
    link(account, child, Relation.CHILD)
    answer = clinic.phone(account).post(
        f"/patients/{child.public_id}/plan-requests",
        {"code": code(is_automatic=False), "health_data": VERSION},
    )
    assert (answer.status_code, answer.json["type"]) == (422, "/problems/consent-required")


def test_a_patient_goes_away_comes_back_and_stops(clinic: Clinic) -> None:
    phone, path = clinic.phone(), clinic.path
    [plan] = phone.get(f"{path}/plans").json["plans"]
    assert plan["status"] == "active"
    one, today = f"{path}/plans/{plan['id']}", clock.today()
    away = {"begins_on": str(today), "until": str(today + timedelta(days=3))}
    backwards = {"begins_on": away["until"], "until": away["begins_on"]}
    assert phone.post(f"{one}/pause", backwards).status_code == 409
    rests = phone.post(f"{one}/pause", away).json["plans"][0]
    assert (rests["status"], rests["hold_reason"]) == ("on-hold", "travel")
    assert phone.get(f"{path}/tasks").json["tasks"] == []
    assert phone.post(f"{one}/resume", {}).json["plans"][0]["status"] == "active"

    assert phone.post(f"{one}/stop", {}).json["plans"] == []
    assert phone.post(f"{one}/stop", {}).status_code == 409
    with unit_of_work.begin() as session:
        assert session.scalars(select(CarePlan)).one().end_reason == "opted-out"
        ended = session.scalars(select(CarePlanStep).filter_by(kind=StepKind.ENDED)).one()
        assert ended.account_id == clinic.account.id
