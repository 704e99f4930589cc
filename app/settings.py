"""What the environment says: typed, read once, in this file only."""

import base64
import binascii
from datetime import time, timedelta
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.domain.exchange import medicine_rules
from app.domain.exchange.answers import Verdict
from app.domain.exchange.documents import OF_MEDICINES, DocumentKind
from app.domain.exchange.medicine_rules import MedicineRules
from app.domain.outreach.channels import CONTRACTS
from app.domain.outreach.decency import Purpose, Rules
from app.domain.outreach.messaging import Channel
from app.domain.trust.access import Scope

DEMO_KEY_ID = "demo"
# The most that one message may weigh, as in `app.integrations.hl7.envelope.WIDEST`.
HL7_LARGEST = 7_000_000
_REAL_HOSTS = ("weixin.qq.com", "wechat.com")


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
    # How 就医助手 says what we say (docs/channels.md); sent with the official account's token.
    medical_assistant: Path | None = None

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
    """The SMS provider: an address with its key, or a folder a gateway of the hospital empties.

    Without either nothing is sent by SMS. `templates`: kind of message → the provider's template;
    other kinds, but for codes, never go by SMS.
    """

    provider: Literal["http", "folder"] = "http"
    url: str | None = None
    key: SecretStr | None = None
    reports_url: str | None = None  # where to ask what became of messages
    folder: Path | None = None
    templates: dict[str, str] = {}
    price_fen: int = Field(default=CONTRACTS[Channel.SMS].cost_fen, ge=0, le=1000)

    @property
    def is_on(self) -> bool:
        return bool(self.folder if self.provider == "folder" else self.url and self.key)


class Decency(_Group):
    """When and how often patients are written to; clinical alerts pass the hours and counts.

    `daily` and `weekly` are messages a person by purpose; one that is left out has no limit.
    """

    quiet_from: time = Rules().quiet_from
    quiet_until: time = Rules().quiet_until
    daily: dict[Purpose, int] = dict(Rules().daily)
    weekly: dict[Purpose, int] = dict(Rules().weekly)
    digest_minutes: int = Field(default=30, ge=0, le=120)

    @model_validator(mode="after")
    def _leave_alerts_alone(self) -> Self:
        if Purpose.ALERT in {**self.daily, **self.weekly}:
            raise ValueError("clinical alerts are not counted")
        return self


class HL7Source(_Group):
    """One sender of HL7 v2; `charset` overrides what its messages claim.

    `facilities` (MSH-4) and `certificates` (names in the client's certificate) narrow down who it
    is among those of one network; `enhanced` follows MSH-15 and MSH-16.
    """

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    facilities: tuple[str, ...] = ()
    charset: str | None = None
    peers: tuple[str, ...] = ("127.0.0.1",)
    certificates: tuple[str, ...] = ()
    acknowledgement: Literal["original", "enhanced"] = "original"


class HL7Tls(_Group):
    """Mutual TLS of a port: our PEM chain and key, and the authority of the senders'."""

    certificate: Path
    key: Path
    client_ca: Path


class HL7Door(_Group):
    """A port for HL7 v2 and what it takes."""

    name: str = Field(default="default", pattern=r"^[a-z0-9-]{1,32}$")
    host: str = "127.0.0.1"
    port: int = Field(default=2575, ge=0, le=65535)
    max_bytes: int = Field(default=256 * 1024, ge=4096, le=HL7_LARGEST)
    max_segments: int = Field(default=2000, ge=10, le=100_000)
    messages_per_second: int = Field(default=200, ge=1, le=10_000)
    tls: HL7Tls | None = None


class HL7(_Group):
    host: str = "127.0.0.1"
    port: int = 2575
    tls: HL7Tls | None = None
    messages_per_second: int = Field(default=200, ge=1, le=10_000)
    listeners: tuple[HL7Door, ...] = ()
    sources: tuple[HL7Source, ...] = (HL7Source(name="his"),)

    def doors(self, host: str | None = None, port: int | None = None) -> tuple[HL7Door, ...]:
        """Return every port to listen on; `host` and `port` move the first one."""
        first = HL7Door(
            host=host or self.host,
            port=self.port if port is None else port,
            messages_per_second=self.messages_per_second,
            tls=self.tls,
        )
        return (first, *self.listeners)


class FeedWatch(_Group):
    """How one source is watched: silent for so long outside its quiet hours is an alarm.

    `silent_after_minutes` null: it speaks only when somebody acts. Every configured source of
    HL7 and tables is watched with the defaults unless it stands here.
    """

    source: str = Field(pattern=r"^(hl7|fhir|table|wechat|wecom|device):[a-z0-9-]{1,32}$")
    silent_after_minutes: int | None = Field(default=30, ge=1, le=10080)
    quiet_from: time | None = None
    quiet_until: time | None = None

    @model_validator(mode="after")
    def _whole_quiet_hours(self) -> Self:
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValueError("quiet_from and quiet_until go together")
        return self


class FhirTarget(_Group):
    """A hospital system that takes requests as FHIR R4; `token` is a bearer token."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    kinds: tuple[DocumentKind, ...]
    base_url: str = Field(pattern=r"^https?://")
    token: SecretStr | None = None


class HL7Target(_Group):
    """A hospital system that takes requests as HL7 v2 over MLLP; by TLS where `ca_file` is set."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    kinds: tuple[DocumentKind, ...]
    host: str
    port: int
    receiving_application: str
    receiving_facility: str
    charset: str = "utf-8"
    version: str = "2.4"
    order: Literal["ORM^O01", "OMG^O19"] = "ORM^O01"
    admission_code: str = "ADMISSION"  # the hospital's order code for an admission
    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @model_validator(mode="after")
    def _refuse_medicines(self) -> Self:
        """A pharmacy order of HL7 v2 would be filled as a new prescription."""
        if not set(self.kinds).isdisjoint(OF_MEDICINES):
            raise ValueError("requests about medicines go by FHIR or by a table")
        return self


class TableTarget(_Group):
    """A hospital system that takes requests from an interface table; see docs/outbound.md."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    kinds: tuple[DocumentKind, ...]
    url: SecretStr
    table: str
    table_schema: str | None = None
    columns: dict[str, str]
    constants: dict[str, str] = {}
    status_column: str | None = None
    filler_column: str | None = None
    reason_column: str | None = None
    verdicts: dict[str, Verdict] = {}


class Exchange(_Group):
    """Who is asked for what, and which inner networks webhooks may call."""

    fhir: tuple[FhirTarget, ...] = ()
    hl7: tuple[HL7Target, ...] = ()
    tables: tuple[TableTarget, ...] = ()
    webhook_networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @property
    def targets(self) -> tuple[FhirTarget | HL7Target | TableTarget, ...]:
        return (*self.fhir, *self.hl7, *self.tables)

    @model_validator(mode="after")
    def _refuse_doubt(self) -> Self:
        names = [target.name for target in self.targets]
        kinds = [kind for target in self.targets for kind in target.kinds]
        if len(set(names)) < len(names):
            raise ValueError("two targets of one name")
        if len(set(kinds)) < len(kinds):
            raise ValueError("a kind of document goes to one target")
        return self


class Medicines(_Group):
    """Which medicines are not refilled or brought home, by words in their names, and for how long.

    See `app.domain.exchange.medicine_rules`; the hospital's pharmacy completes the words.
    """

    controlled: tuple[str, ...] = medicine_rules.CONTROLLED
    antimicrobial: tuple[str, ...] = medicine_rules.ANTIMICROBIAL
    cold: tuple[str, ...] = medicine_rules.COLD
    longest_weeks: int = Field(default=medicine_rules.LONGEST_WEEKS, ge=1, le=12)
    offer_days: int = Field(default=7, ge=1, le=28)
    code_hours: int = Field(default=72, ge=1, le=336)

    @property
    def rules(self) -> MedicineRules:
        return MedicineRules(
            self.controlled, self.antimicrobial, self.cold, self.longest_weeks,
            timedelta(days=self.offer_days), timedelta(hours=self.code_hours),
        )  # fmt: skip


class TableSource(_Group):
    """A hospital database (its URL is a secret) or a sender of files, and what its columns mean."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    mapping: Path
    url: SecretStr | None = None


class Tables(_Group):
    """Views of hospital databases; a statement that takes longer than `query_seconds` is ended."""

    sources: tuple[TableSource, ...] = ()
    query_seconds: int = Field(default=10, ge=1, le=60)
    page_rows: int = Field(default=1000, ge=1, le=1000)

    def source(self, name: str) -> TableSource | None:
        return next((one for one in self.sources if one.name == name), None)


class FhirClient(_Group):
    """A system that speaks FHIR to us; `source` names its feed, its own name where left out.

    `token_sha256` is the SHA-256 of its bearer token, in hex: the token itself stays with it.
    """

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    token_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: tuple[Scope, ...] = Field(min_length=1)
    source: str | None = Field(default=None, pattern=r"^[a-z0-9-]{1,32}$")
    networks: tuple[IPv4Network | IPv6Network, ...] = (IPv4Network("127.0.0.0/8"),)


class Fhir(_Group):
    """The FHIR R4 API: who may use it, and how much they may send at once."""

    clients: tuple[FhirClient, ...] = ()
    resource_bytes: int = Field(default=1_000_000, ge=1_000, le=20_000_000)
    bundle_bytes: int = Field(default=5_000_000, ge=1_000, le=50_000_000)
    bundle_entries: int = Field(default=200, ge=1, le=1_000)

    @model_validator(mode="after")
    def _refuse_repeats(self) -> Self:
        for told in (
            [one.name for one in self.clients],
            [one.token_sha256 for one in self.clients],
        ):
            if len(set(told)) != len(told):
                raise ValueError("every FHIR client has a name and a token of its own")
        return self


class DeviceVendor(_Group):
    """A cloud that pushes readings of its devices, signed by one of `secrets`.

    The newest secret comes first; the one before stays beside it while the vendor changes over.
    """

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    label: str = Field(min_length=1, max_length=30)
    secrets: tuple[SecretStr, ...] = Field(min_length=1, max_length=2)

    @model_validator(mode="after")
    def _refuse_short_secrets(self) -> Self:
        if any(len(one.get_secret_value()) < 32 for one in self.secrets):
            raise ValueError("a device vendor's secret has at least 32 characters")
        return self


class Devices(_Group):
    """Which makers' clouds may push readings, and how many at once."""

    vendors: tuple[DeviceVendor, ...] = ()
    batch_bytes: int = Field(default=256 * 1024, ge=1_000, le=5_000_000)
    batch_readings: int = Field(default=200, ge=1, le=1_000)

    @model_validator(mode="after")
    def _refuse_repeats(self) -> Self:
        names = [one.name for one in self.vendors]
        if len(set(names)) != len(names):
            raise ValueError("two device vendors of one name")
        return self

    @property
    def labels(self) -> dict[str, str]:
        return {one.name: one.label for one in self.vendors}


class Settings(BaseSettings):
    """Environment variables `CARELOOP_…`, nested with `__`; `.env.example` documents all."""

    model_config = SettingsConfigDict(
        env_prefix="CARELOOP_", env_nested_delimiter="__", frozen=True, extra="ignore"
    )

    database_url: str = "sqlite:///var/careloop.sqlite3"
    redis_url: str | None = None
    # RabbitMQ (amqp://…): sender processes of their own take chunks from it; without it the clock
    # process sends.
    broker_url: SecretStr | None = None
    secret_keys: SecretStr
    cipher: Literal["aes-256-gcm", "sm4-gcm"] = "aes-256-gcm"
    tenant: str = Field(default="hospital", pattern=r"^[a-z0-9-]{1,32}$")
    hospital_name: str = "康伴医院"
    hospital_phone: str = "请拨打医院总机"
    # Province and city, to know who lives elsewhere; without it nobody is said to.
    hospital_region: str | None = None
    public_url: str = "http://127.0.0.1:8080"
    trusted_hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    spool_folder: Path = Path("var/spool")
    packs_folder: Path = Path("packs")
    # How long a draft of a pack that nobody signs or goes on with is kept.
    pack_draft_days: int = Field(default=180, ge=30, le=3660)
    # Only then are the platforms' real hosts called; elsewhere none but `test_hosts`.
    production: bool = False
    test_hosts: tuple[str, ...] = ()
    demo: bool = False
    demo_clock: Path | None = None
    demo_standin: str | None = None
    wechat: WeChat = WeChat()
    wecom: WeCom = WeCom()
    sms: Sms = Sms()
    decency: Decency = Decency()
    hl7: HL7 = HL7()
    fhir: Fhir = Fhir()
    devices: Devices = Devices()
    feeds: tuple[FeedWatch, ...] = ()
    exchange: Exchange = Exchange()
    medicines: Medicines = Medicines()
    tables: Tables = Tables()

    @cached_property
    def keys(self) -> dict[str, bytes]:
        """Key id → 32 bytes; the first seals, all open, the last indexes."""
        pairs = (entry.split(":", 1) for entry in self.secret_keys.get_secret_value().split(","))
        return {key_id: base64.b64decode(text, validate=True) for key_id, text in pairs}

    @model_validator(mode="after")
    def _refuse_real_hosts_in_tests(self) -> Self:
        real = [host for host in self.test_hosts if host.lower().endswith(_REAL_HOSTS)]
        if real:
            raise ValueError(f"{real[0]} is a real platform: only CARELOOP_PRODUCTION reaches it")
        if self.production and self.test_hosts:
            raise ValueError("production has no test hosts")
        return self

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
        if self.demo and self.production:
            raise ValueError("the demo doors are refused in production")
        if self.demo and set(keys) != {DEMO_KEY_ID}:
            raise ValueError("the demo doors are refused while a production key is present")
        if not self.demo and DEMO_KEY_ID in keys:
            raise ValueError("the demo key protects nothing; make one with: python -m app.cli key")
        return self


class RelayApp(_Group):
    """One app as the relay knows it: the token tells the platform from a stranger.

    `callback_aes_key` and `receive_id` (corpid or appid) only while WeCom checks the address.
    """

    source: str = Field(pattern=r"^(wechat|wecom):[a-z0-9-]{1,32}$")
    callback_token: SecretStr
    callback_aes_key: SecretStr | None = None
    receive_id: str | None = None


class RelaySettings(BaseSettings):
    """Variables `CARELOOP_RELAY_…` of the outer zone's process; docs/two-zones.md has them all."""

    model_config = SettingsConfigDict(env_prefix="CARELOOP_RELAY_", frozen=True, extra="ignore")

    host: str = "127.0.0.1"
    port: int = 8081
    database_url: SecretStr
    apps: tuple[RelayApp, ...]
    spool_folder: Path = Path("var/relay-spool")
    spool_megabytes: int = Field(default=256, ge=1, le=102400)


def load_relay() -> RelaySettings:
    """Read the environment of the relay.

    :raises pydantic.ValidationError: something is missing; nothing may start
    """
    return RelaySettings()  # type: ignore[call-arg]  # pydantic fills it from the environment


def load() -> Settings:
    """Read the environment.

    :raises pydantic.ValidationError: something is missing or weak; nothing may start
    """
    return Settings()  # type: ignore[call-arg]  # pydantic fills it from the environment
