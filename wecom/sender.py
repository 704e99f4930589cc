"""Senders to staff by WeCom: card with buttons, text, and the words that replace the buttons."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from app.domain.outreach.messaging import Accepted, ErrorClass, Failure, Outcome, Outgoing, Sender
from app.integrations.platform_http import CallFailed
from wecom.client import WeComClient

Clients = Mapping[str, WeComClient]  # by app key

# Limits in characters (模板卡片类型), of the text in bytes (发送应用消息).
_TITLE: Final = 36
_DESCRIPTION: Final = 160
_SOURCE: Final = 20
_LINES: Final = 6
_LINE_NAME: Final = 5
_LINE_VALUE: Final = 30
_BUTTONS: Final = 6
_BUTTON: Final = 10
_TEXT_BYTES: Final = 2048
_MOST_USERS: Final = 1000
_BREAKS: Final = " \n，。；：、！？,;"


def card_sender(clients: Clients) -> Sender:
    """Return the sender of cards; the card's task id is the message's public id.

    In `content`, `lines` are `{name, value}` and `buttons` are `{key, text}`.
    """

    def send(client: WeComClient, outgoing: Outgoing) -> Outcome:
        content = outgoing.content
        card = _card(outgoing.public_id, content)
        sent = client.send_message(_userids(content), "template_card", card)
        return Accepted(sent.platform_id, sent.response_code, sent.refused)

    return guarded(clients, send)


def text_sender(clients: Clients) -> Sender:
    """Return the sender of texts.

    Two messages of equal text to the same people within 4 hours are one to WeCom: whoever
    writes the text makes it speak of its own subject.
    """

    def send(client: WeComClient, outgoing: Outgoing) -> Outcome:
        content = outgoing.content
        text = {"content": cut_bytes(content["text"], _TEXT_BYTES)}
        sent = client.send_message(_userids(content), "text", text)
        return Accepted(sent.platform_id, None, sent.refused)

    return guarded(clients, send)


def card_update_sender(clients: Clients) -> Sender:
    """Return the sender of the words that take the place of a card's buttons."""

    def send(client: WeComClient, outgoing: Outgoing) -> Outcome:
        content = outgoing.content
        refused = client.replace_buttons(
            _userids(content), content["response_code"], content["replace_name"]
        )
        return Accepted(refused=refused)

    return guarded(clients, send)


def guarded(clients: Clients, send: Callable[[WeComClient, Outgoing], Outcome]) -> Sender:
    def guarded(outgoing: Outgoing) -> Outcome:
        client = clients.get(outgoing.app_key)
        if client is None:
            return Failure(ErrorClass.OURS)
        try:
            return send(client, outgoing)
        except CallFailed as error:
            return error.failure
        except (KeyError, TypeError, ValueError):
            # A message of another shape than `Outgoing` promises: wrong at every further try.
            return Failure(ErrorClass.CONTENT)

    return guarded


def _userids(content: Mapping[str, Any]) -> list[str]:
    userids = list(content["userids"])
    if not 1 <= len(userids) <= _MOST_USERS or not all(isinstance(one, str) for one in userids):
        raise ValueError("userids")
    return userids


def _card(task_id: str, content: Mapping[str, Any]) -> dict[str, Any]:
    card: dict[str, Any] = {
        "card_type": "button_interaction",
        "source": {"desc": cut(content["source"], _SOURCE)},
        "main_title": {"title": cut(content["title"], _TITLE)},
        "task_id": task_id,
        "button_list": [
            {"text": cut(one["text"], _BUTTON), "style": 2 if at else 1, "key": one["key"]}
            for at, one in enumerate(content["buttons"][:_BUTTONS])
        ],
    }
    if content.get("description"):
        card["sub_title_text"] = cut(content["description"], _DESCRIPTION)
    if content.get("lines"):
        card["horizontal_content_list"] = [
            {"keyname": cut(one["name"], _LINE_NAME), "value": cut(one["value"], _LINE_VALUE)}
            for one in content["lines"][:_LINES]
        ]
    if content.get("url"):
        card["card_action"] = {"type": 1, "url": content["url"]}
    return card


def cut(text: str, limit: int) -> str:
    """Return `text` in at most `limit` characters, ended at a word: half a word can mislead."""
    if len(text) <= limit:
        return text
    kept = text[: limit - 1]
    at = max(kept.rfind(one) for one in _BREAKS)
    return (kept[:at] if at >= limit // 2 else kept) + "…"


def cut_bytes(text: str, limit: int) -> str:
    """Return `text` in at most `limit` bytes of UTF-8, ended at a word."""
    if len(text.encode()) <= limit:
        return text
    fitting = text.encode()[:limit].decode(errors="ignore")
    # One character may be three bytes: leave room for the ellipsis.
    return cut(fitting + text[len(fitting)], len(fitting) - 2)
