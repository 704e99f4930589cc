"""qyapi.weixin.qq.com: app messages and the updating of template cards."""

import copy
import hashlib
import secrets
from typing import Any

from standin import shapes
from standin.checks import problem
from standin.config import Member
from standin.errors import Refusal
from standin.gateway import Answer, Call, Endpoint
from standin.qyapi import corp_app
from standin.standin import CorpApp, Standin
from standin.world import Card, CardView, ResponseCode

MAX_RECEIVERS = 1000
MAX_PARTIES = 100
TEXT_BYTES = 2048
RESPONSE_CODE_SECONDS = 72 * 3600
DEFAULT_DUPLICATE_SECONDS = 1800
# A member gets this much of one app; more is dropped without a word.
MEMBER_A_MINUTE = 30
MEMBER_AN_HOUR = 1000
INTERACTIVE = ("button_interaction", "vote_interaction", "multiple_interaction")


def send_message(standin: Standin, call: Call) -> Answer:
    """message/send.

    With `enable_duplicate_check` the same bytes within the interval get the first answer again and
    reach nobody: our assumption, the page only says that they are not received twice.
    """
    app, body = call.corp_app, call.body
    _check_agent(app, body["agentid"])
    key = ("message", *_app_key(app), hashlib.sha256(call.raw).hexdigest())
    is_checked = bool(body.get("enable_duplicate_check"))
    if is_checked and (answer := standin.world.recall(key, call.now)):
        return answer
    content = _content(body)
    members, invalid = _receivers(app, body)
    task_id = _check_card(standin, app, body["msgtype"], content)
    _spend_daily(standin, app, len(members), call.now)
    answer = {"errcode": 0, "errmsg": "ok", **invalid, "msgid": secrets.token_urlsafe(40)}
    reached = [one for one in members if _has_room(standin, app, one, call.now)]
    if task_id:
        views = {one.userid: CardView(copy.deepcopy(content)) for one in reached}
        card = Card(app.corp.corpid, app.agent.agentid, task_id, str(content["card_type"]), views)
        standin.world.cards[card.corpid, card.agentid, task_id] = card
        if card.card_type in INTERACTIVE:
            answer["response_code"] = new_response_code(standin, card, call.now)
    for member in reached:
        standin.world.ledger.add(
            "app_message",
            app="/".join(_app_key(app)),
            userid=member.userid,
            msgtype=body["msgtype"],
            task_id=task_id,
            data=content,
            msgid=answer["msgid"],
        )
    if is_checked:
        interval = body.get("duplicate_check_interval", DEFAULT_DUPLICATE_SECONDS)
        standin.world.remember(key, call.now + interval, answer)
    return answer


def new_response_code(standin: Standin, card: Card, now: float) -> str:
    value = secrets.token_urlsafe(32)
    standin.world.response_codes[value] = ResponseCode(card, now + RESPONSE_CODE_SECONDS)
    return value


def _app_key(app: CorpApp) -> tuple[str, str]:
    return app.corp.corpid, str(app.agent.agentid)


def _check_agent(app: CorpApp, agentid: int) -> None:
    if app.corp.agent(agentid) is None:
        raise Refusal(40056, "invalid agentid")
    if agentid != app.agent.agentid:
        raise Refusal(301002, "not allow operate another agent with this accesstoken")


def _content(body: dict[str, Any]) -> dict[str, Any]:
    """Return the message's object; a text past 2,048 bytes is cut, the rest refused."""
    msgtype = body["msgtype"]
    if msgtype not in shapes.MESSAGE_PARTS:
        raise Refusal(40008, "invalid message type, or one the stand-in does not play")
    if others := sorted(shapes.MESSAGE_PARTS.keys() & body.keys() - {msgtype}):
        raise Refusal(40035, f"unknown field: body.{others[0]}")
    if msgtype not in body:
        raise Refusal(40035, f"missing: body.{msgtype}")
    content: dict[str, Any] = dict(body[msgtype])
    if msgtype in ("text", "markdown") and not content["content"].strip():
        raise Refusal(44004, "content size out of limit: empty")
    if msgtype == "text":
        kept = content["content"].encode()[:TEXT_BYTES].decode(errors="ignore")
        content["content"] = kept
    limits = {"content": TEXT_BYTES, "title": 128, "description": 512, "url": 2048}
    if msgtype in ("markdown", "textcard"):
        for name, limit in limits.items():
            if len(str(content.get(name, "")).encode()) > limit:
                raise Refusal(45002, f"content size out of limit: {name}")
    return content


def _receivers(app: CorpApp, body: dict[str, Any]) -> tuple[list[Member], dict[str, str]]:
    """Return who gets it, and the invalid ids in lower case; the corp has no parties and tags."""
    wanted = {name: _ids(body, name) for name in ("touser", "toparty", "totag")}
    if not any(wanted.values()) or len(wanted["touser"]) > MAX_RECEIVERS:
        raise Refusal(82001, "all of touser, toparty, totag are invalid, or too many")
    if len(wanted["toparty"]) > MAX_PARTIES:
        raise Refusal(82002, "too many parties")
    if len(wanted["totag"]) > MAX_PARTIES:
        raise Refusal(82003, "too many tags")
    everyone = [one for one in app.corp.members if app.agent.agentid in one.agents]
    if wanted["touser"] == ["@all"]:
        return everyone, {}
    visible = {one.userid.lower(): one for one in everyone}
    users = list(dict.fromkeys(userid.lower() for userid in wanted["touser"]))
    members = [visible[userid] for userid in users if userid in visible]
    invalid = {
        "invaliduser": [userid for userid in users if userid not in visible],
        "invalidparty": wanted["toparty"],
        "invalidtag": wanted["totag"],
    }
    if not members:
        raise Refusal(81013, "user & party & tag all invalid")
    return members, {name: "|".join(ids) for name, ids in invalid.items() if ids}


def _ids(body: dict[str, Any], name: str) -> list[str]:
    return [one for one in body.get(name, "").split("|") if one]


def _check_card(
    standin: Standin, app: CorpApp, msgtype: str, content: dict[str, Any]
) -> str | None:
    """Return the task id of a card.

    :raises Refusal: a part is missing, or the task id was used before
    """
    if msgtype != "template_card":
        return None
    needs = list(shapes.CARD_NEEDS[content["card_type"]])
    if "action_menu" in content:
        needs.append("task_id")
    for part in needs:
        if part not in content:
            raise Refusal(40035, f"missing: body.template_card.{part}")
    for at, button in enumerate(content.get("button_list", ())):
        if ("url" if button.get("type") == 1 else "key") not in button:
            raise Refusal(40035, f"missing: body.template_card.button_list[{at}] key or url")
    if content["card_type"] == "text_notice" and not (
        content.get("main_title", {}).get("title") or content.get("sub_title_text")
    ):
        raise Refusal(40035, "missing: body.template_card.main_title or sub_title_text")
    task_id: str | None = content.get("task_id")
    if task_id and (app.corp.corpid, app.agent.agentid, task_id) in standin.world.cards:
        # The page says "unique", not which code a repeat gets: our assumption.
        raise Refusal(40058, "out of rule: body.template_card.task_id is used already")
    return task_id


def _spend_daily(standin: Standin, app: CorpApp, count: int, now: float) -> None:
    limit = app.corp.account_limit * 200
    if not standin.world.quotas.spend(("message", _app_key(app)), "day", limit, now, count):
        raise Refusal(45009, "api freq out of limit: person-messages of today")


def _has_room(standin: Standin, app: CorpApp, member: Member, now: float) -> bool:
    """Count one message; False, and counted as dropped, past the member's minute or hour."""
    quotas, key = standin.world.quotas, ("member", _app_key(app), member.userid)
    if quotas.left(key, "hour", MEMBER_AN_HOUR, now) > 0 and quotas.spend(
        key, "minute", MEMBER_A_MINUTE, now
    ):
        return quotas.spend(key, "hour", MEMBER_AN_HOUR, now)
    standin.world.dropped += 1
    return False


def update_card(standin: Standin, call: Call) -> Answer:
    """message/update_template_card: a response_code works once within 72 hours.

    A spent, old or unknown code answers 40058: our assumption, the page names no code.
    """
    app, body = call.corp_app, call.body
    _check_agent(app, body["agentid"])
    if ("button" in body) == ("template_card" in body):
        raise Refusal(40035, "missing: one of body.button, body.template_card")
    if found := _replacement_problem(body):
        raise Refusal(40035, found)
    code = standin.world.response_codes.get(body["response_code"])
    if code is None or code.is_used or code.expires_at <= call.now:
        raise Refusal(40058, "response_code invalid, used or expired")
    card = code.card
    if (card.corpid, card.agentid) != (app.corp.corpid, app.agent.agentid):
        raise Refusal(40058, "response_code of another app")
    by_lower = {userid.lower(): userid for userid in card.views}
    asked = [userid.lower() for userid in body.get("userids", ())]
    if not asked and not body.get("atall"):
        raise Refusal(82001, "userids, partyids, tagids all invalid")
    receivers = (
        list(card.views)
        if body.get("atall")
        else [by_lower[one] for one in asked if one in by_lower]
    )
    if not receivers:
        raise Refusal(81013, "userids all invalid")
    code.is_used = True
    for userid in receivers:
        _replace(card.views[userid], body)
        standin.world.ledger.add(
            "card_update",
            app="/".join(_app_key(app)),
            userid=userid,
            task_id=card.task_id,
            data=body.get("button") or body["template_card"],
        )
    invalid = [one for one in asked if one not in by_lower]
    return {"errcode": 0, "errmsg": "ok"} | ({"invaliduser": invalid} if invalid else {})


def _replacement_problem(body: dict[str, Any]) -> str | None:
    content = body.get("template_card")
    if content is None:
        return None
    # An updated card keeps the task id it was sent with.
    for part in shapes.CARD_NEEDS[content["card_type"]]:
        if part not in content and part != "task_id":
            return f"missing: body.template_card.{part}"
    found = problem(shapes.MESSAGE_PARTS["template_card"], content, "body.template_card")
    return str(found) if found else None


def _replace(view: CardView, body: dict[str, Any]) -> None:
    if "button" in body:
        view.replaced_by = body["button"]["replace_name"]
    else:
        view.content = copy.deepcopy(body["template_card"])
        view.replaced_by = view.content.get("replace_text")


ENDPOINTS = (
    Endpoint(
        "qyapi",
        "POST",
        "/cgi-bin/message/send",
        send_message,
        corp_app,
        shapes.MESSAGE_SEND,
    ),
    Endpoint(
        "qyapi",
        "POST",
        "/cgi-bin/message/update_template_card",
        update_card,
        corp_app,
        shapes.UPDATE_CARD,
    ),
)
