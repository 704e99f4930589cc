"""qyapi.weixin.qq.com: mass messages to customers, which a member confirms (企业群发)."""

import calendar
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from standin.checks import Items, Number, Record, Text
from standin.config import Corp
from standin.errors import Refusal
from standin.gateway import Answer, Call, Endpoint
from standin.qyapi import corp_app, visible_member
from standin.standin import Standin
from standin.world import GroupTask

TEXT_BYTES = 4000
UNSENT, SENT, NO_FRIEND, HAD_ENOUGH = 0, 1, 2, 3
CHINA = timedelta(hours=8)

ADD_MSG_TEMPLATE = Record(
    {"chat_type": Text(choices=("single",))},
    {
        "external_userid": Items(Text(least=1), 10_000, 1),
        "sender": Text(),
        "allow_select": Number(least=0, most=1),
        "text": Record({"content": Text()}),
        "attachments": Items(
            Record(
                {"msgtype": Text(choices=("link",))},
                {
                    "link": Record(
                        {"title": Text(least=1, max_bytes=128), "url": Text(least=1)},
                        {"desc": Text(max_bytes=512), "picurl": Text()},
                    )
                },
            ),
            9,
        ),
    },
)
TASK_QUERY = Record({"msgid": Text(least=1)}, {"limit": Number(1, 1000), "cursor": Text()})
CANCEL = Record({"msgid": Text(least=1)})
RESULT_QUERY = Record(
    {"msgid": Text(least=1), "userid": Text(least=1)},
    {"limit": Number(1, 1000), "cursor": Text()},
)


def add_msg_template(standin: Standin, call: Call) -> Answer:
    """Make a task: nobody gets anything before the member confirms it.

    Who is no customer stands in `fail_list`; when that is everyone, 41048. Without `sender` it is
    the member a customer added first: our assumption, the page says who talked last.
    """
    app, body = call.corp_app, call.body
    text = body.get("text", {}).get("content", "")
    if not text.strip() and not body.get("attachments"):
        raise Refusal(40035, "missing: one of body.text, body.attachments")
    if len(text.encode()) > TEXT_BYTES:
        raise Refusal(45002, "content size out of limit")
    if sender := body.get("sender"):
        visible_member(app.corp, sender, app.agent.agentid)
    by_member: dict[str, list[str]] = {}
    failed: list[str] = []
    for named in dict.fromkeys(body.get("external_userid", ())):
        member = _writer(standin, app.corp, named, sender)
        if member is None:
            failed.append(named)
        else:
            by_member.setdefault(member, []).append(named)
    if not by_member:
        raise Refusal(41048, "no customer to send")
    msgid = "msg" + secrets.token_hex(12)
    everyone = {named: UNSENT for customers in by_member.values() for named in customers}
    standin.world.group_tasks[msgid] = GroupTask(
        app.corp.corpid, app.agent.agentid, text, by_member, everyone
    )
    standin.world.ledger.add(
        "group_task",
        app=f"{app.corp.corpid}/{app.agent.agentid}",
        userid=next(iter(by_member)),
        data={"text": text, "attachments": body.get("attachments", [])},
        customers=len(everyone),
        msgid=msgid,
    )
    return {"errcode": 0, "errmsg": "ok", "msgid": msgid, "fail_list": failed}


def _writer(standin: Standin, corp: Corp, named: str, sender: str | None) -> str | None:
    customer = standin.world.customers.get((corp.corpid, named))
    if customer is None:
        return None
    followed = {userid.lower(): userid for userid in customer.follows}
    return followed.get(sender.lower()) if sender else next(iter(customer.follows), None)


def confirm(standin: Standin, corp: Corp, userid: str, msgid: str) -> int | None:
    """Let the member send their part; return to how many it went, None for no such task."""
    task = standin.world.group_tasks.get(msgid)
    if task is None or task.corpid != corp.corpid or userid not in task.customers:
        return None
    if task.is_cancelled or userid in task.sent_at:
        return None
    now, sent = standin.clock.now(), 0
    for named in task.customers[userid]:
        task.results[named] = _deliver(standin, corp, userid, named, now)
        if task.results[named] == SENT:
            sent += 1
            standin.world.ledger.add(
                "group_message", userid=userid, openid=named, data=task.text, msgid=msgid
            )
    task.sent_at[userid] = now
    return sent


def _deliver(standin: Standin, corp: Corp, userid: str, named: str, now: float) -> int:
    customer = standin.world.customers.get((corp.corpid, named))
    if customer is None or userid not in customer.follows:
        return NO_FRIEND
    month = datetime.fromtimestamp(now, UTC) + CHINA
    key = ("group", corp.corpid, named, f"{month:%Y-%m}")
    counted = standin.world.recall(key, now)
    count = counted["count"] if counted else 0
    if count >= calendar.monthrange(month.year, month.month)[1]:
        return HAD_ENOUGH
    standin.world.remember(key, now + 31 * 86_400, {"count": count + 1})
    return SENT


def get_task(standin: Standin, call: Call) -> Answer:
    """get_groupmsg_task: which members have confirmed (2) and which not yet (0)."""
    task = _task(standin, call)
    listed: list[dict[str, Any]] = []
    for userid in task.customers:
        sent_at = task.sent_at.get(userid)
        entry: dict[str, Any] = {"userid": userid, "status": 0 if sent_at is None else 2}
        listed.append(entry | ({} if sent_at is None else {"send_time": int(sent_at)}))
    return {"errcode": 0, "errmsg": "ok", "task_list": listed, "next_cursor": ""}


def get_results(standin: Standin, call: Call) -> Answer:
    """get_groupmsg_send_result: what became of each customer of one member."""
    task, userid = _task(standin, call), call.body["userid"]
    start = int(call.body.get("cursor") or 0)
    limit = int(call.body.get("limit", 500))
    chosen = task.customers.get(userid, [])
    listed = [
        {"external_userid": named, "userid": userid, "status": task.results[named]}
        for named in chosen[start : start + limit]
    ]
    more = str(start + limit) if start + limit < len(chosen) else ""
    return {"errcode": 0, "errmsg": "ok", "send_list": listed, "next_cursor": more}


def cancel(standin: Standin, call: Call) -> Answer:
    """cancel_groupmsg_send: who has not confirmed yet cannot any more."""
    _task(standin, call).is_cancelled = True
    return {"errcode": 0, "errmsg": "ok"}


def _task(standin: Standin, call: Call) -> GroupTask:
    task = standin.world.group_tasks.get(call.body["msgid"])
    if task is None or task.corpid != call.corp_app.corp.corpid:
        raise Refusal(40058, "invalid msgid")
    return task


_PATH = "/cgi-bin/externalcontact/"
ENDPOINTS = (
    Endpoint(
        "qyapi", "POST", f"{_PATH}add_msg_template", add_msg_template, corp_app, ADD_MSG_TEMPLATE
    ),
    Endpoint("qyapi", "POST", f"{_PATH}cancel_groupmsg_send", cancel, corp_app, CANCEL),
    Endpoint("qyapi", "POST", f"{_PATH}get_groupmsg_task", get_task, corp_app, TASK_QUERY),
    Endpoint(
        "qyapi", "POST", f"{_PATH}get_groupmsg_send_result", get_results, corp_app, RESULT_QUERY
    ),
)
