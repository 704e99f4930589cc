"""Phones: who opens whose record, the rights to write to them, consents, and past messages."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.database import new_public_id
from app.demo.cast import HOLDERS, MINI_PROGRAM, OFFICIAL_ACCOUNT, TASK_TEMPLATE, TEMPLATES
from app.demo.people import Person, first_id
from app.domain.outreach.messaging import Channel, CommunicationState, Lane, dedupe_key
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.trust.access import Relation
from app.domain.trust.consenting import CURRENT_TEXTS, ConsentPurpose, needs_guardian
from app.models import (
    Communication,
    Consent,
    PatientLink,
    SubscriptionGrant,
    Task,
    WeChatAccount,
)

_RIGHTS: Final = 3
_REMEMBERED: Final = timedelta(days=6)


def add_phones(session: Session, people: Sequence[Person], random: Random, now: datetime) -> None:
    """Write WeChat accounts with their links, rights and consents; most on a plan have one."""
    since = now - timedelta(days=80)
    first = first_id(session, WeChatAccount)
    accounts: list[dict[str, Any]] = []
    links: list[dict[str, Any]] = []
    by_key = {one.subject.key: one for one in people if one.subject is not None}

    def open_account(openid: str, unionid: str, opens: Iterable[tuple[Person, Relation]]) -> None:
        account_id = first + len(accounts)
        accounts.append(_account(account_id, MINI_PROGRAM, openid, unionid, since))
        links.extend(_link(account_id, one, relation, since) for one, relation in opens)

    for holder in HOLDERS:
        opens = [(by_key[subject.key], relation) for subject, relation in holder.opens]
        open_account(holder.openid, holder.unionid, opens)
    for one in people:
        chance = 0.85 if one.discharged is not None else 0.15
        if one.subject is None and random.random() < chance:
            open_account(f"oDemo{one.id:06}", f"uDemo{one.id:06}", [(one, Relation.SELF)])
    patients = {one.id: one for one in people}
    grants = [_grant(one["id"], template, since) for one in accounts for template in TEMPLATES]
    consents = [
        _consent(link, purpose, since)
        for link in links
        for purpose in _purposes(patients[link["patient_id"]], now)
    ]
    for holder in (one for one in HOLDERS if one.is_following):
        follower = _account(
            first + len(accounts),
            OFFICIAL_ACCOUNT,
            f"{holder.openid}Follows",
            holder.unionid,
            since,
        )
        accounts.append(follower | {"is_following": True})
    session.execute(insert(WeChatAccount), accounts)
    session.execute(insert(PatientLink), links)
    session.execute(insert(SubscriptionGrant), grants)
    session.execute(insert(Consent), consents)


def add_past_messages(session: Session, now: datetime) -> None:
    """Write the reminders of the last days, as the phones and the inbox remember them."""
    tasks = session.execute(
        select(Task.id, Task.public_id, Task.patient_id, Task.title, Task.kind, Task.starts_at,
               Task.ends_at, Task.status, WeChatAccount.id.label("account_id"),
               WeChatAccount.openid, PatientLink.id.label("link_id"))
        .join(PatientLink, PatientLink.patient_id == Task.patient_id)
        .join(WeChatAccount, WeChatAccount.id == PatientLink.account_id)
        .where(
            Task.kind.in_(("article", "questionnaire", "revisit")),
            Task.starts_at.between(now - _REMEMBERED * 5, now - timedelta(hours=20)),
        )
        .order_by(Task.starts_at, Task.id)
    ).all()  # fmt: skip
    rows = [row for task in tasks for row in _reminder(task)]
    if rows:
        session.execute(insert(Communication), rows)


def _account(id_: int, app: str, openid: str, unionid: str, since: datetime) -> dict[str, Any]:
    return {
        "id": id_, "public_id": new_public_id(), "app_key": app, "openid": openid,
        "unionid": unionid, "is_following": False, "created_at": since, "last_seen_at": since,
    }  # fmt: skip


def _link(account_id: int, one: Person, relation: Relation, since: datetime) -> dict[str, Any]:
    return {
        "public_id": new_public_id(), "account_id": account_id, "patient_id": one.id,
        "relation": relation, "evidence": "phone-code", "is_live": True, "starts_at": since,
    }  # fmt: skip


def _grant(account_id: int, template_id: str, since: datetime) -> dict[str, Any]:
    return {
        "account_id": account_id, "template_id": template_id, "change": _RIGHTS,
        "reason": "phone", "at": since,
    }  # fmt: skip


def _purposes(one: Person, now: datetime) -> Iterator[ConsentPurpose]:
    yield ConsentPurpose.HEALTH_DATA
    yield ConsentPurpose.MESSAGES
    if needs_guardian(one.birth_on, now.astimezone(HOSPITAL).date()):
        yield ConsentPurpose.GUARDIAN


def _consent(link: dict[str, Any], purpose: ConsentPurpose, at: datetime) -> dict[str, Any]:
    text = CURRENT_TEXTS[purpose]
    return {
        "public_id": new_public_id(), "patient_id": link["patient_id"],
        "account_id": link["account_id"], "purpose": purpose, "is_given": True,
        "text_version": text.version, "text_hash": text.digest, "channel": "mini-program",
        "at": at,
    }  # fmt: skip


def _reminder(task: Any) -> Iterator[dict[str, Any]]:
    at = task.starts_at + timedelta(minutes=1)
    title = "您有一项今日健康任务"
    page = f"pages/task/index?task={task.public_id}"
    opened = at + timedelta(hours=1) if task.status is TaskStatus.COMPLETED else None
    shared = {
        "patient_id": task.patient_id, "task_id": task.id, "kind": "task-reminder",
        "lane": Lane.TRANSACTIONAL, "state": CommunicationState.DELIVERED, "planned_at": at,
        "due_at": at, "sent_at": at, "delivered_at": at, "opened_at": opened,
        "expires_at": task.ends_at, "needs_right": False, "tries": 0,
    }  # fmt: skip
    yield shared | _channel(
        Channel.INBOX, task, f"inbox:{task.patient_id}",
        {"title": title, "text": task.title, "page": page}, {},
    )  # fmt: skip
    yield shared | _channel(
        Channel.SUBSCRIPTION, task, f"{MINI_PROGRAM}:{task.openid}",
        {"openid": task.openid, "template_id": TASK_TEMPLATE, "title": title, "page": page},
        {"account_id": task.account_id, "link_id": task.link_id, "app_key": MINI_PROGRAM,
         "template_id": TASK_TEMPLATE, "tries": 1, "first_called_at": at},
    )  # fmt: skip


def _channel(
    channel: Channel, task: Any, recipient: str, content: dict[str, Any], more: dict[str, Any]
) -> dict[str, Any]:
    public_id = new_public_id()
    text = json.dumps(content, ensure_ascii=False, sort_keys=True)
    nobody = dict.fromkeys(("account_id", "link_id", "app_key", "template_id", "first_called_at"))
    return (
        nobody
        | more
        | {
            "public_id": public_id,
            "dedupe_key": dedupe_key("demo", task.id, channel),
            "channel": channel,
            "content_sealed": Communication.content.seal(
                Communication.__tablename__, public_id, text
            ),
            "recipient_key": recipient,
        }
    )
