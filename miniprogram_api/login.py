"""Signing in by WeChat's login code, and out."""

from typing import Any

from flask import g
from werkzeug.exceptions import ServiceUnavailable

from app import clock
from app.database import unit_of_work
from app.domain.errors import SignInRequired
from app.domain.trust.access import Actor, Audience
from app.models.trust.audit import record
from app.services.trust.sessions import PATIENT_ABSOLUTE, begin_session, end_session
from app.services.trust.wechat_sign_in import CodeRefused, PlatformUnavailable, keep_account
from app.web import gate
from miniprogram_api.doors import blueprint, for_wechat_users
from miniprogram_api.people import list_people
from miniprogram_api.schemas import LoginIn, SessionOut
from miniprogram_api.services import phone_services

login = blueprint("login")


@login.post("/sessions")
@gate.policy(Audience.ANYONE, why="the login code says who comes; WeChat vouches for it once")
@login.input(LoginIn, arg_name="body")
@login.output(SessionOut, status_code=201)
def sign_in(body: dict[str, str]) -> dict[str, Any]:
    """Sign in with a WeChat login code

    A code works once and for five minutes; a refused one answers 401. The token goes into
    `Authorization: Bearer` and is shown only here. WeChat's session key stays on the server.
    """
    services = phone_services()
    # The platform may keep us waiting: no transaction is open here.
    try:
        identity = services.exchange_code(body["code"])
    except CodeRefused:
        raise SignInRequired from None
    except PlatformUnavailable:
        raise ServiceUnavailable from None
    now = clock.now()
    with unit_of_work.begin() as session:
        account_id = keep_account(session, services.mini_program_key, identity, now)
        token = begin_session(session, now, account_id=account_id)
        actor = Actor("wechat-account", account_id, g.request_id)
        record(session, actor, "sign-in", "session", now)
    people = list_people(actor, account_id, None, now)
    return {"token": token, "expires_at": now + PATIENT_ABSOLUTE, "people": people}


@login.delete("/sessions/current")
@for_wechat_users
@login.output({}, status_code=204)
def sign_out() -> str:
    """Sign out: the token works no more, at once"""
    now = clock.now()
    with unit_of_work.begin() as session:
        end_session(session, gate.signed_in().session_id, now)
        record(session, gate.actor(), "sign-out", "session", now)
    return ""
