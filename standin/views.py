"""What a person sees: service notifications on a phone, messages and cards in WeCom."""

from typing import Any
from urllib.parse import urlsplit

from standin.config import Corp, Member, MiniProgram
from standin.people import button_keys
from standin.standin import Standin
from standin.world import Phone


def phone_view(standin: Standin, phone: Phone) -> dict[str, Any]:
    """Return the phone's notifications, newest first, and the rights left."""
    ledger = standin.world.ledger
    kinds = ("subscribe_message", "template_message")
    notes = [notification(standin, one) for one in ledger.select(0, kinds, phone.openid, None)]
    return {
        "openid": phone.openid,
        "appid": phone.appid,
        "unionid": phone.unionid,
        "following": phone.is_following,
        "rights": {template: count for template, count in phone.rights.items() if count},
        "long_term": sorted(phone.long_term),
        "notifications": notes[::-1],
    }


def notification(standin: Standin, entry: dict[str, Any]) -> dict[str, Any]:
    """Return a message as the notification list shows it, with a link people can open, if any."""
    names = ("at", "title", "template_id", "data", "msgid")
    shown = {name: entry[name] for name in names}
    appid, page = entry["app"], entry.get("page")
    if target := entry.get("miniprogram"):
        appid, page = target["appid"], target.get("pagepath")
    program = standin.config.account(appid)
    link = entry.get("url")
    if page and isinstance(program, MiniProgram) and program.page_base:
        link = program.page_base + page
    return shown | {"page": page, "link": safe_link(link)}


def member_view(standin: Standin, corp: Corp, member: Member) -> dict[str, Any]:
    """Return the member's messages and cards, newest first, each as it looks now."""
    entries = standin.world.ledger.select(0, ("app_message",), None, member.userid)
    messages = [
        _message(standin, entry) for entry in entries if entry["app"].startswith(corp.corpid + "/")
    ]
    return {"userid": member.userid, "name": member.name, "messages": messages[::-1]}


def _message(standin: Standin, entry: dict[str, Any]) -> dict[str, Any]:
    corpid, _, agentid = entry["app"].partition("/")
    content = entry["data"]
    shown = {
        "at": entry["at"],
        "agentid": int(agentid),
        "msgtype": entry["msgtype"],
        "msgid": entry["msgid"],
        "task_id": entry["task_id"],
    }
    card = standin.world.cards.get((corpid, int(agentid), entry["task_id"] or ""))
    replaced_by = None
    if card and (view := card.views.get(entry["userid"])):
        content, replaced_by = view.content, view.replaced_by
    keys = [] if replaced_by is not None else button_keys(content)
    link = content.get("url") or content.get("card_action", {}).get("url")
    return shown | {
        "content": content,
        "replaced_by": replaced_by,
        "keys": keys,
        "link": safe_link(link),
    }


def safe_link(link: str | None) -> str | None:
    """Return the link if a browser may follow it: http or https only."""
    return link if link and urlsplit(link).scheme in ("http", "https") else None
