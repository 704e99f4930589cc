"""Messages to people: channels, delivery states, and what a platform's refusal means.

States and error classes follow our delivery semantics; the codes are those of the platforms'
own lists (微信公众平台/小程序 全局返回码, 企业微信 全局错误码).
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final


class Channel(StrEnum):
    INBOX = "inbox"  # the list inside the mini-program: always
    SUBSCRIPTION = "subscription"  # 小程序订阅消息
    TEMPLATE = "template"  # 公众号模板消息
    SMS = "sms"
    WECOM_CARD = "wecom-card"  # 企业微信模板卡片
    WECOM_TEXT = "wecom-text"
    WECOM_CARD_UPDATE = "wecom-card-update"


@dataclass(frozen=True, slots=True)
class Route:
    """Where messages go: by one channel through one app of ours."""

    channel: Channel
    app_key: str


class Lane(StrEnum):
    """What goes first when much is due."""

    CLINICAL = "1-clinical"
    TRANSACTIONAL = "2-transactional"
    BULK = "3-bulk"


# Alerts of one patient within it call the same people once.
STORM_WINDOW: Final = timedelta(minutes=10)


class CommunicationState(StrEnum):
    QUEUED = "queued"
    CLAIMED = "claimed"
    CALLING = "calling"
    HELD = "held"
    UNKNOWN = "unknown"
    SENT = "sent"
    DELIVERED = "delivered"
    REFUSED = "refused"
    DEAD = "dead"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


FINAL: Final = frozenset(
    {
        CommunicationState.DELIVERED,
        CommunicationState.REFUSED,
        CommunicationState.DEAD,
        CommunicationState.CANCELLED,
        CommunicationState.EXPIRED,
    }
)

_NEXT: Final[dict[CommunicationState, frozenset[CommunicationState]]] = {
    CommunicationState.QUEUED: frozenset(
        {
            CommunicationState.CLAIMED,
            CommunicationState.HELD,
            CommunicationState.CANCELLED,
            CommunicationState.EXPIRED,
        }
    ),
    # Before a call is made: its right may be gone, or a repeat no longer safe.
    CommunicationState.CLAIMED: frozenset(
        {
            CommunicationState.CALLING,
            CommunicationState.QUEUED,
            CommunicationState.HELD,
            CommunicationState.UNKNOWN,
            CommunicationState.REFUSED,
            CommunicationState.CANCELLED,
            CommunicationState.EXPIRED,
        }
    ),
    CommunicationState.CALLING: frozenset(
        {
            CommunicationState.SENT,
            CommunicationState.DELIVERED,
            CommunicationState.QUEUED,
            CommunicationState.HELD,
            CommunicationState.UNKNOWN,
            CommunicationState.REFUSED,
            CommunicationState.DEAD,
        }
    ),
    CommunicationState.HELD: frozenset(
        {CommunicationState.QUEUED, CommunicationState.CANCELLED, CommunicationState.EXPIRED}
    ),
    CommunicationState.UNKNOWN: frozenset(
        {
            CommunicationState.QUEUED,
            CommunicationState.SENT,
            CommunicationState.DELIVERED,
            CommunicationState.REFUSED,
            CommunicationState.DEAD,
        }
    ),
    # A platform that took a message may still say that it did not arrive.
    CommunicationState.SENT: frozenset({CommunicationState.DELIVERED, CommunicationState.REFUSED}),
}


def may_become(state: CommunicationState, after: CommunicationState) -> bool:
    """Return whether a message may go from `state` to `after`; final states never move.

    A person alone may have a dead letter sent again, or cancel it.
    """
    return after in _NEXT.get(state, frozenset())


class OnAmbiguity(StrEnum):
    """What to do when a call broke off after its first byte."""

    WAIT = "wait"  # at most once: unknown until a receipt says
    RESEND = "resend"  # the platform drops repeats for a while


@dataclass(frozen=True, slots=True)
class DeliveryRule:
    """How one channel may be repeated; `resend_for` counts from the first try."""

    on_ambiguity: OnAmbiguity
    resend_for: timedelta


DELIVERY: Final = {
    Channel.INBOX: DeliveryRule(OnAmbiguity.RESEND, timedelta(days=7)),
    # No idempotency key, and a right is spent.
    Channel.SUBSCRIPTION: DeliveryRule(OnAmbiguity.WAIT, timedelta()),
    # `client_msg_id` is honoured for 10 minutes.
    Channel.TEMPLATE: DeliveryRule(OnAmbiguity.RESEND, timedelta(minutes=9)),
    # The provider drops repeats of our idempotency key within the life of a code.
    Channel.SMS: DeliveryRule(OnAmbiguity.RESEND, timedelta(minutes=5)),
    # `enable_duplicate_check` over byte-identical bodies for 4 hours.
    Channel.WECOM_CARD: DeliveryRule(OnAmbiguity.RESEND, timedelta(hours=4)),
    Channel.WECOM_TEXT: DeliveryRule(OnAmbiguity.RESEND, timedelta(hours=4)),
    # A response code works once: a second try would be refused, not repeated.
    Channel.WECOM_CARD_UPDATE: DeliveryRule(OnAmbiguity.WAIT, timedelta()),
}


class ErrorClass(StrEnum):
    NOT_SENT = "not-sent"  # nothing left this machine
    AMBIGUOUS = "ambiguous"  # bytes left, no answer came
    TOKEN = "token"  # noqa: S105
    BUSY = "busy"
    PERSON_BUSY = "person-busy"
    RATE = "rate"
    QUOTA = "quota"
    RECIPIENT = "recipient"  # gone, refused, not following
    WINDOW = "window"
    CONTENT = "content"
    OURS = "ours"  # our fault, or a ban: hold and page
    DUPLICATE = "duplicate"  # already sent: success
    OTHER = "other"


class Platform(StrEnum):
    WECHAT = "wechat"
    WECOM = "wecom"
    SMS = "sms"


_CODES: Final[dict[ErrorClass, frozenset[int]]] = {
    ErrorClass.TOKEN: frozenset({40014, 42001}),
    ErrorClass.BUSY: frozenset({-1, 45033}),
    ErrorClass.PERSON_BUSY: frozenset({43108}),
    ErrorClass.RATE: frozenset({45011}),
    ErrorClass.QUOTA: frozenset({45009}),
    ErrorClass.RECIPIENT: frozenset({43101, 40003, 43004, 60111, 81013, 82001, 84061, 46004}),
    ErrorClass.WINDOW: frozenset({45015, 45047}),
    ErrorClass.CONTENT: frozenset(
        {47001, 47003, 40037, 41030, 45168, 87014, 40058, 40033, 40035, 45002, 44004}
    ),
    ErrorClass.OURS: frozenset(
        {40013, 40125, 40164, 60020, 48001, 48004, 43107, 50002, 50003, 301002, 40056, 60011}
    ),
    ErrorClass.DUPLICATE: frozenset({45065}),
}


def classify(platform: Platform, errcode: int) -> ErrorClass:
    """Return what `errcode` of `platform` means for the message it answered."""
    if errcode == 40001:
        # WeCom: wrong secret, a new token would not help. WeChat: an old token.
        return ErrorClass.OURS if platform is Platform.WECOM else ErrorClass.TOKEN
    if errcode == 48002:
        return ErrorClass.OURS if platform is Platform.WECOM else ErrorClass.RECIPIENT
    return next((kind for kind, codes in _CODES.items() if errcode in codes), ErrorClass.OTHER)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a message was not taken; `errcode` is the platform's, when it answered."""

    error_class: ErrorClass
    errcode: int | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The platform took the message; `response_code` updates an interactive card once.

    `refused` are the recipients it left out (WeCom `invaliduser`).
    """

    platform_id: str | None = None
    response_code: str | None = None
    refused: tuple[str, ...] = ()


Outcome = Accepted | Failure


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message as a channel's sender gets it; `content` was frozen when it was queued.

    `lines` are `{name, value}`, `buttons` `{key, text}`. Shapes of `content`:
    subscription and template `{openid, template_id, page, data}`;
    sms `{phone, template, params}`; wecom-card `{userids, title, description, lines, url,
    buttons, source}`; wecom-text `{userids, text}`; wecom-card-update `{userids, replace_name,
    response_code}`.
    """

    public_id: str  # the idempotency key, where the platform has one
    channel: Channel
    app_key: str
    content: Mapping[str, Any]


# A sender never raises: what went wrong is an outcome.
Sender = Callable[[Outgoing], Outcome]


@dataclass(frozen=True, slots=True)
class PatientTemplate:
    """A template at WeChat for one purpose; `data` maps its keywords to placeholders of ours."""

    template_id: str
    data: Mapping[str, str]
    is_long_term: bool = False


@dataclass(frozen=True, slots=True)
class Outlets:
    """By which apps and templates this hospital reaches people; wired from the settings."""

    mini_program: str | None = None  # app key
    official_account: str | None = None
    staff_app: str | None = None
    sms: bool = False
    subscriptions: Mapping[str, PatientTemplate] = field(default_factory=dict)  # by purpose
    templates: Mapping[str, PatientTemplate] = field(default_factory=dict)
    public_url: str = ""


_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


def fill(data: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Return each keyword's text with `{name}` replaced; text of people is never a template.

    :raises KeyError: the template asks for what this message does not have
    """
    return {
        keyword: _PLACEHOLDER.sub(lambda found: values[found.group(1)], text)
        for keyword, text in data.items()
    }


def dedupe_key(*parts: object) -> bytes:
    """Return the name of one message: kind, subject, event or version, channel, recipient."""
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
