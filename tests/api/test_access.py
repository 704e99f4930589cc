"""Who may reach what: every route that names a patient, asked by everybody."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from werkzeug.routing import Rule

from app.clock import HOSPITAL
from app.database import new_public_id, unit_of_work
from app.domain.criteria.population import PreferenceKind
from app.domain.exchange.medicine_rules import MedicineRules
from app.domain.plans.enrolling import Way
from app.domain.profile.devices import DeviceKind, DeviceName
from app.domain.profile.photos import PhotoSubject
from app.domain.trust.access import Audience, Relation
from app.domain.trust.consenting import CURRENT_TEXTS
from app.models import (
    CarePlan,
    EnrolmentProposal,
    EnrolmentStatus,
    MedicationRequest,
    Patient,
    Preference,
    Reporter,
)
from app.services.exchange.medicines import Asking, Proxy, ask_pickup
from app.services.profile.home_monitoring.devices import Binder, DeviceFacts, bind
from app.services.profile.patient_preferences import state_preference
from app.services.profile.photos import Sender, Shot, keep_photo
from app.web.gate import policies_of
from tests.api.conftest import (
    VENDOR,
    Clinic,
    Phone,
    jpeg,
    link,
    make_account,
    make_patient,
    measurement,
    prescribe,
    put_into_inbox,
    task_id,
)
from tests.conftest import NOON

MARKER = "密文标记"

# A body that each route with a body takes; a new route without one here fails the test.
BODIES: dict[str, Any] = {
    "phone.consents.say": {
        "purpose": "messages", "is_given": True,
        "text_version": CURRENT_TEXTS["messages"].version,  # type: ignore[index]  # a StrEnum
    },
    "phone.tasks.complete": {},
    "phone.tasks.decline": {"reason": "no-time"},
    "phone.inbox.open_message": {},
    "phone.profile.state_life": {"code": "72166-2", "value": "never"},
    "phone.profile.state": {"kind": "reach-hour", "value": "19"},
    "phone.plans.request": {
        "plan": "t2dm-after-discharge",
        "health_data": CURRENT_TEXTS["health-data"].version,  # type: ignore[index]  # a StrEnum
    },
    "phone.plans.pause": {"begins_on": "2099-01-01", "until": "2099-01-02"},
    "phone.plans.resume": {},
    "phone.plans.stop": {},
    "phone.medicines.cancel": {},
    "phone.devices.bind_device": {"vendor": VENDOR, "serial": "WS-0017", "kind": "scale"},
}  # fmt: skip
ABOUT_MEDICINES: dict[str, dict[str, Any]] = {
    "phone.medicines.refill": {"weeks": 4, "is_stable": True},
    "phone.medicines.deliver": {
        "recipient": "李测试", "phone": "12000000001", "address": "演示市演示路 1 号",
        "starts_at": "2026-05-05T01:00:00Z", "ends_at": "2026-05-05T04:00:00Z",
    },
    "phone.medicines.pick_up": {
        "proxy_name": "李家属", "relation": "女儿", "phone": "12000000002",
        "identity_tail": "123X", "consent": CURRENT_TEXTS["pickup-by-proxy"].version,  # type: ignore[index]  # a StrEnum
    },
}  # fmt: skip
QUERIES = {
    "phone.trends.read_trend": "?code=15074-8",
    "phone.photos.send_photo": (
        f"?reference={uuid4()}&subject=wound&taken_at={NOON.isoformat().replace('+', '%2B')}"
    ),
}
# What ends something comes last.
LAST = ("phone.plans.stop", "phone.people.leave")


def body_of(endpoint: str, method: str) -> Any:
    if method not in ("POST", "PUT", "PATCH"):
        return None
    if endpoint == "phone.observations.measure":
        return measurement()
    if endpoint == "phone.profile.record":
        told = {"reference": str(uuid4()), "kind": "opened", "at": NOON.isoformat()}
        return {"interactions": [told]}
    if endpoint in ("phone.responses.answer", "phone.responses.save"):
        return {
            "reference": str(uuid4()),
            "questionnaire": "high-glucose-check",
            "answers": {"vomiting": False, "deep-breathing": False, "drowsy": False},
        }
    if endpoint in ABOUT_MEDICINES:
        asked = {"reference": str(uuid4()), "medicines": [medicine()]}
        return asked | ABOUT_MEDICINES[endpoint]
    if endpoint == "phone.photos.send_photo":
        return jpeg()
    return BODIES[endpoint]


def patient_routes(clinic: Clinic) -> Iterator[tuple[Rule, str]]:
    """Yield every route that names a patient; those that end something come last."""
    rules = [rule for rule in clinic.app.url_map.iter_rules() if "patient" in rule.arguments]
    last = {endpoint: number for number, endpoint in enumerate(LAST, 1)}
    for rule in sorted(rules, key=lambda rule: (last.get(rule.endpoint, 0), rule.rule)):
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method


def address(clinic: Clinic, rule: Rule, ids: dict[str, str]) -> str:
    with clinic.app.test_request_context():
        built = clinic.app.url_map.bind("127.0.0.1").build(
            rule.endpoint, {name: ids[name] for name in rule.arguments}, method=None
        )
    return built.removeprefix("/api/v1") + QUERIES.get(rule.endpoint, "")


@pytest.fixture
def ids(clinic: Clinic) -> dict[str, str]:
    return {
        "patient": clinic.patient.public_id,
        "task": task_id("article"),
        "message": put_into_inbox(clinic.patient, MARKER),
        "preference": stated_preference(clinic.patient),
        "plan": plan_of(clinic.patient),
        "request_id": asked_for(clinic),
        "service": service_of(clinic),
        "device": bound_device(clinic),
        "photo": kept_photo(clinic),
    }


def service_of(clinic: Clinic) -> str:
    """A pick-up of a medicine that the routes ask for none of."""
    with unit_of_work.begin() as session:
        asking = Asking(
            clinic.patient.id, clinic.account.id, "first", (prescribe(session, clinic, "M09"),),
            MedicineRules(), NOON, HOSPITAL,
        )  # fmt: skip
        prescribe(session, clinic, "M01")
        proxy = Proxy(MARKER, "女儿", "12000000002", "1234")
        return ask_pickup(session, asking, proxy).flow.public_id


def medicine() -> str:
    """The public id of the first medicine that nothing was asked for."""
    with unit_of_work.begin() as session:
        return session.scalars(select(MedicationRequest.public_id).filter_by(code="M01")).one()


def bound_device(clinic: Clinic) -> str:
    facts = DeviceFacts(DeviceName.of(VENDOR, "BP-0042"), DeviceKind.PRESSURE_MONITOR)
    with unit_of_work.begin() as session:
        binder = Binder(Reporter.PATIENT, account_id=clinic.account.id)
        return bind(session, clinic.patient.id, facts, binder, NOON)[0].public_id


def kept_photo(clinic: Clinic) -> str:
    shot = Shot(uuid4(), PhotoSubject.SKIN, NOON, bytes(32))
    with unit_of_work.begin() as session:
        sender = Sender(Reporter.PATIENT, clinic.account.id)
        photo, _ = keep_photo(
            session, clinic.patient.id, shot, sender, MARKER.encode(), (1, 1), NOON
        )
        return photo.public_id


def plan_of(patient: Patient) -> str:
    with unit_of_work.begin() as session:
        return session.scalars(select(CarePlan.public_id).filter_by(patient_id=patient.id)).one()


def asked_for(clinic: Clinic) -> str:
    """A request of the patient's that was answered: the plan has begun since."""
    with unit_of_work.begin() as session:
        plan = session.scalars(select(CarePlan).filter_by(patient_id=clinic.patient.id)).one()
        asked = EnrolmentProposal(
            patient_id=clinic.patient.id, plan_key=plan.plan_key, care_team_id=plan.care_team_id,
            kind=Way.REQUEST, account_id=clinic.account.id, reason=MARKER, proposed_at=NOON,
        )  # fmt: skip
        session.add(asked)
        session.flush()
        asked.settle(EnrolmentStatus.ACCEPTED, NOON, None)
        return asked.public_id


def stated_preference(patient: Patient) -> str:
    with unit_of_work.begin() as session:
        kind = PreferenceKind.PRACTITIONER_GENDER
        state_preference(session, patient.id, kind, "female", NOON)
        return session.scalars(select(Preference.public_id).filter_by(patient_id=patient.id)).one()


@pytest.fixture
def other() -> Patient:
    return make_patient(f"{MARKER}王", "MR0002")


def without_request_id(answer: Any) -> dict[str, Any]:
    body = dict(answer.json)
    body.pop("request_id")
    return body


def test_there_are_routes_to_ask(clinic: Clinic) -> None:
    assert len(list(patient_routes(clinic))) >= 13


def test_every_api_route_is_for_signed_in_users_but_the_listed_ones(clinic: Clinic) -> None:
    policies = policies_of(clinic.app)
    open_doors = {
        endpoint
        for endpoint, policy in policies.items()
        if endpoint.startswith("phone.") and policy.audience is not Audience.WECHAT_USER
    }

    assert open_doors == {"phone.login.sign_in", "phone.consents.texts"}


@pytest.mark.parametrize("relation", [Relation.SELF, Relation.PARENT])
def test_who_is_linked_is_served_everywhere(
    clinic: Clinic, ids: dict[str, str], relation: Relation
) -> None:
    account = make_account("oProxy")
    link(account, clinic.patient, relation)
    phone = clinic.phone(account)

    for rule, method in patient_routes(clinic):
        if rule.endpoint == "phone.tasks.decline":
            ids = {**ids, "task": task_id("medication-reminder", status="ready")}
        answer = phone.ask(method, address(clinic, rule, ids), body_of(rule.endpoint, method))
        assert answer.status_code in (200, 201, 204), (rule.rule, answer.json)


def test_who_is_not_linked_learns_nothing(
    clinic: Clinic, ids: dict[str, str], other: Patient
) -> None:
    former, owner = make_account("oFormer"), make_account("oOther")
    link(former, clinic.patient, Relation.SPOUSE, is_live=False)
    link(owner, other, Relation.SELF)
    strangers = [clinic.phone(who) for who in (former, owner, make_account("oStranger"))]

    for rule, method in patient_routes(clinic):
        missing = {**ids, "patient": new_public_id()}
        for phone in strangers:
            body = body_of(rule.endpoint, method)
            foreign = phone.ask(method, address(clinic, rule, ids), body)
            nothing = phone.ask(method, address(clinic, rule, missing), body)
            assert foreign.status_code == nothing.status_code == 404, rule.rule
            assert without_request_id(foreign) == without_request_id(nothing)
            assert MARKER not in foreign.text
            assert set(foreign.headers.keys()) == set(nothing.headers.keys())


def test_who_is_not_signed_in_is_asked_to(clinic: Clinic, ids: dict[str, str]) -> None:
    for phone in (clinic.nobody(), Phone(clinic.app, "made-up")):
        for rule, method in patient_routes(clinic):
            answer = phone.ask(method, address(clinic, rule, ids), body_of(rule.endpoint, method))
            assert answer.status_code == 401, rule.rule


def test_a_foreign_thing_under_ones_own_patient_looks_like_a_missing_one(
    clinic: Clinic, ids: dict[str, str], other: Patient
) -> None:
    owner = make_account("oOther")
    link(owner, other, Relation.SELF)
    phone = clinic.phone(owner)
    own = {**ids, "patient": other.public_id}
    asked = 0

    for rule, method in patient_routes(clinic):
        things = rule.arguments - {"patient"}
        if not things:
            continue
        body = body_of(rule.endpoint, method)
        foreign = phone.ask(method, address(clinic, rule, own), body)
        gone = {**own, **{thing: new_public_id() for thing in things}}
        nothing = phone.ask(method, address(clinic, rule, gone), body)
        assert foreign.status_code == nothing.status_code == 404, rule.rule
        assert without_request_id(foreign) == without_request_id(nothing)
        asked += 1

    assert asked >= 4


def test_pages_cannot_start_at_somebody_elses_row(
    clinic: Clinic, ids: dict[str, str], other: Patient
) -> None:
    owner = make_account("oOther")
    link(owner, other, Relation.SELF)
    reading = clinic.phone().post(f"{clinic.path}/observations", measurement()).json
    phone, path = clinic.phone(owner), f"/patients/{other.public_id}"

    for address_, after in (
        ("observations", reading["observation"]["id"]),
        ("tasks", ids["task"]),
        ("inbox", ids["message"]),
    ):
        answer = phone.get(f"{path}/{address_}?after={after}")
        assert answer.status_code == 404


def test_a_task_named_in_a_form_must_be_the_patients_own(
    clinic: Clinic, ids: dict[str, str], other: Patient
) -> None:
    owner = make_account("oOther")
    link(owner, other, Relation.SELF)
    body = body_of("phone.responses.answer", "POST") | {"task": ids["task"]}

    answer = clinic.phone(owner).post(f"/patients/{other.public_id}/responses", body)

    assert answer.status_code == 404


def test_one_cannot_switch_to_a_stranger(clinic: Clinic, other: Patient) -> None:
    phone = clinic.phone()

    foreign = phone.ask("PUT", "/me/current-person", {"patient": other.public_id})
    nothing = phone.ask("PUT", "/me/current-person", {"patient": new_public_id()})

    assert foreign.status_code == 404
    assert without_request_id(foreign) == without_request_id(nothing)


def test_leaving_ends_everything_at_once(clinic: Clinic, ids: dict[str, str]) -> None:
    phone = clinic.phone()
    phone.ask("PUT", "/me/current-person", {"patient": clinic.patient.public_id})
    phone.post(f"{clinic.path}/consents", BODIES["phone.consents.say"])

    assert phone.ask("DELETE", f"/people/{clinic.patient.public_id}").status_code == 204

    assert phone.get(f"{clinic.path}/tasks").status_code == 404
    assert phone.get("/me").json == {"people": []}
    assert phone.ask("DELETE", f"/people/{clinic.patient.public_id}").status_code == 404


def test_an_address_that_is_no_id_is_not_found(clinic: Clinic) -> None:
    phone = clinic.phone()

    for odd in ("李测试", "a b", "x" * 33, "%00", "'--"):
        assert phone.get(f"/patients/{odd}/tasks").status_code == 404
