"""S15 对接状态: each source in a row, what it sent that we could not take, and reading it again."""

import re
from http import HTTPStatus
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.console import feed_words
from app.console.desk import desk
from app.database import unit_of_work
from app.domain.errors import NotFound
from app.domain.intake.replays import REPLAYABLE
from app.domain.trust.access import Audience, Permission
from app.models.trust.audit import record
from app.services.intake import replay_runs
from app.services.intake.replay_runs import Which
from app.services.staff import feed_status
from app.web import gate
from app.web.addresses import public_id
from app.web.staff import me

views = Blueprint("feeds", __name__)

_NAME: Final = re.compile(r"[a-z0-9-]{1,32}")
_REASON: Final = re.compile(r"[A-Za-z0-9 _-]{0,64}")
_NOTICES: Final = {
    "started": "已安排重放，进度见下。",
    "stopping": "正在停止，手上的一批做完就停。",
    "ignored": "已忽略。消息仍然保留，可在“已忽略”中找到。",
    "none": "没有符合条件的消息，不需要重放。",
}


@views.get("/feeds")
@gate.policy(Audience.STAFF, Permission.WATCH_FEEDS)
def overview() -> str:
    """Show every source, and how the platforms' limits stand."""
    now = clock.now()
    with unit_of_work.begin() as session:
        sources = feed_status.read_sources(
            session, desk().watches, now, clock.start_of_day(clock.today()), clock.HOSPITAL
        )
        tokens = feed_status.read_tokens(session)
        held = feed_status.count_held_messages(session)
    return render_template(
        "console/feeds.html",
        sources=sources, tokens=tokens, held=held, words=feed_words, now=now,
    )  # fmt: skip


@views.get("/feeds/<way>/<name>")
@gate.policy(Audience.STAFF, Permission.WATCH_FEEDS)
def source(way: str, name: str) -> str:
    """Show one source: its state, and its messages of one status, maybe of one reason."""
    asked = request.args.get("status", "")
    status = asked if asked in feed_words.TABS else "rejected"
    reason = _reason(request.args.get("reason"))
    before = request.args.get("before", "")
    now = clock.now()
    with unit_of_work.begin() as session:
        one = feed_status.read_source(
            session, _source(way, name), desk().watches, now,
            clock.start_of_day(clock.today()), clock.HOSPITAL,
        )  # fmt: skip
        if one is None:
            raise NotFound
        page = feed_status.list_messages(
            session, one.source, status, reason,
            int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None,
        )  # fmt: skip
        reasons = feed_status.count_reasons(session, one.source, status)
        run = replay_runs.last_run(session, one.source)
    return render_template(
        "console/feed.html",
        one=one, way=way, name=name, status=status, reason=reason, page=page, reasons=reasons,
        run=run, is_later=bool(before), can_replay=status in REPLAYABLE,
        notice=_NOTICES.get(request.args.get("done", "")), words=feed_words, now=now,
    )  # fmt: skip


@views.post("/feeds/<way>/<name>/replay")
@gate.policy(Audience.STAFF, Permission.REPLAY_MESSAGE)
def replay(way: str, name: str) -> AnyResponse:
    """Have all messages of a status, or of one reason, read again by the clock process."""
    status = request.form.get("status", "")
    if status not in REPLAYABLE:
        raise NotFound
    which = Which(_source(way, name), status, _reason(request.form.get("reason")))
    now = clock.now()
    with unit_of_work.begin() as session:
        run = replay_runs.start(session, which, me(), now)
        detail = {
            "run": run.id, "source": run.source, "status": run.status, "reason": run.reason,
            "messages": run.total,
        }  # fmt: skip
        record(session, gate.actor(), "replay", "inbound-message", now, detail=detail)
    done = "started" if run.total else "none"
    return redirect(
        url_for(".source", way=way, name=name, status=status, done=done), HTTPStatus.SEE_OTHER
    )


@views.post("/replays/<run_id>/stop")
@gate.policy(Audience.STAFF, Permission.REPLAY_MESSAGE)
def stop(run_id: str) -> AnyResponse:
    """Stop a run; what it read again already stays read."""
    now = clock.now()
    with unit_of_work.begin() as session:
        run = replay_runs.stop(session, public_id(run_id))
        record(
            session, gate.actor(), "stop", "replay", now,
            detail={"run": run.id, "source": run.source},
        )  # fmt: skip
    way, _, name = run.source.partition(":")
    return redirect(
        url_for(".source", way=way, name=name, status=run.status, done="stopping"),
        HTTPStatus.SEE_OTHER,
    )


def _source(way: str, name: str) -> str:
    """:raises NotFound: no source is called so"""
    if not _NAME.fullmatch(way) or not _NAME.fullmatch(name):
        raise NotFound
    return f"{way}:{name}"


def _reason(text: str | None) -> str | None:
    return text if text and _REASON.fullmatch(text) else None
