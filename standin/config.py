"""What the stand-in plays: accounts, templates, corps and members, read from one JSON file."""

import base64
import binascii
import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints


class ConfigError(Exception):
    """The file does not say what it must; the text names the place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackReceiver:
    """Where and how callbacks of one app go; without `callback_url` none are sent.

    `aes_key` is the EncodingAESKey, 43 characters.
    """

    callback_url: str = ""
    token: str = ""
    aes_key: str = ""

    def __post_init__(self) -> None:
        if self.callback_url:
            _check_aes_key(self.aes_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeTemplate:
    """A private subscribe-message template; `keywords` maps keyword to value type."""

    id: str
    title: str
    kind: Literal["one-time", "long-term"]
    keywords: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTemplate:
    """A template-message template; a keyword such as `thing2` carries its type in its name."""

    id: str
    title: str
    keywords: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MiniProgram(CallbackReceiver):
    """`pages` are those of the released version; `page_base` + page is a link people can open."""

    appid: str
    secret: str
    templates: tuple[SubscribeTemplate, ...] = ()
    pages: tuple[str, ...] = ()
    page_base: str = ""
    daily_quota: int = 10_000_000
    minute_quota: int = 1_000_000  # of each message call; the pages name no number

    @property
    def original_id(self) -> str:
        return original_id(self.appid)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialAccount(CallbackReceiver):
    """A certified service account; `daily_quota` counts its template messages.

    `medical_statuses` are the kinds of 就医助手 message it may send, each with the names its
    `business_info` must hold; without any the account does not have the ability.
    """

    appid: str
    secret: str
    templates: tuple[MessageTemplate, ...] = ()
    daily_quota: int = 100_000
    minute_quota: int = 1_000_000
    medical_statuses: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def original_id(self) -> str:
        return original_id(self.appid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent(CallbackReceiver):
    """A self-built app; `trusted_domains` are exact hosts, with port if not 80 or 443."""

    agentid: int
    secret: str
    name: str = ""
    trusted_domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of the corp; `agents` are the apps whose visible range holds them."""

    userid: str
    name: str
    agents: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corp:
    """A company; each app may send `account_limit` x 200 person-messages a day."""

    corpid: str
    agents: tuple[Agent, ...]
    members: tuple[Member, ...] = ()
    account_limit: int = 1000

    def agent(self, agentid: int) -> Agent | None:
        return next((agent for agent in self.agents if agent.agentid == agentid), None)

    def member(self, userid: str) -> Member | None:
        """Return the member; a userid is case-insensitive."""
        wanted = userid.lower()
        return next((one for one in self.members if one.userid.lower() == wanted), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sms:
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole file. `ip_allow_list`, when given, refuses callers from elsewhere."""

    mini_programs: tuple[MiniProgram, ...] = ()
    official_accounts: tuple[OfficialAccount, ...] = ()
    corps: tuple[Corp, ...] = ()
    sms: Sms = field(default_factory=lambda: Sms(key=""))
    ip_allow_list: tuple[str, ...] | None = None

    def account(self, appid: str) -> MiniProgram | OfficialAccount | None:
        programs = (one for one in self.mini_programs if one.appid == appid)
        return next(programs, None) or next(
            (one for one in self.official_accounts if one.appid == appid), None
        )

    def corp(self, corpid: str) -> Corp | None:
        return next((corp for corp in self.corps if corp.corpid == corpid), None)


def load(path: Path) -> Config:
    """Return the configuration in `path`.

    :raises ConfigError: unreadable, unknown or missing key, wrong type
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error
    config = _read(Config, data, "config")
    if not isinstance(config, Config):
        raise ConfigError("config: not an object")
    return config


def original_id(appid: str) -> str:
    """Return the `gh_…` id that callbacks of `appid` carry as ToUserName."""
    return "gh_" + hashlib.sha256(appid.encode()).hexdigest()[:12]


def _check_aes_key(aes_key: str) -> None:
    try:
        is_good = len(aes_key) == 43 and len(base64.b64decode(aes_key + "=")) == 32
    except binascii.Error:
        is_good = False
    if not is_good:
        raise ConfigError("aes_key: 43 letters and digits wanted")


def _read(kind: Any, data: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _read_record(kind, data, where)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple and isinstance(data, list):
        return tuple(_read(inner[0], one, f"{where}[{at}]") for at, one in enumerate(data))
    if origin is dict and isinstance(data, dict):
        return {key: _read(inner[1], one, f"{where}.{key}") for key, one in data.items()}
    if origin is Literal and data in inner:
        return data
    if kind in (str, int) and type(data) is kind:
        return data
    if type(None) in inner:
        return None if data is None else _read(inner[0], data, where)
    raise ConfigError(f"{where}: {kind} wanted")


def _read_record(kind: Any, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise ConfigError(f"{where}: object wanted")
    hints = get_type_hints(kind)
    if unknown := data.keys() - hints.keys():
        raise ConfigError(f"{where}: unknown {', '.join(sorted(unknown))}")
    values = {key: _read(hints[key], one, f"{where}.{key}") for key, one in data.items()}
    try:
        return kind(**values)
    except (TypeError, ConfigError) as error:
        raise ConfigError(f"{where}: {error}") from error
