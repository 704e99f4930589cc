"""The channels' contracts: whom each reaches, what it carries, and what its platform promises.

One table for choosing a channel, repeating a call, waiting for a receipt and writing the text.
Numbers are the platforms' published ones (title of the page in `source`), what is carried is what
our adapter sends.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from app.domain.outreach.messaging import Channel, ErrorClass, Platform, classify


class Audience(StrEnum):
    PATIENT = "patient"
    STAFF = "staff"


class Need(StrEnum):
    """What must hold of a person before this channel reaches them."""

    ACCOUNT = "account"  # came to our mini-program
    RIGHT = "right"  # one right in the ledger for one message
    ACCEPTED = "accepted"  # said yes once for all of a long-term template
    FOLLOWS = "follows"  # follows the official account
    OPENID = "openid"  # known to the mini-program or to the official account
    WINDOW = "window"  # wrote to us or tapped within the last 48 hours
    CONTACT = "contact"  # a bound customer contact of a member
    PHONE = "phone"
    MEMBER = "member"  # sees our WeCom application
    RESPONSE_CODE = "response-code"  # of a card, not used yet and under 72 hours old


class Form(StrEnum):
    """What a message by this channel is made of."""

    NOTICE = "notice"  # title and text of any length
    KEYWORDS = "keywords"  # a template's typed keywords
    FIELDS = "fields"  # the platform's own fields for one status
    TEXT = "text"
    CARD = "card"
    PARAMETERS = "parameters"  # of the provider's template


class Unit(StrEnum):
    CHARACTERS = "characters"
    BYTES = "bytes"  # of UTF-8


@dataclass(frozen=True, slots=True)
class Carries:
    """What a message may hold; `longest` of its text, None where each field has its own limit."""

    form: Form
    longest: int | None = None
    unit: Unit = Unit.CHARACTERS
    has_page: bool = False  # opens a page of the mini-program
    has_url: bool = False
    buttons: int = 0
    recipients: int = 1  # in one call


class Per(StrEnum):
    ACCOUNT = "account"  # the app, over all its recipients
    SEAT = "seat"  # each member the corporation's licence allows
    PERSON = "person"
    WINDOW = "window"  # what one act of the person opened


class Excess(StrEnum):
    """What the platform does with the message too many."""

    REFUSED = "refused"  # with an error code
    DROPPED = "dropped"  # without a word


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `most` messages `per` whom within a time."""

    most: int
    per: Per
    within: timedelta
    source: str
    excess: Excess = Excess.REFUSED


class Idempotency(StrEnum):
    AT_MOST_ONCE = "at-most-once"  # no key: a repeat may be a second message
    WITHIN = "within"  # a repeat is dropped for a while
    KEY = "key"  # a repeat of our key is dropped for as long as we should want it


class OnAmbiguity(StrEnum):
    """What to do when a call broke off after its first byte."""

    WAIT = "wait"  # at most once: unknown until a receipt says
    RESEND = "resend"  # the platform drops repeats for a while


@dataclass(frozen=True, slots=True)
class DeliveryRule:
    """How one channel may be repeated; `resend_for` counts from the first try."""

    on_ambiguity: OnAmbiguity
    resend_for: timedelta


class Receipt(StrEnum):
    """How we learn what became of a message that was taken."""

    EVENT = "event"  # the platform pushes it
    QUERY = "query"  # we ask by the message's id
    NONE = "none"  # never: taken is all we shall know


@dataclass(frozen=True, slots=True)
class Contract:
    """One channel. `error_codes` are those its page lists; `resend_for` from the first try.

    `cost_fen` is of one message of one part. `is_on_lock_screen`: the text may be read by whoever
    holds the phone.
    """

    audience: Audience
    needs: frozenset[Need]
    carries: Carries
    quotas: tuple[Quota, ...]
    idempotency: Idempotency
    receipt: Receipt
    is_on_lock_screen: bool
    resend_for: timedelta = timedelta()
    platform: Platform | None = None
    error_codes: frozenset[int] = frozenset()
    cost_fen: int = 0

    @property
    def delivery(self) -> DeliveryRule:
        if self.idempotency is Idempotency.AT_MOST_ONCE:
            return DeliveryRule(OnAmbiguity.WAIT, timedelta())
        return DeliveryRule(OnAmbiguity.RESEND, self.resend_for)

    @property
    def errors(self) -> Mapping[int, ErrorClass]:
        """What each code of its page means for the message it answered."""
        if self.platform is None:
            return {}
        return {code: classify(self.platform, code) for code in self.error_codes}


class Opener(StrEnum):
    """What a person did that lets the customer service write to them."""

    MESSAGE = "message"
    ENTER = "enter"


_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_TOKEN_CODES: Final = frozenset({40001, 40014, 42001})
_WECHAT_CODES: Final = _TOKEN_CODES | {-1, 40003, 40013, 40125, 40164, 45009, 45011, 48001}
_WECOM_CODES: Final = _TOKEN_CODES | {-1, 40013, 40033, 45009, 45033, 48002, 60020, 60011}

SERVICE_WINDOWS: Final[Mapping[Opener, Quota]] = MappingProxyType(
    {
        Opener.MESSAGE: Quota(5, Per.WINDOW, timedelta(hours=48), "客服消息: 用户发送消息"),
        Opener.ENTER: Quota(2, Per.WINDOW, _MINUTE, "客服消息: 进入会话"),
    }
)

_MESSAGE_TO_STAFF: Final = Contract(
    audience=Audience.STAFF,
    needs=frozenset({Need.MEMBER}),
    carries=Carries(Form.TEXT, 2048, Unit.BYTES, recipients=1000),
    quotas=(
        Quota(200, Per.SEAT, _DAY, "访问频率限制: 账号上限数 x 200 人次/天"),
        Quota(30, Per.PERSON, _MINUTE, "访问频率限制", Excess.DROPPED),
        Quota(1000, Per.PERSON, _HOUR, "访问频率限制", Excess.DROPPED),
    ),
    # `enable_duplicate_check` over byte-identical bodies for 4 hours (发送应用消息).
    idempotency=Idempotency.WITHIN,
    resend_for=timedelta(hours=3, minutes=59),
    receipt=Receipt.NONE,
    is_on_lock_screen=True,
    platform=Platform.WECOM,
    error_codes=_WECOM_CODES
    | {40035, 40056, 40058, 44004, 45002, 48004, 50003, 60111, 81013, 82001, 301002},
)

_ONE_TIME: Final = Contract(
    audience=Audience.PATIENT,
    needs=frozenset({Need.ACCOUNT, Need.RIGHT}),
    carries=Carries(Form.KEYWORDS, has_page=True),
    # To a person, as many as the ledger has rights (小程序订阅消息: 一次授权, 一条消息).
    quotas=(Quota(10_000_000, Per.ACCOUNT, _DAY, "发送订阅消息"),),
    # No key, and a right is spent.
    idempotency=Idempotency.AT_MOST_ONCE,
    receipt=Receipt.EVENT,
    is_on_lock_screen=True,
    platform=Platform.WECHAT,
    error_codes=_WECHAT_CODES | {40037, 41030, 43101, 43107, 43108, 43116, 45168, 47003},
)

CONTRACTS: Final[Mapping[Channel, Contract]] = MappingProxyType(
    {
        Channel.INBOX: Contract(
            audience=Audience.PATIENT,
            needs=frozenset(),
            carries=Carries(Form.NOTICE, has_page=True),
            quotas=(),
            idempotency=Idempotency.KEY,
            resend_for=timedelta(days=7),
            receipt=Receipt.NONE,
            is_on_lock_screen=False,
        ),
        Channel.SUBSCRIPTION: _ONE_TIME,
        Channel.MEDICAL_ASSISTANT: Contract(
            audience=Audience.PATIENT,
            needs=frozenset({Need.OPENID}),
            carries=Carries(Form.FIELDS, has_page=True),
            quotas=(),  # its page names none
            # `msg_id` is unique for a user and an order: no second effect, however late.
            idempotency=Idempotency.KEY,
            resend_for=_DAY,
            receipt=Receipt.NONE,
            is_on_lock_screen=True,
            platform=Platform.WECHAT,
            error_codes=_WECHAT_CODES | {47001},
        ),
        Channel.TEMPLATE: Contract(
            audience=Audience.PATIENT,
            needs=frozenset({Need.FOLLOWS}),
            carries=Carries(Form.KEYWORDS, has_page=True),
            quotas=(Quota(100_000, Per.ACCOUNT, _DAY, "模板消息运营规范"),),
            # `client_msg_id` is honoured for 10 minutes: the last repeat leaves before.
            idempotency=Idempotency.WITHIN,
            resend_for=timedelta(minutes=9),
            receipt=Receipt.EVENT,
            is_on_lock_screen=True,
            platform=Platform.WECHAT,
            error_codes=_WECHAT_CODES | {40037, 40165, 43004, 43101, 43116, 47003},
        ),
        Channel.CUSTOMER_SERVICE: Contract(
            audience=Audience.PATIENT,
            needs=frozenset({Need.ACCOUNT, Need.WINDOW}),
            carries=Carries(Form.TEXT, 2048, Unit.BYTES, has_url=True),
            quotas=tuple(SERVICE_WINDOWS.values()),
            idempotency=Idempotency.AT_MOST_ONCE,
            receipt=Receipt.NONE,
            is_on_lock_screen=True,
            platform=Platform.WECHAT,
            error_codes=_WECHAT_CODES | {45015, 45047, 45002, 87014},
        ),
        Channel.WECOM_GROUP_TASK: Contract(
            audience=Audience.PATIENT,
            needs=frozenset({Need.CONTACT}),
            carries=Carries(Form.TEXT, 4000, Unit.BYTES, has_url=True, recipients=10_000),
            # As many as the month has days, over everyone who writes to this customer.
            quotas=(Quota(28, Per.PERSON, timedelta(days=28), "企业群发: 每月按天数"),),
            # A repeat would be a second task for the member.
            idempotency=Idempotency.AT_MOST_ONCE,
            receipt=Receipt.QUERY,
            is_on_lock_screen=True,
            platform=Platform.WECOM,
            error_codes=_WECOM_CODES | {40035, 40058, 40096, 41048, 84061, 84074},
        ),
        Channel.SMS: Contract(
            audience=Audience.PATIENT,
            needs=frozenset({Need.PHONE}),
            carries=Carries(Form.PARAMETERS, 70),
            quotas=(),  # the provider's agreement with the hospital
            # Our own key; a code that comes later than this is of no use.
            idempotency=Idempotency.KEY,
            resend_for=timedelta(minutes=5),
            receipt=Receipt.QUERY,
            is_on_lock_screen=True,
            platform=Platform.SMS,
            error_codes=frozenset({400, 401, 403, 422, 429}),
            cost_fen=5,
        ),
        Channel.WECOM_CARD: replace(
            _MESSAGE_TO_STAFF,
            carries=Carries(Form.CARD, 160, has_url=True, buttons=6, recipients=1000),
        ),
        Channel.WECOM_TEXT: _MESSAGE_TO_STAFF,
        Channel.WECOM_CARD_UPDATE: replace(
            _MESSAGE_TO_STAFF,
            needs=frozenset({Need.RESPONSE_CODE}),
            carries=Carries(Form.TEXT, recipients=1000),
            quotas=(Quota(1, Per.WINDOW, timedelta(hours=72), "更新模版卡片消息: 一码一次"),),
            # A response code works once: a second try would be refused, not repeated.
            idempotency=Idempotency.AT_MOST_ONCE,
            resend_for=timedelta(),
            is_on_lock_screen=False,  # it changes a card in place
        ),
    }
)

# 长期订阅: one yes, many messages, for medical institutions; else as the one-time message.
LONG_TERM_SUBSCRIPTION: Final = replace(_ONE_TIME, needs=frozenset({Need.ACCOUNT, Need.ACCEPTED}))

DELIVERY: Final[Mapping[Channel, DeliveryRule]] = MappingProxyType(
    {channel: contract.delivery for channel, contract in CONTRACTS.items()}
)
TO_PATIENTS: Final = tuple(
    channel for channel, contract in CONTRACTS.items() if contract.audience is Audience.PATIENT
)


def contract_of(channel: Channel, *, is_long_term: bool = False) -> Contract:
    """Return the contract of a channel; of subscription messages, that of the template's kind."""
    if is_long_term and channel is Channel.SUBSCRIPTION:
        return LONG_TERM_SUBSCRIPTION
    return CONTRACTS[channel]


def quota_of(channel: Channel, per: Per, within: timedelta) -> int | None:
    """Return how many messages a channel lets through per whom within a time; None: unsaid."""
    found = (one for one in CONTRACTS[channel].quotas if (one.per, one.within) == (per, within))
    return next((one.most for one in found), None)


def day_quota(channel: Channel, seats: int) -> int | None:
    """Return how many messages a day one app may send; None where no platform says.

    `seats` are the members of the corporation that we know, which are fewer than its limit.
    """
    by_seat = quota_of(channel, Per.SEAT, _DAY)
    return quota_of(channel, Per.ACCOUNT, _DAY) if by_seat is None else seats * by_seat


# Whose messages are counted by the persons they go to, one call to several counting for each.
BY_PERSON: Final = tuple(one for one in CONTRACTS if quota_of(one, Per.SEAT, _DAY) is not None)
