"""api.weixin.qq.com: messages of 就医助手, the hospital messages of the city services."""

from typing import Any

from standin.checks import Anything, Number, Record, Table, Text, problem
from standin.config import MiniProgram, OfficialAccount
from standin.errors import Refusal
from standin.gateway import Answer, Call, Endpoint
from standin.standin import Standin
from standin.weixin import official_account
from standin.weixin_messages import check_page, spend_call
from standin.world import Phone

BUSINESS_ID = 150
# Our assumption: the page says `msg_id` is unique, not for how long.
REMEMBERED_SECONDS = 30 * 24 * 3600
REDIRECT = Record(
    {"page_type": Text(choices=("web", "mini_program"))},
    {"url": Text(least=1), "app_id": Text(least=1), "fullpath": Text(least=1)},
)
SEND_CHANNEL = Record(
    {
        "status": Number(),
        "open_id": Text(least=1),
        "order_id": Text(least=1, max_bytes=64),
        "msg_id": Text(least=1, max_bytes=64),
        "app_id": Text(least=1),
        "business_id": Number(),
    },
    {"business_info": Table(Anything())},
)


def send_channel(standin: Standin, call: Call) -> Answer:
    """cityservice/sendchannelmsg: no subscription and no follower is asked for.

    A repeated `msg_id` of the same user and order answers 0 and has no second effect; an unknown
    status and a missing field answer 47001: our assumptions, the page gives no codes.
    """
    account, body = call.account, call.body
    assert isinstance(account, OfficialAccount)
    if not account.medical_statuses:
        raise Refusal(48001, "api unauthorized")
    if body["app_id"] != account.appid:
        raise Refusal(40013, "invalid app_id")
    if body["business_id"] != BUSINESS_ID:
        raise Refusal(47001, "invalid business_id")
    phone = _phone(standin, body["open_id"])
    fields, redirect = _info(standin, call)
    names = account.medical_statuses.get(str(body["status"]))
    if names is None:
        raise Refusal(47001, "unknown status")
    for name in names:
        if not str(fields.get(name, "")).strip():
            raise Refusal(47001, f"business_info.{name} is empty")
    key = ("medical", phone.openid, body["order_id"], body["msg_id"])
    if answer := standin.world.recall(key, call.now):
        return answer
    spend_call(standin, account, "medical", call.now)
    standin.world.ledger.add(
        "medical_message",
        app=account.appid,
        openid=phone.openid,
        status=body["status"],
        order_id=body["order_id"],
        msgid=body["msg_id"],
        data=fields,
        redirect=redirect,
    )
    answer = {"errcode": 0, "errmsg": "ok"}
    standin.world.remember(key, call.now + REMEMBERED_SECONDS, answer)
    return answer


def _phone(standin: Standin, openid: str) -> Phone:
    """Return the user, of the account itself or of a mini-program of the same subject."""
    phone = standin.world.phones.get(openid)
    if phone is None:
        raise Refusal(40003, "invalid openid")
    return phone


def _info(standin: Standin, call: Call) -> tuple[dict[str, Any], dict[str, str] | None]:
    """Return the fields and, apart from them, where a tap leads."""
    fields = dict(call.body.get("business_info", {}))
    redirect: Any = fields.pop("redirect_page", None)
    for name, value in fields.items():
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise Refusal(47001, f"wrong type: business_info.{name}")
    if redirect is None:
        return fields, None
    if found := problem(REDIRECT, redirect, "business_info.redirect_page"):
        raise Refusal(47001, str(found))
    if redirect["page_type"] == "mini_program":
        program = standin.config.account(redirect.get("app_id", ""))
        if not isinstance(program, MiniProgram):
            raise Refusal(40013, "invalid app_id of redirect_page")
        check_page(program, redirect.get("fullpath"))
    elif "url" not in redirect:
        raise Refusal(47001, "missing: business_info.redirect_page.url")
    return fields, redirect


ENDPOINTS = (
    Endpoint(
        "weixin", "POST", "/cityservice/sendchannelmsg", send_channel, official_account,
        SEND_CHANNEL,
    ),
)  # fmt: skip
