"""The plaintext of callback events, as the platforms write them."""

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from standin.callbacks import Push, Target
from standin.config import Agent, Corp, MiniProgram, OfficialAccount
from standin.standin import account_target, agent_target
from standin.world import Card


def subscribe_popup(
    program: MiniProgram, openid: str, answers: Mapping[str, str], at: float
) -> Push:
    """Say how the user answered the popup: template id -> accept or reject."""
    entries = [
        _cdata("TemplateId", template)
        + _cdata("SubscribeStatusString", answer)
        + "<PopupScene>2</PopupScene>"
        for template, answer in answers.items()
    ]
    body = _list("SubscribeMsgPopupEvent", entries)
    return _account_push(program, openid, "subscribe_msg_popup_event", body, at)


def subscribe_change(
    program: MiniProgram, openid: str, templates: Sequence[str], at: float
) -> Push:
    """Say that the user refused these templates in the settings."""
    entries = [
        _cdata("TemplateId", template) + _cdata("SubscribeStatusString", "reject")
        for template in templates
    ]
    body = _list("SubscribeMsgChangeEvent", entries)
    return _account_push(program, openid, "subscribe_msg_change_event", body, at)


def subscribe_sent(
    program: MiniProgram, openid: str, template: str, msgid: int, *, ok: bool, at: float
) -> Push:
    entry = _cdata("TemplateId", template) + f"<MsgID>{msgid}</MsgID>"
    entry += f"<ErrorCode>{0 if ok else 1}</ErrorCode>"
    entry += _cdata("ErrorStatus", "success" if ok else "system failed")
    body = _list("SubscribeMsgSentEvent", [entry])
    return _account_push(program, openid, "subscribe_msg_sent_event", body, at)


def template_finished(
    account: OfficialAccount, openid: str, msgid: int, *, ok: bool, at: float
) -> Push:
    status = "success" if ok else "failed:user block"
    body = f"<MsgID>{msgid}</MsgID>" + _cdata("Status", status)
    return _account_push(account, openid, "TEMPLATESENDJOBFINISH", body, at)


def follow(account: OfficialAccount, openid: str, *, is_following: bool, at: float) -> Push:
    event = "subscribe" if is_following else "unsubscribe"
    return _account_push(account, openid, event, _cdata("EventKey", ""), at)


def text_message(program: MiniProgram, openid: str, text: str, message_id: int, at: float) -> Push:
    """Say that the user wrote in the customer-service session."""
    target = account_target(program)
    head = _cdata("ToUserName", target.to_user) + _cdata("FromUserName", openid)
    body = f"<CreateTime>{int(at)}</CreateTime>" + _cdata("MsgType", "text")
    body += _cdata("Content", text) + f"<MsgId>{message_id}</MsgId>"
    return Push(target, "text", f"<xml>{head}{body}</xml>", openid=openid)


def session_entered(program: MiniProgram, openid: str, at: float) -> Push:
    body = _cdata("SessionFrom", "")
    return _account_push(program, openid, "user_enter_tempsession", body, at)


def card_clicked(
    corp: Corp,
    agent: Agent,
    card: Card,
    *,
    userid: str,
    key: str,
    is_menu: bool,
    response_code: str,
    selected: Mapping[str, Sequence[str]],
    at: float,
) -> Push:
    event = "template_card_menu_event" if is_menu else "template_card_event"
    body = (
        _cdata("EventKey", key)
        + _cdata("TaskId", card.task_id)
        + _cdata("CardType", card.card_type)
        + _cdata("ResponseCode", response_code)
        + f"<AgentID>{agent.agentid}</AgentID>"
    )
    if selected:
        items = "".join(_selected(question, ids) for question, ids in selected.items())
        body += f"<SelectedItems>{items}</SelectedItems>"
    target = agent_target(corp, agent)
    return Push(target, event, _event(target, userid, event, body, at), userid=userid)


def contact_added(
    corp: Corp, agent: Agent, *, userid: str, external_userid: str, state: str, at: float
) -> Push:
    """Say that a WeChat user added a member; the platform itself speaks."""
    body = (
        _cdata("ChangeType", "add_external_contact")
        + _cdata("UserID", userid)
        + _cdata("ExternalUserID", external_userid)
        + _cdata("State", state)
    )
    target = agent_target(corp, agent)
    event = "change_external_contact"
    return Push(target, event, _event(target, "sys", event, body, at), userid=userid)


def _selected(question: str, ids: Sequence[str]) -> str:
    options = "".join(_cdata("OptionId", one) for one in ids)
    key = _cdata("QuestionKey", question)
    return f"<SelectedItem>{key}<OptionIds>{options}</OptionIds></SelectedItem>"


def _account_push(
    account: MiniProgram | OfficialAccount, openid: str, event: str, body: str, at: float
) -> Push:
    target = account_target(account)
    return Push(target, event, _event(target, openid, event, body, at), openid=openid)


def _event(target: Target, sender: str, event: str, body: str, at: float) -> str:
    head = _cdata("ToUserName", target.to_user) + _cdata("FromUserName", sender)
    head += f"<CreateTime>{int(at)}</CreateTime>"
    return f"<xml>{head}{_cdata('MsgType', 'event')}{_cdata('Event', event)}{body}</xml>"


def _list(name: str, entries: Sequence[str]) -> str:
    return f"<{name}>{''.join(f'<List>{entry}</List>' for entry in entries)}</{name}>"


def _cdata(name: str, value: str) -> str:
    if "]]>" in value:
        return f"<{name}>{escape(value)}</{name}>"
    return f"<{name}><![CDATA[{value}]]></{name}>"
