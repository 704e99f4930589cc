"""What people do with their phones and in WeCom: log in, subscribe, follow, press a button."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from standin import events
from standin.callbacks import Outcome, Push
from standin.config import Agent, Corp, Member, MiniProgram, OfficialAccount
from standin.qyapi_contacts import external_id
from standin.qyapi_messages import new_response_code
from standin.standin import Standin
from standin.world import Card, Customer, Phone, ServiceWindow, derived_unionid


class Impossible(Exception):
    """The person cannot do that; `status` is the HTTP status of the control answer."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


def register(standin: Standin, openid: str, appid: Any, unionid: str | None = None) -> Phone:
    """Return the phone's user of this AppID, made at the first call.

    :raises Impossible: the AppID is unknown, or the openid belongs to another AppID
    """
    if not isinstance(appid, str) or standin.config.account(appid) is None:
        raise Impossible("unknown appid")
    phone = standin.world.phones.get(openid)
    if phone is None:
        phone = Phone(openid, appid, unionid or derived_unionid(openid))
        standin.world.phones[openid] = phone
    if phone.appid != appid:
        raise Impossible("the openid belongs to another appid", 409)
    if unionid:
        phone.unionid = unionid
    return phone


def known(standin: Standin, openid: str) -> Phone:
    phone = standin.world.phones.get(openid)
    if phone is None:
        raise Impossible("unknown openid", 404)
    return phone


def answer_popup(standin: Standin, phone: Phone, answers: Mapping[str, str]) -> Push:
    """Keep the rights given; return the popup event to send."""
    program = _program(standin, phone)
    if not set(answers.values()) <= {"accept", "reject"}:
        raise Impossible("an answer is accept or reject")
    for template, answer in answers.items():
        grant(standin, phone, template, count=int(answer == "accept"))
    return events.subscribe_popup(program, phone.openid, answers, standin.clock.now())


def grant(standin: Standin, phone: Phone, template_id: str, count: int) -> None:
    """Add `count` one-time rights, or the long-term right."""
    templates = _program(standin, phone).templates
    template = next((one for one in templates if one.id == template_id), None)
    if template is None:
        raise Impossible(f"unknown template {template_id}")
    if template.kind == "one-time":
        phone.rights[template_id] += count
    elif count:
        phone.long_term.add(template_id)


def refuse_in_settings(standin: Standin, phone: Phone, templates: Sequence[str]) -> Push:
    """Take all rights of these templates away; return the change event to send."""
    program = _program(standin, phone)
    for template in templates:
        phone.rights.pop(template, None)
        phone.long_term.discard(template)
    return events.subscribe_change(program, phone.openid, templates, standin.clock.now())


def set_following(standin: Standin, phone: Phone, *, is_following: bool) -> Push:
    account = standin.config.account(phone.appid)
    if not isinstance(account, OfficialAccount):
        raise Impossible("only an official account can be followed")
    now = standin.clock.now()
    phone.is_following, phone.followed_at = is_following, now
    return events.follow(account, phone.openid, is_following=is_following, at=now)


def scan_contact_way(standin: Standin, phone: Phone, config_id: str) -> tuple[str, Push]:
    """Add the first member of a contact way; return the person's id there, and the event to send.

    :raises Impossible: there is no such way
    """
    way = standin.world.contact_ways.get(config_id)
    corp = standin.config.corp(way.corpid) if way else None
    agent = corp.agent(way.agentid) if corp and way else None
    if way is None or corp is None or agent is None:
        raise Impossible("unknown contact way", 404)
    named = external_id(corp.corpid, phone.unionid)
    customer = standin.world.customers.setdefault((corp.corpid, named), Customer(phone.unionid))
    customer.follows[way.users[0]] = way.state
    push = events.contact_added(
        corp, agent, userid=way.users[0], external_userid=named, state=way.state,
        at=standin.clock.now(),
    )  # fmt: skip
    return named, push


def write(standin: Standin, phone: Phone, text: str) -> Push:
    """Write in the customer-service session: five answers within 48 hours."""
    program, now = _program(standin, phone), standin.clock.now()
    phone.windows["message"] = ServiceWindow(now + 48 * 3600, 5)
    return events.text_message(program, phone.openid, text, standin.next_msgid(), now)


def enter_session(standin: Standin, phone: Phone) -> Push:
    """Open the customer-service session: two answers within a minute."""
    program, now = _program(standin, phone), standin.clock.now()
    phone.windows["enter"] = ServiceWindow(now + 60, 2)
    return events.session_entered(program, phone.openid, now)


def find_member(standin: Standin, userid: str) -> tuple[Corp, Member]:
    for corp in standin.config.corps:
        if member := corp.member(userid):
            return corp, member
    raise Impossible("unknown userid", 404)


def click(
    standin: Standin,
    task_id: str,
    userid: str,
    key: str,
    *,
    repeat: int = 1,
    is_late: bool = False,
    selected: Mapping[str, Sequence[str]] | None = None,
) -> list[Future[Outcome]]:
    """Press a button or menu entry of a card; the event goes out `repeat` times at once.

    :param is_late: the member's client has not drawn the last update yet, so any key still works
    :raises Impossible: no such card, not this member's, or the button is gone
    """
    with standin.lock:
        corp, member = find_member(standin, userid)
        card, agent = _find_card(standin, corp, task_id)
        view = card.views.get(member.userid)
        if view is None:
            raise Impossible("the member did not get this card", 404)
        menu = [one["key"] for one in view.content.get("action_menu", {}).get("action_list", ())]
        buttons = [] if view.replaced_by is not None else button_keys(view.content)
        if key not in menu and key not in buttons and not is_late:
            raise Impossible("the card shows no such button any more", 409)
        push = events.card_clicked(
            corp,
            agent,
            card,
            userid=member.userid,
            key=key,
            is_menu=key in menu,
            response_code=new_response_code(standin, card, standin.clock.now()),
            selected=selected or {},
            at=standin.clock.now(),
        )
        ledger = standin.world.ledger
    return [standin.callbacks.now(push, ledger) for _ in range(repeat)]


def button_keys(content: Mapping[str, Any]) -> list[str]:
    """Return the keys of the buttons that call back."""
    keys = [one["key"] for one in content.get("button_list", ()) if one.get("type") != 1]
    if "submit_button" in content:
        keys.append(content["submit_button"]["key"])
    return keys


def _find_card(standin: Standin, corp: Corp, task_id: str) -> tuple[Card, Agent]:
    for agent in corp.agents:
        if card := standin.world.cards.get((corp.corpid, agent.agentid, task_id)):
            return card, agent
    raise Impossible("unknown task_id", 404)


def _program(standin: Standin, phone: Phone) -> MiniProgram:
    program = standin.config.account(phone.appid)
    if not isinstance(program, MiniProgram):
        raise Impossible("not a user of a mini-program")
    return program
