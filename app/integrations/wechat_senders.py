"""Senders to patients by WeChat: subscribe message and template message."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.outreach.keywords import misfits
from app.domain.outreach.messaging import Accepted, ErrorClass, Failure, Outcome, Outgoing, Sender
from app.integrations.platform_http import CallFailed
from app.integrations.wechat import MiniProgram, OfficialAccount


@dataclass(frozen=True, slots=True)
class _Notice:
    openid: str
    template_id: str
    page: str | None
    data: Mapping[str, str]


def subscription_sender(programs: Mapping[str, MiniProgram]) -> Sender:
    """Return the sender of subscribe messages; `programs` by app key."""

    def send(outgoing: Outgoing) -> Outcome:
        program, notice = programs.get(outgoing.app_key), _read(outgoing.content)
        if program is None:
            return Failure(ErrorClass.OURS)
        if notice is None:
            return Failure(ErrorClass.CONTENT)
        try:
            msgid = program.send_subscription(
                notice.openid, notice.template_id, notice.page, notice.data
            )
        except CallFailed as error:
            return error.failure
        return Accepted(msgid)

    return send


def template_sender(accounts: Mapping[str, OfficialAccount]) -> Sender:
    """Return the sender of official-account template messages; `accounts` by app key."""

    def send(outgoing: Outgoing) -> Outcome:
        account, notice = accounts.get(outgoing.app_key), _read(outgoing.content)
        if account is None:
            return Failure(ErrorClass.OURS)
        if notice is None:
            return Failure(ErrorClass.CONTENT)
        try:
            msgid = account.send_template(
                notice.openid, notice.template_id, notice.page, notice.data, outgoing.public_id
            )
        except CallFailed as error:
            return error.failure
        return Accepted(msgid)

    return send


def customer_service_sender(programs: Mapping[str, MiniProgram]) -> Sender:
    """Return the sender of customer-service messages; `programs` by app key.

    With a `url` in `content` it is a card that opens it, under `title`, else a text.
    """

    def send(outgoing: Outgoing) -> Outcome:
        program, content = programs.get(outgoing.app_key), outgoing.content
        if program is None:
            return Failure(ErrorClass.OURS)
        openid, text = content.get("openid"), content.get("text")
        if not isinstance(openid, str) or not isinstance(text, str) or not text.strip():
            return Failure(ErrorClass.CONTENT)
        msgtype, parts = "text", {"content": text}
        if content.get("url"):
            url, title = str(content["url"]), str(content.get("title", text))
            msgtype, parts = "link", {"title": title, "description": text, "url": url}
        try:
            program.send_customer_service(openid, msgtype, parts)
        except CallFailed as error:
            return error.failure
        return Accepted()

    return send


def _read(content: Mapping[str, Any]) -> _Notice | None:
    """Return the message; None when something is missing, or the platform would refuse it."""
    openid, template_id = content.get("openid"), content.get("template_id")
    page, data = content.get("page"), content.get("data")
    is_whole = (
        isinstance(openid, str)
        and isinstance(template_id, str)
        and isinstance(page, str | None)
        and isinstance(data, dict)
        and all(isinstance(text, str) for text in data.values())
    )
    if not is_whole or misfits(data):  # type: ignore[arg-type]  # shown above
        return None
    return _Notice(openid, template_id, page, data)  # type: ignore[arg-type]
