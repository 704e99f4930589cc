"""From a login code to a linked patient, and out again."""

import json
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, func, select

from app import clock
from app.database import unit_of_work
from app.domain.trust.access import Relation
from app.domain.trust.consenting import CURRENT_TEXTS, ConsentPurpose
from app.models import (
    AccessSession,
    AuditEvent,
    BindingAttempt,
    Communication,
    Consent,
    PatientLink,
    WeChatAccount,
)
from tests.api.conftest import (
    Clinic,
    Identity,
    Phone,
    at_once,
    link,
    make_account,
    make_patient,
    measurement,
    open_clinic,
)
from tests.conftest import NOON

HEALTH = {
    "purpose": "health-data",
    "text_version": CURRENT_TEXTS[ConsentPurpose.HEALTH_DATA].version,
}
GUARDIAN = {
    "purpose": "guardian",
    "text_version": CURRENT_TEXTS[ConsentPurpose.GUARDIAN].version,
}


def claim(**more: Any) -> dict[str, Any]:
    return {
        "name": "李测试", "identifier": "MR0001", "phone": "12000000001", "relation": "self",
        "consents": [HEALTH], **more,
    }  # fmt: skip


def newest_code() -> str:
    with unit_of_work.begin() as session:
        message = session.scalars(
            select(Communication).filter_by(kind="binding-code").order_by(Communication.id.desc())
        ).first()
        assert message is not None
        code: str = json.loads(message.content or "")["params"]["code"]
        return code


def test_a_login_code_opens_a_session_once(clinic: Clinic) -> None:
    clinic.platform.codes["c1"] = Identity("oPatient1", "uPatient1")

    first = clinic.nobody().post("/sessions", {"code": "c1"})
    again = clinic.nobody().post("/sessions", {"code": "c1"})

    assert first.status_code == 201
    assert again.status_code == 401
    assert again.content_type == "application/problem+json"
    assert [one["name"] for one in first.json["people"]] == ["李*"]
    phone = Phone(clinic.app, first.json["token"])
    assert phone.get("/me").status_code == 200
    assert phone.ask("DELETE", "/sessions/current").status_code == 204
    assert phone.get("/me").status_code == 401


def test_what_the_platform_gave_stays_on_the_server(clinic: Clinic) -> None:
    clinic.platform.codes["c1"] = Identity("oSecret", "uSecret")

    answer = clinic.nobody().post("/sessions", {"code": "c1"})

    told = answer.text + str(answer.headers)
    for secret in ("SESSION-KEY-MARKER", "oSecret", "uSecret"):
        assert secret not in told
    with unit_of_work.begin() as session:
        account = session.scalars(select(WeChatAccount).filter_by(openid="oSecret")).one()
        assert account.session_key == "SESSION-KEY-MARKER"
        tokens = session.scalars(select(AccessSession.token_hash)).all()
        assert answer.json["token"].encode() not in tokens


def test_a_week_without_use_ends_a_session(clinic: Clinic) -> None:
    phone = clinic.phone()
    with unit_of_work.begin() as session:
        row = session.scalars(select(AccessSession)).one()
        row.last_seen_at = clock.now() - timedelta(days=7)

    assert phone.get("/me").status_code == 401


def test_binding_goes_from_facts_to_a_person(clinic: Clinic) -> None:
    phone = clinic.phone(make_account("oNew"))
    assert phone.get("/me").json == {"people": []}

    asked = phone.post("/bindings", claim(relation="parent"))
    assert asked.status_code == 202
    assert asked.json["code_sent_to"] == "120****0001"
    done = phone.post(f"/bindings/{asked.json['binding']}/confirm", {"code": newest_code()})

    assert done.status_code == 201
    assert done.json == {
        "id": clinic.patient.public_id, "name": "李*", "relation": "parent", "is_current": True,
        "guardian_consent_due": False,
    }  # fmt: skip
    assert phone.get("/me").json == {"people": [done.json]}
    assert phone.get(f"{clinic.path}/tasks").status_code == 200


def test_a_false_claim_looks_like_a_true_one_until_the_end(clinic: Clinic) -> None:
    phone = clinic.phone(make_account("oNew"))

    true = phone.post("/bindings", claim())
    false = phone.post("/bindings", claim(name="王测试"))

    assert true.status_code == false.status_code == 202
    assert true.json.keys() == false.json.keys()
    assert true.json["code_sent_to"] == false.json["code_sent_to"]
    wrong = f"{(int(newest_code()) + 1) % 1_000_000:06d}"
    refusals = [
        phone.post(f"/bindings/{binding}/confirm", {"code": wrong})
        for binding in (true.json["binding"], false.json["binding"], "made-up")
    ]
    assert {answer.status_code for answer in refusals} == {422}
    assert len({answer.json["title"] for answer in refusals}) == 1


def test_a_refused_code_costs_a_try_although_the_request_failed(clinic: Clinic) -> None:
    phone = clinic.phone(make_account("oNew"))
    binding = phone.post("/bindings", claim()).json["binding"]
    code = newest_code()
    for step in range(1, 6):
        wrong = f"{(int(code) + step) % 1_000_000:06d}"
        assert phone.post(f"/bindings/{binding}/confirm", {"code": wrong}).status_code == 422

    assert phone.post(f"/bindings/{binding}/confirm", {"code": code}).status_code == 422
    with unit_of_work.begin() as session:
        refused = select(func.count()).select_from(AuditEvent).filter_by(outcome="refused")
        assert session.scalar(refused) == 6


def test_the_sixth_claim_of_a_day_is_too_many(clinic: Clinic) -> None:
    phone = clinic.phone(make_account("oNew"))
    for number in range(5):
        assert phone.post("/bindings", claim(identifier=f"MR9{number}")).status_code == 202

    answer = phone.post("/bindings", claim())

    assert answer.status_code == 429
    assert answer.json["type"] == "/problems/too-many-tries"


def test_a_claim_without_consent_is_sent_to_the_texts(clinic: Clinic) -> None:
    phone = clinic.phone(make_account("oNew"))

    answer = phone.post("/bindings", claim(consents=[]))

    assert answer.status_code == 422
    assert answer.json["type"] == "/problems/consent-required"
    texts = clinic.nobody().get("/consent-texts").json["texts"]
    assert {text["purpose"] for text in texts} == {str(one) for one in ConsentPurpose}


def test_a_childs_parent_is_asked_for_consent_until_it_is_given(clinic: Clinic) -> None:
    child = make_patient("演示宝", "MR0009", phone="12000000009", birth_date=date(2020, 1, 1))
    phone = clinic.phone(make_account("oMother"))
    body = claim(
        name="演示宝", identifier="MR0009", phone="+8612000000009", relation="child",
    )  # fmt: skip
    binding = phone.post("/bindings", body).json["binding"]
    refused = phone.post(f"/bindings/{binding}/confirm", {"code": newest_code()})
    assert refused.json["type"] == "/problems/consent-required"

    binding = phone.post("/bindings", body | {"consents": [HEALTH, GUARDIAN]}).json["binding"]
    person = phone.post(f"/bindings/{binding}/confirm", {"code": newest_code()}).json
    assert person["guardian_consent_due"] is False

    path = f"/patients/{child.public_id}/consents"
    withdrawn = phone.post(path, {**GUARDIAN, "is_given": False})
    assert withdrawn.status_code == 201
    assert phone.get("/me").json["people"][0]["guardian_consent_due"] is True
    said = {one["purpose"]: one["is_given"] for one in phone.get(path).json["consents"]}
    unasked = dict.fromkeys(
        ("messages", "pickup-by-proxy", "reminders", "health-education", "surveys")
    )
    assert said == {"health-data": True, "guardian": False, **unasked}
    with unit_of_work.begin() as session:
        assert session.scalar(select(func.count()).select_from(Consent)) == 3


def test_consent_is_to_the_current_words_and_by_who_may_give_it(clinic: Clinic) -> None:
    phone = clinic.phone()
    path = f"{clinic.path}/consents"

    stale = phone.post(path, HEALTH | {"text_version": "2019-01", "is_given": True})
    assert stale.json["type"] == "/problems/consent-required"
    not_parent = phone.post(path, {**GUARDIAN, "is_given": True})
    assert not_parent.status_code == 403
    no = phone.post(path, HEALTH | {"text_version": "2019-01", "is_given": False})
    assert no.status_code == 201


def test_each_kind_of_message_is_switched_off_and_on_by_itself(clinic: Clinic) -> None:
    phone = clinic.phone()
    path = f"{clinic.path}/consents"
    kinds = ("reminders", "health-education", "surveys")

    def said() -> dict[str, bool | None]:
        told = {one["purpose"]: one["is_given"] for one in phone.get(path).json["consents"]}
        return {kind: told[kind] for kind in kinds}

    assert set(said().values()) == {None}  # not asked: nothing is switched off
    texts = {one["purpose"]: one for one in phone.get("/consent-texts").json["texts"]}
    for is_given in (False, True):
        for kind in kinds:
            body = {"purpose": kind, "text_version": texts[kind]["version"], "is_given": is_given}
            assert phone.post(path, body).status_code == 201
        assert said() == dict.fromkeys(kinds, is_given)


def test_after_a_withdrawal_nothing_new_is_kept_until_the_next_yes(clinic: Clinic) -> None:
    phone = clinic.phone()
    form = {
        "reference": "0" * 32, "questionnaire": "high-glucose-check",
        "answers": {"vomiting": False, "deep-breathing": False, "drowsy": False},
    }  # fmt: skip
    phone.post(f"{clinic.path}/consents", HEALTH | {"is_given": False})

    for address, body in (("observations", measurement()), ("responses", form)):
        answer = phone.post(f"{clinic.path}/{address}", body)
        assert answer.json["type"] == "/problems/consent-required"

    phone.post(f"{clinic.path}/consents", HEALTH | {"is_given": True})
    assert phone.post(f"{clinic.path}/observations", measurement()).status_code == 201


def test_guesses_at_once_get_no_more_tries_than_guesses_in_turn(
    mariadb: Engine, noon: datetime
) -> None:
    clinic = open_clinic()
    phone = clinic.phone(make_account("oNew"))
    for number in range(4):
        binding = phone.post("/bindings", claim()).json["binding"]
        code = newest_code()
        wrong = f"{(int(code) + 1) % 1_000_000:06d}"
        path = f"/bindings/{binding}/confirm"

        answers = at_once(4, lambda path=path, wrong=wrong: phone.post(path, {"code": wrong}))

        assert {answer.status_code for answer in answers} == {422}
        with unit_of_work.begin() as session:
            left = session.scalars(select(BindingAttempt.tries_left).order_by(BindingAttempt.id))
            assert left.all()[number] == 1


def test_claims_at_once_get_no_more_codes_than_claims_in_turn(
    mariadb: Engine, noon: datetime
) -> None:
    clinic = open_clinic()
    phone = clinic.phone(make_account("oNew"))

    answers = at_once(8, lambda: phone.post("/bindings", claim()))

    codes = sorted(answer.status_code for answer in answers)
    assert codes == [202] * 5 + [429] * 3


def test_one_phone_shows_one_of_several_people(clinic: Clinic) -> None:
    second = make_patient("王测试", "MR0002")
    link(clinic.account.id, second, Relation.PARENT)
    phone = clinic.phone()

    shown = phone.ask("PUT", "/me/current-person", {"patient": second.public_id}).json["people"]

    assert [(one["name"], one["is_current"]) for one in shown] == [("李*", False), ("王*", True)]
    assert phone.get("/me").json["people"] == shown


def test_being_named_in_a_list_stands_in_each_patients_trail(clinic: Clinic) -> None:
    clinic.phone().get("/me")

    with unit_of_work.begin() as session:
        trail = session.scalars(select(AuditEvent).filter_by(patient_id=clinic.patient.id)).all()
        assert [(one.actor_kind, one.actor_id, one.entity) for one in trail] == [
            ("wechat-account", clinic.account.id, "patient-name")
        ]
        assert session.scalars(select(PatientLink)).one().starts_at < NOON
