"""发送: the lanes and routes of the outbox, what waits for a person, and what a person may do."""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.console import sending_words
from app.database import unit_of_work
from app.domain.errors import MayHaveArrived, MessageSettled, MessageTooOld, NotFound
from app.domain.outreach.messaging import Channel, Route
from app.domain.outreach.sending_deeds import By, Group
from app.domain.trust.access import Audience, Permission
from app.models import Communication
from app.models.outreach.resting import AT_REST
from app.models.outreach.route import key_of, route_of
from app.models.trust.audit import record
from app.services.outreach import dead_letters, outbox, outbox_view
from app.web import gate
from app.web.addresses import public_id
from app.web.staff import may_here, me

views = Blueprint("sending", __name__, url_prefix="/sending")

SHORTEST_REASON: Final = 4
LONGEST_REASON: Final = 200
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_CODE: Final = re.compile(r"[A-Za-z0-9 _-]{1,64}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,9}")
_NOTICES: Final = {
    "paused": "已暂停。消息留在队列里，直到有人打开。",
    "opened": "已打开。下一条消息先试通，成功后其余消息依次发出。",
    "open": "这条通道本来就是开放的，没有改动。",
    "replayed": "已放回队列，很快会再发一次。",
    "cancelled": "已取消。",
    "settled": "这条消息的状态已经改变，没有改动。",
    "old": "这条消息已经过了有效期，不能再发。",
}


@views.get("")
@gate.policy(Audience.STAFF, Permission.WATCH_FEEDS)
def overview() -> str:
    """Show lanes, routes and what waits for a person."""
    now = clock.now()
    with unit_of_work.begin() as session:
        lanes = outbox_view.read_lanes(session)
        routes = outbox_view.read_routes(session, now, clock.start_of_day(clock.today()))
        dead = outbox_view.read_dead_letters(session)
    return render_template(
        "console/sending.html", lanes=lanes, routes=routes, dead=dead, words=sending_words, now=now
    )


@views.get("/routes/<channel>/<key>")
@gate.policy(Audience.STAFF, Permission.WATCH_FEEDS)
def route(channel: str, key: str) -> AnyResponse:
    """Show one route, its gate, and what people did to it."""
    return _route_page(_route(channel, key))


@views.post("/routes/<channel>/<key>/pause")
@gate.policy(Audience.STAFF, Permission.DIRECT_SENDING)
def pause(channel: str, key: str) -> AnyResponse:
    """Hold all that goes by a route until somebody opens it, for a typed reason that is kept."""
    chosen = _route(channel, key)
    why, problem = _why()
    if problem:
        return _route_page(chosen, {"why": problem}, why)
    now = clock.now()
    with unit_of_work.begin() as session:
        _known(session, chosen)
        outbox.pause(session, chosen, By(me(), why), now)
        _record(session, "pause", chosen)
    return _to_route(chosen, "paused")


@views.post("/routes/<channel>/<key>/open")
@gate.policy(Audience.STAFF, Permission.DIRECT_SENDING)
def open_(channel: str, key: str) -> AnyResponse:
    """Let the next message try a closed route at once."""
    chosen, now = _route(channel, key), clock.now()
    with unit_of_work.begin() as session:
        was_closed = outbox.open_by_hand(session, chosen, By(me()), now)
        if was_closed:
            _record(session, "open", chosen)
    return _to_route(chosen, "opened" if was_closed else "open")


@views.get("/letters")
@gate.policy(Audience.STAFF, Permission.WATCH_FEEDS)
def letters() -> AnyResponse:
    """Show the newest messages that rest for one reason."""
    return _letters_page(_group(request.args))


@views.post("/letters/replay")
@gate.policy(Audience.STAFF, Permission.DIRECT_SENDING)
def replay_group() -> AnyResponse:
    """Send messages of one reason again, but none that may have arrived."""
    group, now = _group(request.form), clock.now()
    with unit_of_work.begin() as session:
        count = dead_letters.replay_group(session, group, By(me()), now)
        if count:
            _record(session, "replay", route_of(group.channel, group.app_key), messages=count)
    return redirect(_letters(group, replayed=count), HTTPStatus.SEE_OTHER)


@views.post("/letters/cancel")
@gate.policy(Audience.STAFF, Permission.DIRECT_SENDING)
def cancel_group() -> AnyResponse:
    """Cancel messages of one reason, for a typed reason that is kept."""
    group, now = _group(request.form), clock.now()
    why, problem = _why()
    if problem:
        return _letters_page(group, {"why": problem}, why)
    with unit_of_work.begin() as session:
        count = dead_letters.cancel_group(session, group, By(me(), why), now)
        if count:
            _record(session, "cancel", route_of(group.channel, group.app_key), messages=count)
    return redirect(_letters(group, cancelled=count), HTTPStatus.SEE_OTHER)


@views.post("/messages/<message_id>/replay")
@gate.policy(Audience.STAFF, Permission.DIRECT_SENDING)
def replay(message_id: str) -> AnyResponse:
    """Send one message again; what may have arrived only for a typed reason that is kept."""
    return _one(message_id, "replay", dead_letters.replay, "replayed")


@views.post("/messages/<message_id>/cancel")
@gate.policy(Audience.STAFF, Permission.DIRECT_SENDING)
def cancel(message_id: str) -> AnyResponse:
    """Cancel one message, for a typed reason that is kept."""
    why, problem = _why()
    if problem:
        return _letters_page(_group(request.form), {f"why-{message_id}": problem}, why)
    return _one(message_id, "cancel", dead_letters.cancel, "cancelled")


def _one(
    message_id: str, action: str, verb: Callable[..., Communication], done: str
) -> AnyResponse:
    group, now = _group(request.form), clock.now()
    why, problem = _why()
    try:
        with unit_of_work.begin() as session:
            row = verb(session, public_id(message_id), By(me(), None if problem else why), now)
            of = Route(row.channel, row.app_key or "")
            _record(session, action, of, message=message_id)
    except MessageSettled:
        done = "settled"
    except MessageTooOld:
        done = "old"
    except MayHaveArrived as refused:
        return _letters_page(group, {f"why-{message_id}": refused.title}, why)
    return redirect(_letters(group, done=done), HTTPStatus.SEE_OTHER)


def _route_page(
    chosen: Route, problems: dict[str, str] | None = None, why: str = ""
) -> AnyResponse:
    now = clock.now()
    with unit_of_work.begin() as session:
        one = _known(session, chosen)
        deeds = outbox_view.list_deeds(session, chosen)
    page = render_template(
        "console/sending_route.html", one=one, deeds=deeds, problems=problems, why=why,
        can_act=may_here(Permission.DIRECT_SENDING), words=sending_words, now=now,
        notice=_NOTICES.get(request.args.get("done", "")),
    )  # fmt: skip
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK)


def _known(session: Session, chosen: Route) -> outbox_view.RouteStatus:
    """:raises NotFound: nothing ever went or is to go by this route"""
    day_began_at = clock.start_of_day(clock.today())
    one = outbox_view.read_route(session, chosen, clock.now(), day_began_at)
    if one is None:
        raise NotFound
    return one


def _letters_page(
    group: Group, problems: dict[str, str] | None = None, why: str = ""
) -> AnyResponse:
    with unit_of_work.begin() as session:
        messages = outbox_view.list_messages(session, group)
    page = render_template(
        "console/sending_letters.html", group=group, messages=messages, problems=problems,
        why=why, at_once=dead_letters.AT_ONCE, most=outbox_view.PAGE,
        can_act=may_here(Permission.DIRECT_SENDING), words=sending_words, now=clock.now(),
        notice=_notice(),
    )  # fmt: skip
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK)


def _notice() -> str | None:
    for name, word in (("replayed", "放回队列"), ("cancelled", "取消")):
        count = request.args.get(name, "")
        if count.isascii() and count.isdecimal() and len(count) < 5:
            more = "可能还有，可以再按一次。" if int(count) == dead_letters.AT_ONCE else ""
            return f"已{word} {count} 条。{more}"
    return _NOTICES.get(request.args.get("done", ""))


def _route(channel: str, key: str) -> Route:
    """:raises NotFound: no route is called so"""
    if channel not in set(Channel) or not _KEY.fullmatch(key):
        raise NotFound
    return route_of(Channel(channel), key)


def _group(given: MultiDict[str, str]) -> Group:
    """:raises NotFound: no messages can be meant"""
    chosen = _route(given.get("channel", ""), given.get("app", ""))
    state = next((one for one in AT_REST if one == given.get("state")), None)
    reason, errcode = given.get("reason") or None, given.get("errcode") or None
    if (
        state is None
        or (reason is not None and not _CODE.fullmatch(reason))
        or (errcode is not None and not _NUMBER.fullmatch(errcode))
    ):
        raise NotFound
    return Group(
        state, chosen.channel, key_of(chosen), reason, None if errcode is None else int(errcode)
    )


def _letters(group: Group, **more: str | int) -> str:
    return url_for(".letters", **sending_words.address(group), **more)  # type: ignore[arg-type]


def _to_route(chosen: Route, done: str) -> AnyResponse:
    where = url_for(".route", channel=chosen.channel, key=key_of(chosen), done=done)
    return redirect(where, HTTPStatus.SEE_OTHER)


def _record(session: Session, action: str, chosen: Route, **more: str | int) -> None:
    detail = {"channel": chosen.channel, "app": key_of(chosen), **more}
    record(session, gate.actor(), action, "sending", clock.now(), detail=detail)


def _why() -> tuple[str, str | None]:
    """Return the typed reason and what is wrong with it."""
    why = " ".join(request.form.get("why", "").split())
    if len(why) < SHORTEST_REASON:
        return why, f"请写明原因，至少 {SHORTEST_REASON} 个字"
    if len(why) > LONGEST_REASON:
        return why, f"原因最多 {LONGEST_REASON} 个字，现在有 {len(why)} 个"
    return why, None
