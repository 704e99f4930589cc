"""api.weixin.qq.com: the mini-program's subscribe message and the account's template message."""

from typing import Any

from standin import events, keywords, shapes
from standin.config import MessageTemplate, MiniProgram, OfficialAccount, SubscribeTemplate
from standin.errors import Refusal
from standin.gateway import Answer, Call, Endpoint
from standin.standin import Standin
from standin.weixin import mini_program, official_account, phone_of
from standin.world import Phone

CLIENT_MSG_ID_SECONDS = 600


def send_subscribe(standin: Standin, call: Call) -> Answer:
    """message/subscribe/send: spends a one-time right, and only when all else is well."""
    program, body = call.account, call.body
    assert isinstance(program, MiniProgram)
    phone = phone_of(standin, body["touser"], program.appid)
    template = next((one for one in program.templates if one.id == body["template_id"]), None)
    if template is None:
        raise Refusal(40037, "invalid template_id")
    check_page(program, body.get("page"))
    _check_values(template.keywords, body["data"], extra=())
    spend_call(standin, program, "subscribe", call.now)
    _spend_right(phone, template)
    msgid = standin.next_msgid()
    standin.world.ledger.add(
        "subscribe_message",
        app=program.appid,
        openid=phone.openid,
        template_id=template.id,
        title=template.title,
        data=_values(body["data"]),
        page=body.get("page"),
        state=body.get("miniprogram_state", "formal"),
        msgid=str(msgid),
    )
    if (outcome := standin.world.receipts.outcome) != "lost":
        ok = outcome == "success"
        standin.push_later(
            events.subscribe_sent(program, phone.openid, template.id, msgid, ok=ok, at=call.now)
        )
    return {"errcode": 0, "errmsg": "ok", "msgid": msgid}


def spend_call(
    standin: Standin, account: MiniProgram | OfficialAccount, kind: str, now: float
) -> None:
    """Count one message of this minute and this day.

    :raises Refusal: 45011, 45009
    """
    quotas, key = standin.world.quotas, (kind, account.appid)
    if quotas.left(key, "day", account.daily_quota, now) <= 0:
        raise Refusal(45009, "reach max api daily quota limit")
    if not quotas.spend(key, "minute", account.minute_quota, now):
        raise Refusal(45011, "api minute-quota reached, must slower, retry next minute")
    quotas.spend(key, "day", account.daily_quota, now)


def check_page(program: MiniProgram, page: str | None) -> None:
    """Refuse a page that is not, without its query, one of the released version's."""
    if page and page.partition("?")[0] not in program.pages:
        raise Refusal(41030, "invalid page")


def _spend_right(phone: Phone, template: SubscribeTemplate) -> None:
    if template.kind == "long-term":
        has_right = template.id in phone.long_term
    else:
        has_right = phone.rights[template.id] > 0
        if has_right:
            phone.rights[template.id] -= 1
    if not has_right:
        raise Refusal(43101, "user refuse to accept the msg")


def _check_values(types: dict[str, str], data: dict[str, Any], extra: tuple[str, ...]) -> None:
    for keyword in types:
        if not data.get(keyword, {}).get("value"):
            raise Refusal(47003, f"argument invalid! data.{keyword}.value is empty")
    for keyword, entry in data.items():
        if keyword in extra:
            continue
        if keyword not in types:
            raise Refusal(47003, f"argument invalid! data.{keyword} is not of the template")
        if not keywords.is_allowed(types[keyword], entry["value"]):
            raise Refusal(47003, f"argument invalid! data.{keyword}.value invalid")


def _values(data: dict[str, Any]) -> dict[str, str]:
    return {keyword: entry["value"] for keyword, entry in data.items()}


def send_template(standin: Standin, call: Call) -> Answer:
    """message/template/send; `client_msg_id` counts for ten minutes per openid.

    A repeat answers 0 with the first msgid and has no second effect: our assumption, the page only
    says that a repeat is kept from being sent.
    """
    account, body = call.account, call.body
    assert isinstance(account, OfficialAccount)
    phone = phone_of(standin, body["touser"], account.appid)
    template = next((one for one in account.templates if one.id == body["template_id"]), None)
    if template is None:
        raise Refusal(40037, "invalid template_id")
    if not phone.is_following:
        raise Refusal(43004, "require subscribe")
    _check_link(standin, body.get("miniprogram"))
    _check_values(_types(template), body["data"], extra=("first", "remark"))
    key = ("template", account.appid, phone.openid, body.get("client_msg_id", ""))
    if key[-1] and (answer := standin.world.recall(key, call.now)):
        return answer
    spend_call(standin, account, "template", call.now)
    answer = _accept_template(standin, account, phone, template, call)
    if key[-1]:
        standin.world.remember(key, call.now + CLIENT_MSG_ID_SECONDS, answer)
    return answer


def _accept_template(
    standin: Standin,
    account: OfficialAccount,
    phone: Phone,
    template: MessageTemplate,
    call: Call,
) -> Answer:
    msgid = standin.next_msgid()
    standin.world.ledger.add(
        "template_message",
        app=account.appid,
        openid=phone.openid,
        template_id=template.id,
        title=template.title,
        data=_values(call.body["data"]),
        url=call.body.get("url"),
        miniprogram=call.body.get("miniprogram"),
        client_msg_id=call.body.get("client_msg_id"),
        msgid=str(msgid),
    )
    if (outcome := standin.world.receipts.outcome) != "lost":
        ok = outcome == "success"
        standin.push_later(
            events.template_finished(account, phone.openid, msgid, ok=ok, at=call.now)
        )
    return {"errcode": 0, "errmsg": "ok", "msgid": msgid}


def _types(template: MessageTemplate) -> dict[str, str]:
    return {keyword: keywords.type_of(keyword) for keyword in template.keywords}


def _check_link(standin: Standin, link: dict[str, str] | None) -> None:
    if link is None:
        return
    program = standin.config.account(link["appid"])
    if not isinstance(program, MiniProgram):
        raise Refusal(40013, "invalid appid: not a bound mini-program")
    if link.get("pagepath", "").partition("?")[0] not in program.pages:
        raise Refusal(40165, "invalid weapp pagepath")


def _touser(call: Call) -> str:
    return str(call.body.get("touser"))


ENDPOINTS = (
    Endpoint(
        "weixin",
        "POST",
        "/cgi-bin/message/subscribe/send",
        send_subscribe,
        mini_program,
        shapes.SUBSCRIBE_SEND,
        busy=_touser,
    ),
    Endpoint(
        "weixin",
        "POST",
        "/cgi-bin/message/template/send",
        send_template,
        official_account,
        shapes.TEMPLATE_SEND,
    ),
)
