"""The one door: closed unless a policy says otherwise."""

import pytest
from apiflask import APIFlask

from app import logs
from app.domain.trust.access import Audience, Permission, Policy
from app.settings import Settings
from app.web.factory import create_app
from app.web.gate import RouteWithoutPolicy, policy
from tests.conftest import SECRET_KEYS


@pytest.fixture
def settings() -> Settings:
    return Settings(secret_keys=SECRET_KEYS)


def test_an_application_with_a_route_without_policy_does_not_start(settings: Settings) -> None:
    def face(app: APIFlask) -> None:
        app.add_url_rule("/forgotten", view_func=lambda: "hello", endpoint="forgotten")

    with pytest.raises(RouteWithoutPolicy, match="/forgotten"):
        create_app(settings, [face])


def test_an_open_door_says_why_and_a_staff_door_says_what_for() -> None:
    for wrong in (
        lambda: Policy(Audience.ANYONE),
        lambda: Policy(Audience.PLATFORM),
        lambda: Policy(Audience.STAFF),
        lambda: Policy(Audience.WECHAT_USER, Permission.READ_PATIENT),
    ):
        with pytest.raises(ValueError):
            wrong()


def _face(app: APIFlask) -> None:
    @app.get("/mine")
    @policy(Audience.WECHAT_USER)
    def mine() -> str:
        return "mine"

    @app.get("/ward")
    @policy(Audience.STAFF, Permission.READ_PATIENT)
    def ward() -> str:
        return "ward"

    @app.get("/broken")
    @policy(Audience.ANYONE, why="test")
    def broken() -> str:
        raise ValueError("李测试 13800000000")


def test_a_door_without_a_session_answers_401_and_names_nothing(settings: Settings) -> None:
    client = create_app(settings, [_face]).test_client()

    for path in ("/mine", "/ward"):
        answer = client.get(path, headers={"Accept": "application/json"})
        assert answer.status_code == 401
        assert answer.json["type"] == "/problems/sign-in-required"


def test_an_unforeseen_error_tells_only_its_request_id(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    logs.configure("web")

    answer = create_app(settings, [_face]).test_client().get("/broken")

    assert answer.status_code == 500
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    printed = answer.text + "".join(capfd.readouterr())
    assert "request_failed" in printed
    assert "ValueError" in printed
    assert "李测试" not in printed
    assert "13800000000" not in printed


@pytest.mark.parametrize("path", ["/livez", "/mine", "/nowhere", "/broken"])
def test_every_answer_is_hardened(settings: Settings, path: str) -> None:
    answer = create_app(settings, [_face]).test_client().get(path)

    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_host_that_is_not_ours_is_refused(settings: Settings) -> None:
    answer = (
        create_app(settings, [_face]).test_client().get("/livez", headers={"Host": "evil.test"})
    )

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "keys", ["", "k1", "k1:short", f"k1:{'A' * 43}=", "demo:" + SECRET_KEYS.split(":")[1]]
)
def test_weak_keys_and_the_demo_key_start_nothing(keys: str) -> None:
    with pytest.raises(ValueError):
        Settings(secret_keys=keys)


def test_demo_doors_are_refused_beside_a_production_key() -> None:
    with pytest.raises(ValueError, match="demo doors"):
        Settings(secret_keys=SECRET_KEYS, demo=True)
