"""`.env.example` documents every setting, and what it shows can be used."""

import json
import subprocess
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from app.domain.outreach.decency import Purpose, Rules
from app.domain.outreach.messaging import Channel, fill
from app.integrations.hints import Hints
from app.settings import (
    HL7,
    Decency,
    Devices,
    DeviceVendor,
    Exchange,
    FeedWatch,
    Fhir,
    FhirClient,
    FhirTarget,
    HL7Door,
    HL7Source,
    HL7Target,
    Medicines,
    MessageTemplate,
    Settings,
    Sms,
    Tables,
    TableSource,
    TableTarget,
    WeChat,
    WeChatApp,
    WeCom,
    WeComApp,
    load,
)
from tests.conftest import ROOT, SECRET_KEYS
from wiring import outlets, receiver

EXAMPLE = ROOT / ".env.example"
GROUPS: dict[str, type[BaseModel]] = {
    "wechat": WeChat,
    "wecom": WeCom,
    "sms": Sms,
    "decency": Decency,
    "hl7": HL7,
    "exchange": Exchange,
    "medicines": Medicines,
    "tables": Tables,
    "fhir": Fhir,
    "devices": Devices,
}


def sourced(path: Path) -> dict[str, str]:
    """Return the variables that a shell makes of a file, as its first lines tell to load it."""
    script = f"set -a; . '{path}'; env -0"
    printed = subprocess.run(
        ["/bin/sh", "-c", script], env={}, check=True, capture_output=True, text=True
    ).stdout
    pairs = (line.split("=", 1) for line in printed.split("\0") if line)
    return {name: value for name, value in pairs if name.startswith("CARELOOP_")}


@pytest.fixture
def as_it_stands(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment that the file makes, without a key."""
    for name, value in sourced(EXAMPLE).items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def everything(tmp_path: Path) -> dict[str, str]:
    """The variables of the file with its optional lines taken in."""
    full = tmp_path / "env"
    full.write_text(EXAMPLE.read_text().replace("\n#CARELOOP_", "\nCARELOOP_"))
    return sourced(full)


@pytest.fixture
def settings(
    everything: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Settings:
    for name, value in everything.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CARELOOP_SECRET_KEYS", SECRET_KEYS)
    monkeypatch.setenv("CARELOOP_SPOOL_FOLDER", str(tmp_path / "spool"))
    return load()


def test_a_copy_without_a_key_starts_nothing(as_it_stands: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match=r"python -m app\.cli key"):
        load()


def test_a_copy_with_a_key_is_enough(as_it_stands: pytest.MonkeyPatch) -> None:
    as_it_stands.setenv("CARELOOP_SECRET_KEYS", SECRET_KEYS)

    assert load().wechat.first("mini-program") is not None


def test_it_names_every_setting_and_no_other(everything: dict[str, str]) -> None:
    known = {f"CARELOOP_{name}".upper() for name in Settings.model_fields if name not in GROUPS}
    for group, model in GROUPS.items():
        known |= {f"CARELOOP_{group}__{name}".upper() for name in model.model_fields}

    assert set(everything) == known


def test_no_group_of_settings_is_missing_here() -> None:
    groups = {
        name
        for name, field in Settings.model_fields.items()
        if isinstance(field.default, BaseModel)
    }

    assert groups == set(GROUPS)


@pytest.mark.parametrize(
    ("variable", "model"),
    [
        ("CARELOOP_WECHAT__APPS", WeChatApp),
        ("CARELOOP_WECOM__APPS", WeComApp),
        ("CARELOOP_HL7__SOURCES", HL7Source),
        ("CARELOOP_HL7__LISTENERS", HL7Door),
        ("CARELOOP_FEEDS", FeedWatch),
        ("CARELOOP_EXCHANGE__FHIR", FhirTarget),
        ("CARELOOP_EXCHANGE__HL7", HL7Target),
        ("CARELOOP_EXCHANGE__TABLES", TableTarget),
        ("CARELOOP_TABLES__SOURCES", TableSource),
        ("CARELOOP_FHIR__CLIENTS", FhirClient),
        ("CARELOOP_DEVICES__VENDORS", DeviceVendor),
    ],
)
def test_each_example_in_json_shows_every_field(
    everything: dict[str, str], variable: str, model: type[BaseModel]
) -> None:
    shown = {name for entry in json.loads(everything[variable]) for name in entry}

    assert shown == set(model.model_fields)


def test_the_templates_show_every_field(everything: dict[str, str]) -> None:
    shown = {
        name
        for app in json.loads(everything["CARELOOP_WECHAT__APPS"])
        for template in app["templates"].values()
        for name in template
    }

    assert shown == set(MessageTemplate.model_fields)


def test_optional_lines_show_the_default_where_there_is_one(settings: Settings) -> None:
    assert settings.wechat.api_base == WeChat().api_base
    assert settings.wecom.api_base == WeCom().api_base
    assert settings.wecom.authorize_url == WeCom().authorize_url
    for name in ("host", "port", "messages_per_second"):
        assert getattr(settings.hl7, name) == getattr(HL7(), name)
    assert settings.tables.query_seconds == Tables().query_seconds
    assert settings.tables.page_rows == Tables().page_rows
    assert settings.decency == Decency()
    assert settings.sms.price_fen == Sms().price_fen
    for name in ("cipher", "packs_folder", "demo"):
        assert getattr(settings, name) == Settings.model_fields[name].default


def test_the_measure_of_the_example_is_the_usual_one(settings: Settings) -> None:
    found = outlets(settings)

    assert found.rules == Rules()
    assert (set(found.texts), found.sms_price) == ({"task-reminder", "alert-notice"}, 5)
    assert found.serving("task-reminder") == {
        Channel.SUBSCRIPTION, Channel.TEMPLATE, Channel.CUSTOMER_SERVICE, Channel.SMS,
    }  # fmt: skip


def test_clinical_alerts_cannot_be_counted() -> None:
    with pytest.raises(ValidationError, match="clinical alerts are not counted"):
        Decency(daily={Purpose.ALERT: 1})


def test_the_callback_doors_of_the_example_can_be_hung(settings: Settings) -> None:
    doors = receiver(settings, Hints())

    for source in ("wechat:patient", "wechat:service", "wecom:nurse"):
        assert doors.serves(source)


def test_the_templates_of_the_example_ask_for_what_messages_have(settings: Settings) -> None:
    found = outlets(settings)

    for templates in (found.subscriptions, found.templates):
        assert set(templates) == {"task-reminder", "alert-notice"}
        for template in templates.values():
            told = fill(
                template.data, {"title": "您有一项今日健康任务", "time": "2026-05-04 08:00"}
            )
            assert told == {"thing1": "您有一项今日健康任务", "time2": "2026-05-04 08:00"}
