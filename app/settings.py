"""What the environment says: typed, read once, in this file only."""

import base64
import binascii
from datetime import time
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEMO_KEY_ID = "demo"


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MessageTemplate(_Group):
    """A template at the platform; `data` maps its keywords to placeholders of our message."""

    template_id: str
    data: dict[str, str]
    long_term: bool = False


class WeChatApp(_Group):
    """One mini-program or official account; `key` is our own short name for it."""

    key: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    kind: Literal["mini-program", "official-account"]
    appid: str
    secret: SecretStr
    callback_token: SecretStr
    callback_aes_key: SecretStr
    templates: dict[str, MessageTemplate] = {}
    mini_program_state: Literal["developer", "trial", "formal"] = "formal"


class WeChat(_Group):
    api_base: str = "https://api.weixin.qq.com"
    apps: tuple[WeChatApp, ...] = ()

    def app(self, key: str) -> WeChatApp | None:
        return next((app for app in self.apps if app.key == key), None)

    def first(self, kind: str) -> WeChatApp | None:
        return next((app for app in self.apps if app.kind == kind), None)


class WeComApp(_Group):
    """One self-built application of the corporation."""

    key: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    corpid: str
    agentid: int
    secret: SecretStr
    callback_token: SecretStr
    callback_aes_key: SecretStr


class WeCom(_Group):
    api_base: str = "https://qyapi.weixin.qq.com"
    authorize_url: str = "https://open.weixin.qq.com/connect/oauth2/authorize"
    apps: tuple[WeComApp, ...] = ()

    def app(self, key: str) -> WeComApp | None:
        return next((app for app in self.apps if app.key == key), None)


class Sms(_Group):
    """The SMS provider; without an address nothing is sent by SMS."""

    url: str | None = None
    key: SecretStr | None = None


class HL7Source(_Group):
    """One sender of HL7 v2; `charset` overrides what its messages claim."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    facility: str | None = None
    charset: str | None = None
    peers: tuple[str, ...] = ("127.0.0.1",)


class HL7(_Group):
    host: str = "127.0.0.1"
    port: int = 2575
    sources: tuple[HL7Source, ...] = (HL7Source(name="his"),)


class FeedWatch(_Group):
    """How one source is watched: silent for so long outside its quiet hours is an alarm.

    `silent_after_minutes` null: it speaks only when somebody acts. Every configured HL7 source is
    watched with the defaults unless it stands here.
    """

    source: str = Field(pattern=r"^(hl7|fhir|table|wechat|wecom):[a-z0-9-]{1,32}$")
    silent_after_minutes: int | None = Field(default=30, ge=1, le=10080)
    quiet_from: time | None = None
    quiet_until: time | None = None

    @model_validator(mode="after")
    def _whole_quiet_hours(self) -> Self:
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValueError("quiet_from and quiet_until go together")
        return self


class Settings(BaseSettings):
    """Environment variables `CARELOOP_…`, nested with `__`; `.env.example` documents all."""

    model_config = SettingsConfigDict(
        env_prefix="CARELOOP_", env_nested_delimiter="__", frozen=True, extra="ignore"
    )

    database_url: str = "sqlite:///var/careloop.sqlite3"
    redis_url: str | None = None
    secret_keys: SecretStr
    cipher: Literal["aes-256-gcm", "sm4-gcm"] = "aes-256-gcm"
    tenant: str = Field(default="hospital", pattern=r"^[a-z0-9-]{1,32}$")
    hospital_name: str = "康伴医院"
    hospital_phone: str = "请拨打医院总机"
    public_url: str = "http://127.0.0.1:8080"
    trusted_hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    spool_folder: Path = Path("var/spool")
    packs_folder: Path = Path("packs")
    demo: bool = False
    demo_clock: Path | None = None
    demo_standin: str | None = None
    wechat: WeChat = WeChat()
    wecom: WeCom = WeCom()
    sms: Sms = Sms()
    hl7: HL7 = HL7()
    feeds: tuple[FeedWatch, ...] = ()

    @cached_property
    def keys(self) -> dict[str, bytes]:
        """Key id → 32 bytes; the first seals, all open, the last indexes."""
        pairs = (entry.split(":", 1) for entry in self.secret_keys.get_secret_value().split(","))
        return {key_id: base64.b64decode(text, validate=True) for key_id, text in pairs}

    @model_validator(mode="after")
    def _refuse_weak_keys(self) -> Self:
        try:
            keys = self.keys
        except (ValueError, binascii.Error):
            raise ValueError(
                "CARELOOP_SECRET_KEYS must read id:base64[,id:base64…]; "
                "make one with: python -m app.cli key"
            ) from None
        for key_id, key in keys.items():
            if len(key) != 32 or len(set(key)) < 8:
                raise ValueError(f"secret key {key_id!r} is not 32 random bytes")
        if self.demo and set(keys) != {DEMO_KEY_ID}:
            raise ValueError("the demo doors are refused while a production key is present")
        if not self.demo and DEMO_KEY_ID in keys:
            raise ValueError("the demo key protects nothing; make one with: python -m app.cli key")
        return self


def load() -> Settings:
    """Read the environment.

    :raises pydantic.ValidationError: something is missing or weak; nothing may start
    """
    return Settings()  # type: ignore[call-arg]  # pydantic fills it from the environment
