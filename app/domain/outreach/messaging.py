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

from app.domain.outreach.decency import Rules


class Channel(StrEnum):
    INBOX = "inbox"  # the list inside the mini-program: always
    SUBSCRIPTION = "subscription"  # 小程序订阅消息
    TEMPLATE = "template"  # 公众号模板消息
    MEDICAL_ASSISTANT = "medical-assistant"  # 就医助手
    CUSTOMER_SERVICE = "customer-service"  # 小程序客服消息
    WECOM_GROUP_TASK = "wecom-group-task"  # 企业微信客户群发任务
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
    ErrorClass.BUSY: frozenset({-1}),
    ErrorClass.PERSON_BUSY: frozenset({43108}),
    ErrorClass.RATE: frozenset({45011, 45033}),
    ErrorClass.QUOTA: frozenset({45009}),
    ErrorClass.RECIPIENT: frozenset(
        {43101, 40003, 43004, 60111, 81013, 82001, 84061, 46004, 40096, 41048}
    ),
    ErrorClass.WINDOW: frozenset({45015, 45047}),
    ErrorClass.CONTENT: frozenset(
        {47001, 47003, 40037, 41030, 45168, 87014, 40058, 40033, 40035, 45002, 44004}
        | {40097, 40165}
    ),
    ErrorClass.OURS: frozenset(
        {40013, 40125, 40164, 60020, 48001, 48004, 43107, 50002, 50003, 301002, 40056, 60011}
        | {40091, 40243, 43116, 50007, 84074}
    ),
    ErrorClass.DUPLICATE: frozenset({45065}),
}


# The HTTP status a provider answers with: 400 is the message, 401 and 403 are our key.
_SMS_STATUSES: Final = {
    400: ErrorClass.CONTENT,
    401: ErrorClass.OURS,
    403: ErrorClass.OURS,
    422: ErrorClass.CONTENT,
    429: ErrorClass.BUSY,
}
# 45009 ends a day's quota, or a minute's or an hour's, and only its text says which.
_SHORT_LIMIT: Final = re.compile(r"minute|hour|分钟|小时", re.IGNORECASE)


def classify(platform: Platform, errcode: int, errmsg: str = "") -> ErrorClass:
    """Return what `errcode` of `platform` means for the message it answered."""
    if platform is Platform.SMS:
        return _SMS_STATUSES.get(errcode, ErrorClass.OTHER)
    if errcode == 40001:
        # WeCom: wrong secret, a new token would not help. WeChat: an old token.
        return ErrorClass.OURS if platform is Platform.WECOM else ErrorClass.TOKEN
    if errcode == 48002:
        return ErrorClass.OURS if platform is Platform.WECOM else ErrorClass.RECIPIENT
    if errcode == 45009 and _SHORT_LIMIT.search(errmsg):
        return ErrorClass.RATE
    return next((kind for kind, codes in _CODES.items() if errcode in codes), ErrorClass.OTHER)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a message was not taken; `errcode` is the platform's, when it answered."""

    error_class: ErrorClass
    errcode: int | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The platform took the message; `response_code` updates an interactive card once.

    With `is_delivered` it has arrived already, and no receipt will come. `refused` are the
    recipients it left out (WeCom `invaliduser`).
    """

    platform_id: str | None = None
    response_code: str | None = None
    refused: tuple[str, ...] = ()
    is_delivered: bool = False


Outcome = Accepted | Failure


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message as a channel's sender gets it; `content` was frozen when it was queued.

    `lines` are `{name, value}`, `buttons` `{key, text}`. Shapes of `content`:
    subscription and template `{openid, template_id, page, data}`;
    medical-assistant `{openid, status, order_id, fields, page}`;
    wecom-group-task `{userid, external_userids, text}` and, to open something, `{title, url}`;
    customer-service `{openid, text}` and, to open something, `{title, url}`;
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


# What nearly every status of 就医助手 asks for; a scene whose status does not says so.
USUALLY_REQUIRED: Final = frozenset({"pat_name", "pat_hospital_id", "department_name"})


@dataclass(frozen=True, slots=True)
class MedicalScene:
    """How one purpose of ours is said by 就医助手.

    `fields` are the platform's, spelt as its list spells them, with our placeholders; `opens_page`
    makes the message open the notice's page of the mini-program.
    """

    status: int
    fields: Mapping[str, str]
    required: frozenset[str] = USUALLY_REQUIRED
    opens_page: bool = True


@dataclass(frozen=True, slots=True)
class Outlets:
    """By which apps and templates this hospital reaches people; wired from the settings."""

    mini_program: str | None = None  # app key
    official_account: str | None = None
    staff_app: str | None = None
    sms: bool = False  # a gateway is there
    subscriptions: Mapping[str, PatientTemplate] = field(default_factory=dict)  # by purpose
    templates: Mapping[str, PatientTemplate] = field(default_factory=dict)
    medical_scenes: Mapping[str, MedicalScene] = field(default_factory=dict)
    # Kinds of messages that know what 就医助手 asks for: the visit, and the fields of its scene.
    assistant_kinds: frozenset[str] = frozenset()
    customer_service: bool = False
    group_tasks: bool = False
    texts: Mapping[str, str] = field(default_factory=dict)  # kind → the SMS provider's template
    sms_price: int = 0  # fen
    public_url: str = ""
    rules: Rules = field(default_factory=Rules)

    @property
    def costs(self) -> Mapping[Channel, int]:
        """What one message costs, in fen; a free SMS is still the last resort."""
        return {Channel.SMS: max(1, self.sms_price)}

    def serving(self, kind: str) -> frozenset[Channel]:
        """Return the channels by which a message of this kind could go to a patient."""
        has = {
            Channel.SUBSCRIPTION: self.mini_program is not None and kind in self.subscriptions,
            Channel.TEMPLATE: self.official_account is not None and kind in self.templates,
            Channel.MEDICAL_ASSISTANT: kind in self.assistant_kinds,
            Channel.CUSTOMER_SERVICE: self.customer_service,
            Channel.WECOM_GROUP_TASK: self.group_tasks,
            Channel.SMS: self.sms and kind in self.texts,
        }
        return frozenset(channel for channel, is_served in has.items() if is_served)


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
