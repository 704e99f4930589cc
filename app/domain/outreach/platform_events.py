"""What WeChat and WeCom tell us, in one form, whichever way they wrote it.

Field names are those of the platforms' pages on events; known misspellings are read too.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from app.domain.outreach.platform_xml import Fields, NotReadable, read_xml

_LONGEST_ID: Final = 64
_READABLE: Final = frozenset(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True, slots=True)
class PlatformMessage:
    """One decrypted push; `kind` is the event's name, or the type of a person's message."""

    kind: str
    sender: str  # openid or userid; `sys` when the platform itself speaks
    created_at: datetime
    fields: Mapping[str, Any]

    @property
    def message_id(self) -> str | None:
        """The id of a person's message; events have none."""
        return _id(self.fields.get("MsgId"))


@dataclass(frozen=True, slots=True)
class Inbound:
    """A push out of our inbox; `app_key` is our name for the app it was sent to."""

    app_key: str
    message: PlatformMessage
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """That a message arrived, or did not; `outcome` is the platform's word for it."""

    platform_id: str
    is_delivered: bool
    outcome: str
    template_id: str | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionAnswer:
    """What a user said to one template: `accept`, `reject`, or another word of the platform."""

    template_id: str
    answer: str


@dataclass(frozen=True, slots=True)
class CardClick:
    """A button of a WeCom card, pressed; `response_code` updates the card once, for 72 hours.

    `task_id` is what the card was sent with: the public id of its message.
    """

    userid: str
    task_id: str
    key: str
    response_code: str
    agent_id: int
    at: datetime
    selected: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContactAdded:
    """That a WeChat user added a member; `state` is that of the contact way they came by."""

    external_userid: str
    state: str


def read_message(plain: bytes) -> PlatformMessage:
    """Return a decrypted push, XML or JSON.

    :raises NotReadable: neither, or without sender, time or kind
    """
    fields = _read_json(plain) if plain.lstrip()[:1] == b"{" else read_xml(plain)
    kind = _text(fields.get("MsgType"))
    if kind == "event":
        kind = _text(fields.get("Event"))
    sender, created = _id(fields.get("FromUserName")), _text(fields.get("CreateTime"))
    if not sender and kind == "kf_msg_or_event":
        sender = "sys"  # the one event that names no sender
    if not kind or len(kind) > _LONGEST_ID or not sender or not created.isascii():
        raise NotReadable
    try:
        at = datetime.fromtimestamp(int(created), UTC)
    except (ValueError, OverflowError, OSError):
        raise NotReadable from None
    return PlatformMessage(kind, sender, at, fields)


def subscription_receipts(message: PlatformMessage) -> list[Receipt]:
    """Return the results in a `subscribe_msg_sent_event`."""
    return [
        Receipt(
            platform_id,
            is_delivered=_text(entry.get("ErrorCode")) == "0",
            outcome=f"{_text(entry.get('ErrorCode'))} {_text(entry.get('ErrorStatus'))}".strip(),
            template_id=_id(entry.get("TemplateId")),
        )
        for entry in _entries(message, "SubscribeMsgSentEvent")
        if (platform_id := _id(entry.get("MsgID")))
    ]


def template_receipts(message: PlatformMessage) -> list[Receipt]:
    """Return the result in a `TEMPLATESENDJOBFINISH`; its words vary in case and spaces."""
    platform_id = _id(message.fields.get("MsgID"))
    status = _text(message.fields.get("Status")).replace(" ", "").lower()
    return [Receipt(platform_id, status == "success", status)] if platform_id else []


def subscription_answers(message: PlatformMessage) -> list[SubscriptionAnswer]:
    """Return the answers in a popup or settings event."""
    return [
        SubscriptionAnswer(template_id, _answer(entry.get("SubscribeStatusString")))
        for entry in _entries(message, "SubscribeMsgPopupEvent", "SubscribeMsgChangeEvent")
        if (template_id := _id(entry.get("TemplateId")))
    ]


def card_click(message: PlatformMessage) -> CardClick | None:
    """Return the press in a `template_card_event`; None when it says too little."""
    fields = message.fields
    task_id, agent = _id(fields.get("TaskId")), _text(fields.get("AgentID"))
    key, code = _text(fields.get("EventKey")), _text(fields.get("ResponseCode"))
    if not task_id or not key or not agent.isascii() or not agent.isdecimal():
        return None
    selected = _child(fields, "SelectedItems")
    return CardClick(
        message.sender,
        task_id,
        key,
        code,
        int(agent),
        message.created_at,
        {
            _text(item.get("QuestionKey")): _option_ids(item)
            for item in _dicts(selected.get("SelectedItem"))
        },
    )


def contact_added(message: PlatformMessage) -> ContactAdded | None:
    """Return who came by which way in a `change_external_contact`; None for other changes."""
    fields = message.fields
    who, state = _id(fields.get("ExternalUserID")), _id(fields.get("State"))
    if _text(fields.get("ChangeType")) != "add_external_contact" or not who or not state:
        return None
    return ContactAdded(who, state)


def _answer(value: object) -> str:
    answer = _text(value).lower()
    return "accept" if answer == "acceptwithaudio" else answer  # with a spoken reminder


def _option_ids(item: Mapping[str, Any]) -> tuple[str, ...]:
    # The official samples misspell both names.
    options = _child(item, "OptionIds") or _child(item, "OpitonIds")
    ids = options.get("OptionId", options.get("OpitonId", []))
    return tuple(_text(one) for one in (ids if isinstance(ids, list) else [ids]))


def _entries(message: PlatformMessage, *wrappers: str) -> list[Mapping[str, Any]]:
    """Return the `List` entries: XML wraps them, JSON has them at the top."""
    places = [message.fields, *(_child(message.fields, name) for name in wrappers)]
    return [entry for place in places for entry in _dicts(place.get("List"))]


def _dicts(value: object) -> list[Mapping[str, Any]]:
    """Return the objects in `value`: one alone comes without a list around it."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def _child(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    """Return text as it is and numbers as text; JSON callbacks have both."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value).strip()


def _id(value: object) -> str | None:
    text = _text(value)
    return text if 0 < len(text) <= _LONGEST_ID and _READABLE.issuperset(text) else None


def _read_json(plain: bytes) -> Fields:
    try:
        fields = json.loads(plain.decode())
    except (ValueError, RecursionError):
        raise NotReadable from None
    if not isinstance(fields, dict):
        raise NotReadable
    return fields
