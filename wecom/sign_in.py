"""Sign-in through WeCom (网页授权登录) and sign-out."""

import re
import secrets
from datetime import datetime
from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.database import unit_of_work
from app.domain.errors import SignInRequired
from app.domain.trust.access import Actor, Audience, Permission
from app.models.trust.audit import record
from app.services.staff.staff_sign_in import (
    STATE_LIFETIME,
    find_practitioner,
    start_sign_in,
    use_state,
)
from app.services.trust.sessions import begin_session, end_session, find_session
from app.web import gate
from app.web.addresses import return_path
from wecom.desk import CodeRefused, CodeUnanswered, SignInApp, desk

BROWSER_COOKIE: Final = "__Host-careloop-sign-in"
_BROWSER: Final = re.compile("[0-9a-f]{64}")

views = Blueprint("sign_in", __name__)


@views.get("/sign-in/<app_key>")
@gate.policy(Audience.ANYONE, why="the door itself; it opens nothing")
def begin(app_key: str) -> AnyResponse:
    """Send the browser to WeCom, remembering where it wanted to go."""
    app = desk().app(app_key)
    wanted = return_path(request.args.get("to", ""))
    with unit_of_work.begin() as session:
        started = start_sign_in(session, app.key, wanted, _browser(), clock.now())
    back = desk().public_url.rstrip("/") + url_for(".finish", app_key=app.key)
    response = redirect(app.authorize_url(started.state, back))
    _set_cookie(response, BROWSER_COOKIE, started.browser, int(STATE_LIFETIME.total_seconds()))
    return response


@views.get("/signed-in/<app_key>")
@gate.policy(Audience.ANYONE, why="known by the state that only this browser holds")
def finish(app_key: str) -> AnyResponse:
    """Take WeCom's answer: a code that says who came, and our state."""
    app = desk().app(app_key)
    state, code = request.args.get("state", ""), request.args.get("code", "")
    with unit_of_work.begin() as session:
        wanted = use_state(session, app.key, state, _browser(), clock.now())
    if wanted is None or not code:
        return _start_again(app, wanted)
    try:
        userid = app.exchange(code)  # no transaction is open: WeCom may keep us waiting
    except CodeRefused:
        return _start_again(app, wanted)
    except CodeUnanswered:
        return _page("wecom/unanswered.html", HTTPStatus.SERVICE_UNAVAILABLE, app, wanted)
    return _let_in(app, userid, wanted)


@views.post("/sign-out")
@gate.policy(Audience.STAFF, Permission.OWN_SESSION)
def leave() -> AnyResponse:
    """End this session here and on the server."""
    now = clock.now()
    with unit_of_work.begin() as session:
        end_session(session, gate.signed_in().session_id, now)
        record(session, gate.actor(), "sign-out", "session", now)
    response = redirect(url_for(".left"), HTTPStatus.SEE_OTHER)
    response.delete_cookie(gate.STAFF_COOKIE, secure=True, httponly=True, samesite="Lax")
    return response


@views.get("/signed-out")
@gate.policy(Audience.ANYONE, why="says only that one has left")
def left() -> AnyResponse:
    return _page("wecom/signed_out.html", HTTPStatus.OK, desk().first_app(), None)


def ask_to_sign_in(error: SignInRequired) -> AnyResponse:
    """Lead who only looks to the door; tell who wanted to change something that it was not done."""
    app = desk().first_app()
    if request.method == "GET" and app is not None:
        wanted = return_path(request.full_path.rstrip("?"))
        return redirect(url_for("nurse.sign_in.begin", app_key=app.key, to=wanted))
    return _page("wecom/session_lost.html", HTTPStatus.UNAUTHORIZED, app, None)


def _let_in(app: SignInApp, userid: str, wanted: str) -> AnyResponse:
    now = clock.now()
    with unit_of_work.begin() as session:
        practitioner_id = find_practitioner(session, app.corp_key, userid)
        if practitioner_id is not None:
            _end_former(session, now)
            token = begin_session(session, now, practitioner_id=practitioner_id)
        actor = Actor("practitioner", practitioner_id, g.request_id)
        outcome = "refused" if practitioner_id is None else "success"
        record(session, actor, "sign-in", "session", now, outcome=outcome, detail={"app": app.key})
    if practitioner_id is None:
        return _page("wecom/unknown.html", HTTPStatus.FORBIDDEN, app, None)
    response = redirect(wanted, HTTPStatus.SEE_OTHER)
    _set_cookie(response, gate.STAFF_COOKIE, token, None)
    response.delete_cookie(BROWSER_COOKIE, secure=True, httponly=True, samesite="Lax")
    return response


def _end_former(session: Session, now: datetime) -> None:
    """End the session this browser came with: nobody carries one over a sign-in."""
    try:
        former = find_session(session, request.cookies.get(gate.STAFF_COOKIE, ""), now)
    except SignInRequired:
        return
    end_session(session, former.session_id, now)


def _start_again(app: SignInApp, wanted: str | None) -> AnyResponse:
    """Answer a repeated or late call-back: browsers resend and prefetch them on their own.

    A redirect could go round for ever where cookies are off, so a person decides.
    """
    if _is_signed_in():
        return redirect(return_path(wanted or ""), HTTPStatus.SEE_OTHER)
    return _page("wecom/start_again.html", HTTPStatus.BAD_REQUEST, app, wanted)


def _is_signed_in() -> bool:
    token = request.cookies.get(gate.STAFF_COOKIE, "")
    try:
        with unit_of_work.begin() as session:
            find_session(session, token, clock.now())
    except SignInRequired:
        return False
    return True


def _browser() -> str:
    given = request.cookies.get(BROWSER_COOKIE, "")
    return given if _BROWSER.fullmatch(given) else secrets.token_hex(32)


def _page(template: str, status: HTTPStatus, app: SignInApp | None, wanted: str | None) -> Response:
    again = url_for("nurse.sign_in.begin", app_key=app.key, to=wanted) if app else None
    page = render_template(template, again=again, hospital_phone=desk().hospital_phone)
    return make_response(page, int(status))


def _set_cookie(response: AnyResponse, name: str, value: str, seconds: int | None) -> None:
    """Set a cookie that only this host, only over HTTPS and no script may read."""
    response.set_cookie(
        name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="Lax"
    )
