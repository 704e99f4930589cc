"""The doors of the whole web process: who may use each, and why the open ones are open."""

import pytest
from apiflask import APIFlask

from app.domain.trust.access import Audience
from app.settings import Settings
from app.web import gate
from tests.conftest import SECRET_KEYS


@pytest.fixture(scope="module")
def app() -> APIFlask:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CARELOOP_SECRET_KEYS", SECRET_KEYS)
        import wsgi

    return wsgi.build(Settings(secret_keys=SECRET_KEYS))


# Doors that ask who comes.
HELD = (Audience.WECHAT_USER, Audience.STAFF, Audience.SYSTEM)
# Doors that ask for no session. Each new one is a decision: add it here with its reason.
OPEN = {
    ("/livez", Audience.ANYONE),
    ("/readyz", Audience.ANYONE),
    ("/metrics", Audience.ANYONE),
    ("/openapi.json", Audience.ANYONE),
    ("/fhir/metadata", Audience.ANYONE),
    ("/api/v1/sessions", Audience.ANYONE),
    ("/api/v1/consent-texts", Audience.ANYONE),
    ("/wechat/callback/<app_key>", Audience.PLATFORM),
    ("/wecom/callback/<app_key>", Audience.PLATFORM),
    # Its signature is asked for, by a secret for each vendor.
    ("/devices/<vendor>/readings", Audience.PLATFORM),
    ("/wecom/sign-in/<app_key>", Audience.ANYONE),
    ("/wecom/signed-in/<app_key>", Audience.ANYONE),
    ("/wecom/signed-out", Audience.ANYONE),
    ("/wecom/static/<path:name>", Audience.ANYONE),
    ("/console/static/<path:name>", Audience.ANYONE),
}


def test_the_list_of_open_doors_is_complete(app: APIFlask) -> None:
    policies = gate.policies_of(app)

    found = {
        (rule.rule, policies[rule.endpoint].audience)
        for rule in app.url_map.iter_rules()
        if policies[rule.endpoint].audience not in HELD
    }

    assert found == OPEN


def test_every_other_door_is_shut_without_a_session(app: APIFlask) -> None:
    policies = gate.policies_of(app)
    client = app.test_client()

    for rule in app.url_map.iter_rules():
        if policies[rule.endpoint].audience not in HELD:
            continue
        path = rule.rule.replace("<id:", "<").replace("<", "").replace(">", "")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            answer = client.open(path, method=method, json={}, headers={"Accept": "*/*"})
            assert answer.status_code in (401, 302), f"{method} {rule.rule}"


def test_no_demo_door_stands_outside_the_demo(app: APIFlask) -> None:
    assert not [rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/demo")]


def test_the_description_of_the_whole_process_is_that_of_the_phones_api(app: APIFlask) -> None:
    described = app.test_client().get("/openapi.json").get_json()

    assert described["paths"]
    assert all(path.startswith("/api/v1/") for path in described["paths"])
