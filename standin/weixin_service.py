"""api.weixin.qq.com: the mini-program's customer-service message (发送客服消息)."""

from typing import Any

from standin.checks import Record, Shape, Text
from standin.config import MiniProgram
from standin.errors import Refusal
from standin.gateway import Answer, Call, Endpoint
from standin.standin import Standin
from standin.weixin import mini_program, phone_of
from standin.weixin_messages import spend_call
from standin.world import Phone

TEXT_BYTES = 2048
PARTS: dict[str, Shape] = {
    "text": Record({"content": Text()}),
    "link": Record(
        {"title": Text(least=1), "description": Text(least=1), "url": Text(least=1)},
        {"thumb_url": Text()},
    ),
}
CUSTOM_SEND = Record({"touser": Text(), "msgtype": Text(least=1)}, PARTS)


def send_custom(standin: Standin, call: Call) -> Answer:
    """message/custom/send: only while the user's own act lets it through.

    45015 where nothing is open, 45047 where it is and its messages are used up. It answers no id
    and reports nothing later.
    """
    program, body = call.account, call.body
    assert isinstance(program, MiniProgram)
    phone = phone_of(standin, body["touser"], program.appid)
    content = _content(body)
    spend_call(standin, program, "custom", call.now)
    _spend_window(phone, call.now)
    standin.world.ledger.add(
        "customer_message",
        app=program.appid,
        openid=phone.openid,
        msgtype=body["msgtype"],
        data=content,
    )
    return {"errcode": 0, "errmsg": "ok"}


def _content(body: dict[str, Any]) -> dict[str, Any]:
    msgtype = body["msgtype"]
    if msgtype not in PARTS:
        raise Refusal(40008, "invalid message type, or one the stand-in does not play")
    if msgtype not in body:
        raise Refusal(47001, f"missing: body.{msgtype}")
    content: dict[str, Any] = body[msgtype]
    if msgtype == "text":
        if not content["content"].strip():
            raise Refusal(44004, "empty content")
        if len(content["content"].encode()) > TEXT_BYTES:
            raise Refusal(45002, "content size out of limit")
    return content


def _spend_window(phone: Phone, now: float) -> None:
    open_ = [window for window in phone.windows.values() if window.until > now]
    if not open_:
        raise Refusal(45015, "response out of time limit or subscription is canceled")
    for window in sorted(open_, key=lambda one: one.until):
        if window.left:
            window.left -= 1
            return
    raise Refusal(45047, "out of response count limit")


ENDPOINTS = (
    Endpoint(
        "weixin", "POST", "/cgi-bin/message/custom/send", send_custom, mini_program, CUSTOM_SEND
    ),
)
