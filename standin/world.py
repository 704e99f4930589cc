"""Everything the stand-in remembers; a reset makes a new one."""

import hashlib
import secrets
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from standin.clock import Clock
from standin.ledger import Ledger, Traffic
from standin.quotas import Quotas
from standin.tokens import Tokens

CodeKind = Literal["login", "phone", "account", "member"]
CODE_LIFETIME = 300  # seconds; login, phone and OAuth codes alike

Outcome = Literal["success", "failed", "lost"]


@dataclass(slots=True)
class ServiceWindow:
    """How many customer-service messages one act of the user lets through, and until when."""

    until: float
    left: int


@dataclass(slots=True)
class Phone:
    """One WeChat user as one AppID knows them; `rights` counts one-time rights a template."""

    openid: str
    appid: str
    unionid: str
    is_following: bool = False
    followed_at: float = 0.0
    rights: Counter[str] = field(default_factory=Counter)
    long_term: set[str] = field(default_factory=set)
    windows: dict[str, ServiceWindow] = field(default_factory=dict)  # by what opened it


@dataclass(slots=True)
class Code:
    """`holder` is an openid or a userid, `issuer` the appid or corpid, `detail` a phone number."""

    kind: CodeKind
    holder: str
    issuer: str
    expires_at: float
    detail: str = ""
    is_used: bool = False


@dataclass(slots=True)
class Receipts:
    """How delivery results come back: after how many seconds, and saying what."""

    delay_seconds: float = 0.2
    outcome: Outcome = "success"


@dataclass(slots=True)
class CardView:
    """What one member sees of a card: its content, and the text that replaced the buttons."""

    content: dict[str, Any]
    replaced_by: str | None = None


@dataclass(slots=True)
class Card:
    corpid: str
    agentid: int
    task_id: str
    card_type: str
    views: dict[str, CardView]


@dataclass(slots=True)
class ResponseCode:
    card: Card
    expires_at: float
    is_used: bool = False


@dataclass(frozen=True, slots=True)
class ContactWay:
    """A QR code by which WeChat users add members; `state` comes back with each who does."""

    corpid: str
    agentid: int
    users: tuple[str, ...]
    state: str


@dataclass(slots=True)
class Customer:
    """A WeChat user as one corp knows them: which members they added, by which `state`."""

    unionid: str
    follows: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class GroupTask:
    """A mass message that members have yet to confirm: who writes to which of their customers.

    `results` by customer are 0 unsent, 1 sent, 2 no friend any more, 3 had enough already.
    """

    corpid: str
    agentid: int
    text: str
    customers: dict[str, list[str]]  # by the member who is to confirm
    results: dict[str, int]
    sent_at: dict[str, float] = field(default_factory=dict)  # by member
    is_cancelled: bool = False


@dataclass(slots=True)
class Remembered:
    """An answer given before, and until when a repeat of the request gets it again."""

    until: float
    answer: dict[str, Any]


class World:
    """The mutable state; whoever touches it holds the stand-in's lock."""

    def __init__(self, clock: Clock) -> None:
        self.ledger = Ledger(clock)
        self.traffic = Traffic(clock)
        self.tokens = Tokens()
        self.quotas = Quotas()
        self.receipts = Receipts()
        self.phones: dict[str, Phone] = {}
        self.codes: dict[str, Code] = {}
        self.cards: dict[tuple[str, int, str], Card] = {}
        self.response_codes: dict[str, ResponseCode] = {}
        self.remembered: dict[tuple[str, ...], Remembered] = {}
        self.contact_ways: dict[str, ContactWay] = {}
        self.customers: dict[tuple[str, str], Customer] = {}
        self.group_tasks: dict[str, GroupTask] = {}
        self.in_flight: set[tuple[str, str]] = set()
        self.dropped = 0
        self.latency_ms = 0.0
        self.signed_in: str | None = None

    def add_code(
        self, kind: CodeKind, holder: str, issuer: str, now: float, detail: str = ""
    ) -> str:
        code = secrets.token_hex(32 if kind == "phone" else 16)
        self.codes[code] = Code(kind, holder, issuer, now + CODE_LIFETIME, detail)
        return code

    def remember(self, key: tuple[str, ...], until: float, answer: dict[str, Any]) -> None:
        self.remembered[key] = Remembered(until, answer)

    def recall(self, key: tuple[str, ...], now: float) -> dict[str, Any] | None:
        """Return the answer remembered under `key` and still in its time."""
        found = self.remembered.get(key)
        return found.answer if found and found.until > now else None


def derived_unionid(openid: str) -> str:
    """Return a unionid that is always the same for this openid."""
    return "o" + hashlib.sha256(b"unionid:" + openid.encode()).hexdigest()[:27]
