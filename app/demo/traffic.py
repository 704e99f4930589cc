"""The stand-in's ledger as a newcomer reads it: to whom, what, and how it looks now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from app.demo.cast import HOLDERS, STAFF
from app.demo.standin_control import StandinControl

SHOWN: Final = 14
_READ: Final = 300
_PEOPLE: Final = {
    **{one.openid: one.words.split("，")[0] for one in HOLDERS},
    **{one.userid: one.name for one in STAFF},
}
_KINDS: Final = {
    "subscribe_message": "微信订阅消息",
    "template_message": "公众号消息",
    "app_message": "企业微信消息",
    "card_update": "卡片更新",
    "sms": "短信",
    "callback_result": "平台回调",
}
_RECEIPTS: Final = ("subscribe_msg_sent_event", "templatesendjobfinish")
_EVENTS: Final = {
    "template_card_event": "有人按了卡片上的按钮",
    "subscribe_msg_popup_event": "患者回答了是否接受提醒",
    "subscribe_msg_change_event": "患者改了提醒设置",
    "subscribe": "患者关注了公众号",
    "unsubscribe": "患者取消关注公众号",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened at the platforms."""

    seq: int
    at: str  # 14:05:09 at the hospital
    kind: str
    to: str
    title: str
    lines: tuple[str, ...]
    buttons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Traffic:
    """The newest things, newest first."""

    lines: tuple[Line, ...]
    last: int
    is_cut: bool


def traffic(standin: StandinControl) -> Traffic:
    """Return what went over the platforms.

    :raises app.demo.standin_control.StandinSilent: the stand-in does not answer
    """
    told = standin.effects(_READ)
    chosen = [one for one in told["entries"] if _is_telling(one)][-SHOWN:]
    return Traffic(
        tuple(_line(one) for one in reversed(chosen)), int(told["last"]), standin.is_cut()
    )


def _is_telling(entry: Mapping[str, Any]) -> bool:
    """Leave out tokens, and receipts that only confirm what the page shows already."""
    is_receipt = str(entry.get("event", "")).lower() in _RECEIPTS and entry.get("ok") is True
    return entry["kind"] in _KINDS and not is_receipt


def _line(entry: Mapping[str, Any]) -> Line:
    kind = str(entry["kind"])
    data = entry.get("data") or {}
    title, lines, buttons = _content(kind, entry, data if isinstance(data, dict) else {})
    return Line(
        int(entry["seq"]),
        datetime.fromisoformat(str(entry["at"])).strftime("%H:%M:%S"),
        _KINDS[kind],
        _name(entry),
        title,
        lines,
        buttons,
    )


def _name(entry: Mapping[str, Any]) -> str:
    person = str(entry.get("openid") or entry.get("userid") or entry.get("phone") or "")
    return _PEOPLE.get(person, "另一位患者" if "openid" in entry else person)


def _content(
    kind: str, entry: Mapping[str, Any], data: Mapping[str, Any]
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    if kind == "app_message" and entry.get("msgtype") == "template_card":
        extra = [
            f"{one.get('keyname', '')}：{one.get('value', '')}"
            for one in data.get("horizontal_content_list", ())
        ]
        buttons = tuple(str(one.get("text", "")) for one in data.get("button_list", ()))
        title = str(data.get("main_title", {}).get("title", ""))
        return title, (str(data.get("sub_title_text", "")), *extra), buttons
    if kind == "app_message":
        return str(data.get("content", "")), (), ()
    if kind == "callback_result":
        return _callback(entry)
    return str(entry.get("title") or ""), tuple(_values(data)), ()


def _callback(entry: Mapping[str, Any]) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    event = str(entry.get("event", ""))
    arrived = "已送达本系统" if entry.get("ok") else "没有送达本系统"
    return _EVENTS.get(event, event), (arrived,), ()


def _values(data: Mapping[str, Any]) -> list[str]:
    return [
        str(one.get("value", "")) if isinstance(one, Mapping) else str(one) for one in data.values()
    ]
