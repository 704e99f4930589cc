"""Mass messages to customers (企业群发): made as a task, confirmed by a member, asked after."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.domain.outreach.messaging import Accepted, ErrorClass, Failure, Outcome, Outgoing, Sender
from app.domain.outreach.receipts import Answered, Inquirer, Inquiry
from app.integrations.platform_http import CallFailed
from wecom.client import WeComClient
from wecom.sender import guarded

_MOST_CUSTOMERS: Final = 10_000
_SENT: Final = 1
_REFUSALS: Final = {2: "no friend any more", 3: "had enough this month"}


def group_task_sender(clients: Mapping[str, WeComClient]) -> Sender:
    """Return the sender of mass messages; taken means that a member may confirm it, no more."""

    def send(client: WeComClient, outgoing: Outgoing) -> Outcome:
        content = outgoing.content
        customers = list(content["external_userids"])
        text, sender = content["text"], content["userid"]
        is_whole = (
            1 <= len(customers) <= _MOST_CUSTOMERS
            and all(isinstance(one, str) for one in (*customers, text, sender))
            and text.strip()
        )
        if not is_whole:
            return Failure(ErrorClass.CONTENT)
        msgid, failed = client.add_group_task(sender, customers, text, _link(content))
        return Accepted(msgid, refused=failed)

    return guarded(clients, send)


def _link(content: Mapping[str, Any]) -> dict[str, str]:
    if not content.get("url"):
        return {}
    return {"title": str(content.get("title") or content["text"])[:40], "url": str(content["url"])}


def group_task_inquirer(clients: Mapping[str, WeComClient]) -> Inquirer:
    """Return what asks WeCom whether a member confirmed, and what became of each customer."""

    def ask(inquiries: Sequence[Inquiry]) -> list[Answered | None]:
        return [_ask(clients.get(one.app_key), one) for one in inquiries]

    return ask


def _ask(client: WeComClient | None, inquiry: Inquiry) -> Answered | None:
    if client is None or inquiry.sender is None:
        return None
    try:
        if inquiry.is_over:
            _cancel(client, inquiry.platform_id)
        statuses = client.group_task_results(inquiry.platform_id, inquiry.sender)
    except CallFailed:
        return None
    return Answered(
        frozenset(who for who, status in statuses.items() if status == _SENT),
        {who: _REFUSALS[status] for who, status in statuses.items() if status in _REFUSALS},
    )


def _cancel(client: WeComClient, task_id: str) -> None:
    """Keep a task from being confirmed; one that cannot be cancelled any more is fine.

    :raises CallFailed: WeCom did not answer, so a member may still confirm it
    """
    try:
        client.cancel_group_task(task_id)
    except CallFailed as error:
        if error.failure.errcode is None:
            raise
