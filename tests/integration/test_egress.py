"""Outside production no real platform is within reach of the code, and nobody is written to."""

import ast
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.domain.outreach.channels import CONTRACTS, Receipt
from app.domain.outreach.messaging import (
    Accepted,
    Channel,
    CommunicationState,
    ErrorClass,
    Failure,
    Outcome,
    Outgoing,
)
from app.integrations import platform_http
from app.integrations.platform_http import CallFailed, PlatformHttp
from app.integrations.simulators import DELIVERED, PERMANENT, PHONES, TEMPORARY, simulated
from app.services.outreach import outbox
from app.settings import Settings, Sms, WeChat, WeCom
from tests.conftest import NOON, ROOT, SECRET_KEYS
from tests.integration.postbox import letter
from wiring import inquirers, platforms, reach, senders

SECRETS = {"secret": "s", "callback_token": "t", "callback_aes_key": "k" * 43}
REAL = ("https://api.weixin.qq.com/x", "https://qyapi.weixin.qq.com/x", "https://sms.example/x")
# Modules that open a connection, each with a wall or a reach of its own.
DOORS = {
    "app/integrations/platform_http.py",  # the platforms
    "app/integrations/bounded_http.py",  # hospital systems, webhooks: networks the settings name
    "app/integrations/his/mllp.py",  # hospital systems
    "app/integrations/hl7/places.py",  # listens
    "app/demo/hl7_feed.py", "app/demo/processes.py", "app/demo/standin_control.py",
}  # fmt: skip


@pytest.fixture(autouse=True)
def walls() -> Iterator[None]:
    """Put the wall of this process back as it was."""
    before = platform_http._reachable
    yield
    platform_http._reachable = before


def hospital(**more: Any) -> Settings:
    """The settings of a hospital with every channel, as they stand in production."""
    mini = {"key": "patient", "kind": "mini-program", "appid": "wx1", **SECRETS}
    account = {"key": "service", "kind": "official-account", "appid": "wx2", **SECRETS}
    nurse = {"key": "nurse", "corpid": "ww1", "agentid": 1, **SECRETS}
    scenes = ROOT / "docs" / "examples" / "medical-assistant.yaml"
    return Settings(
        secret_keys=SECRET_KEYS,
        wechat=WeChat.model_validate({"apps": [mini, account], "medical_assistant": scenes}),
        wecom=WeCom.model_validate({"apps": [nurse]}),
        sms=Sms.model_validate(
            {"url": "https://sms.example/send", "key": "k", "reports_url": "https://sms.example/r"}
        ),
        **more,
    )


MESSAGE = {
    "openid": "oReal", "template_id": "T", "page": "p", "data": {"thing1": "x"}, "text": "x",
    "status": 1501001, "order_id": "o", "fields": {}, "userids": ["nurse"], "userid": "nurse",
    "external_userids": ["wmReal"], "source": "s", "title": "t", "buttons": [],
    "phone": "13800138000", "template": "t", "params": {}, "response_code": "r",
    "replace_name": "n",
}  # fmt: skip
APPS = {"service": (Channel.TEMPLATE, Channel.MEDICAL_ASSISTANT)}


def app_of(channel: Channel) -> str:
    if channel.startswith("wecom"):
        return "nurse"
    return "service" if channel in APPS["service"] else "patient"


@pytest.mark.usefixtures("database")
def test_outside_production_no_channel_gets_to_its_platform(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[object] = []
    monkeypatch.setattr(socket, "create_connection", lambda *a, **_: opened.append(a))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **_: opened.append(a))
    settings = hospital()
    channels = senders(settings, platforms(settings))

    assert set(channels) == set(Channel) - {Channel.INBOX}
    asked = {channel for channel, one in CONTRACTS.items() if one.receipt is Receipt.QUERY}
    assert set(inquirers(settings, platforms(settings))) == asked
    for channel, send in channels.items():
        outgoing = Outgoing("id", channel, app_of(channel), MESSAGE)
        outcome = send(outgoing)
        assert isinstance(outcome, Failure), channel
        # The second to ask for a token in vain is told so, before it comes to the wall.
        assert outcome.error_class in (ErrorClass.OURS, ErrorClass.NOT_SENT), channel
    assert opened == []


@pytest.mark.parametrize("url", REAL)
def test_a_process_that_said_nothing_reaches_this_machine_alone(url: str) -> None:
    platform_http.permit(())

    with pytest.raises(CallFailed) as failed:
        PlatformHttp().request("post", url)
    assert failed.value.failure == Failure(ErrorClass.OURS)


def test_production_reaches_what_is_configured_and_a_test_system_what_it_names() -> None:
    real = {"api.weixin.qq.com", "qyapi.weixin.qq.com", "sms.example"}

    assert reach(hospital(production=True)) == real
    assert reach(hospital()) == frozenset()
    assert reach(hospital(test_hosts=("standin.test",))) == {"standin.test"}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"test_hosts": ("API.weixin.qq.com",)}, "is a real platform"),
        ({"test_hosts": ("standin.test",), "production": True}, "has no test hosts"),
        ({"demo": True, "production": True}, "refused in production"),
    ],
)
def test_no_setting_makes_a_test_system_of_a_real_host(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        hospital(**settings)


@pytest.mark.parametrize(("production", "name"), [(True, "sms"), (False, "test")])
@pytest.mark.usefixtures("database")
def test_a_test_system_that_shares_a_folder_writes_where_no_gateway_looks(
    tmp_path: Path, production: bool, name: str
) -> None:
    settings = hospital(production=production)
    sms = Sms(provider="folder", folder=tmp_path)
    channels = senders(settings.model_copy(update={"sms": sms}), platforms(settings))

    channels[Channel.SMS](Outgoing("id", Channel.SMS, "", MESSAGE))
    (file,) = tmp_path.iterdir()
    assert file.name.startswith(f"{name}-")


def test_nothing_else_opens_connections() -> None:
    openers = {"requests", "socket", "http.client", "urllib.request", "urllib3", "httpx", "smtplib"}
    found = set()
    for folder in ("app", "wecom", "miniprogram_api", "jobs"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    module = node.module or ""
                    names = [module, *(f"{module}.{one.name}" for one in node.names)]
                if openers & set(names):
                    found.add(str(path.relative_to(ROOT)))

    assert found == DOORS


# --------------------------------------------------------------------------------- simulators


def never(outgoing: Outgoing) -> Outcome:
    raise AssertionError("a simulator was called for")


@pytest.mark.parametrize(
    "content",
    [
        {"openid": "{}"},
        {"phone": "{}"},
        {"userids": ["{}"]},
        {"userid": "NurseChen", "external_userids": ["{}"]},
    ],
)
def test_a_simulator_has_its_outcome_by_every_channel(content: dict[str, Any]) -> None:
    def told(named: str) -> Outcome:
        said = json.loads(json.dumps(content).replace("{}", named))
        return simulated(never)(Outgoing("p1", Channel.TEMPLATE, "app", said))

    assert told(DELIVERED) == Accepted("sim-p1", is_delivered=True)
    assert told(TEMPORARY) == Failure(ErrorClass.BUSY)
    assert told(PERMANENT) == Failure(ErrorClass.RECIPIENT)


def test_simulated_phones_are_nobodys_and_others_are_called() -> None:
    assert all(phone.startswith("10") for phone in PHONES)
    calls: list[str] = []

    def send(outgoing: Outgoing) -> Outcome:
        calls.append(outgoing.public_id)
        return Accepted("real")

    for public_id, content in (
        ("a", {"openid": "oReal"}),
        ("b", {"userids": ["NurseChen", DELIVERED]}),
        ("c", {"phone": None}),
    ):
        outgoing = Outgoing(public_id, Channel.SMS, "", content)
        assert simulated(send)(outgoing) == Accepted("real")
    assert calls == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("phone", "state"),
    [
        ("10000000001", CommunicationState.DELIVERED),
        ("10000000002", CommunicationState.QUEUED),
        ("10000000003", CommunicationState.REFUSED),
    ],
)
def test_a_message_to_a_simulator_goes_through_the_whole_outbox(
    session: Session, phone: str, state: CommunicationState
) -> None:
    message = letter(session, phone, Channel.SMS)
    message.content = json.dumps({"phone": phone, "template": "t", "params": {}})
    token, ids = outbox.claim(session, NOON, 1)
    ((id_, outgoing),) = outbox.begin_calling(session, token, ids, NOON)
    outbox.settle(session, token, {id_: simulated(never)(outgoing)}, NOON)

    assert message.state is state
