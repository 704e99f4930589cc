"""One message of a source: masked; in full for a reason, once; read again; set aside."""

from http import HTTPStatus
from typing import Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.console import feed_words
from app.database import unit_of_work
from app.domain.errors import MessageSettled
from app.domain.intake.replays import IGNORABLE, REPLAYABLE
from app.domain.trust.access import Audience, Permission, may
from app.models.trust.audit import record
from app.services.intake import replay_runs
from app.services.intake.replay_runs import Which
from app.services.staff.raw_messages import read_full, read_masked, set_aside
from app.web import gate
from app.web.addresses import public_id
from app.web.staff import me

views = Blueprint("messages", __name__)

SHORTEST_REASON: Final = 4
LONGEST_REASON: Final = 200
_NOTICES: Final = {
    "started": "已安排重放，稍后刷新本页看结果。",
    "busy": "这个来源正在重放其他消息，完成后再试。",
    "stale": "这条消息的状态已经改变，没有重放。",
}


@views.get("/messages/<message_id>")
@gate.policy(Audience.STAFF, Permission.WATCH_FEEDS)
def show(message_id: str) -> AnyResponse:
    """Show a message with its structure visible and its values masked."""
    return _page(message_id, {}, HTTPStatus.OK)


@views.post("/messages/<message_id>/full")
@gate.policy(Audience.STAFF, Permission.READ_RAW_MESSAGE)
def full(message_id: str) -> AnyResponse:
    """Show the full text to one person, once, for a typed reason that is kept.

    The answer to the form itself carries it: a redirect would need an address that does.
    """
    why, problem = _why()
    if problem:
        return _page(message_id, {"why-full": problem}, HTTPStatus.UNPROCESSABLE_ENTITY, why)
    now = clock.now()
    with unit_of_work.begin() as session:
        message, text = read_full(session, public_id(message_id), me(), why, now)
        record(
            session, gate.actor(), "unmask", "inbound-message", now,
            patient_id=message.patient_id, detail={"inbound": message.id},
        )  # fmt: skip
    page = render_template(
        "console/message_full.html", message=message, text=text, why=why, words=feed_words
    )
    answer = make_response(page)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@views.post("/messages/<message_id>/replay")
@gate.policy(Audience.STAFF, Permission.REPLAY_MESSAGE)
def replay(message_id: str) -> AnyResponse:
    """Have one message read again; for a held one this is the release after a person looked."""
    now = clock.now()
    with unit_of_work.begin() as session:
        message = read_masked(session, public_id(message_id))
        done = "stale"
        if message.status in REPLAYABLE:
            which = Which(message.source, message.status, message_id=message.id)
            run = replay_runs.start(session, which, me(), now)
            done = "started" if run.message_id == message.id else "busy"
        record(
            session, gate.actor(), "replay", "inbound-message", now,
            patient_id=message.patient_id, outcome="success" if done == "started" else "refused",
            detail={"inbound": message.id},
        )  # fmt: skip
    return redirect(url_for(".show", message_id=message_id, done=done), HTTPStatus.SEE_OTHER)


@views.post("/messages/<message_id>/ignore")
@gate.policy(Audience.STAFF, Permission.REPLAY_MESSAGE)
def ignore(message_id: str) -> AnyResponse:
    """Set a refused or held message aside, for a typed reason that is kept."""
    why, problem = _why()
    if problem:
        return _page(message_id, {"why-ignore": problem}, HTTPStatus.UNPROCESSABLE_ENTITY, why)
    now = clock.now()
    try:
        with unit_of_work.begin() as session:
            message = set_aside(session, public_id(message_id), me(), why, now)
            record(
                session, gate.actor(), "ignore", "inbound-message", now,
                patient_id=message.patient_id, detail={"inbound": message.id},
            )  # fmt: skip
    except MessageSettled:
        return redirect(url_for(".show", message_id=message_id, done="stale"), HTTPStatus.SEE_OTHER)
    way, _, name = message.source.partition(":")
    return redirect(
        url_for("console.feeds.source", way=way, name=name, done="ignored"), HTTPStatus.SEE_OTHER
    )


def _page(
    message_id: str, problems: dict[str, str], status: HTTPStatus, why: str = ""
) -> AnyResponse:
    with unit_of_work.begin() as session:
        message = read_masked(session, public_id(message_id))
    role = gate.signed_in().role
    way, _, name = message.source.partition(":")
    page = render_template(
        "console/message.html",
        message=message, way=way, name=name, problems=problems, why=why,
        can_replay=message.status in REPLAYABLE, can_ignore=message.status in IGNORABLE,
        can_read=role is not None and may(role, Permission.READ_RAW_MESSAGE),
        notice=_NOTICES.get(request.args.get("done", "")), words=feed_words, now=clock.now(),
    )  # fmt: skip
    return make_response(page, int(status))


def _why() -> tuple[str, str | None]:
    """Return the typed reason and what is wrong with it."""
    why = " ".join(request.form.get("why", "").split())
    if len(why) < SHORTEST_REASON:
        return why, f"请写明原因，至少 {SHORTEST_REASON} 个字"
    if len(why) > LONGEST_REASON:
        return why, f"原因最多 {LONGEST_REASON} 个字，现在有 {len(why)} 个"
    return why, None
