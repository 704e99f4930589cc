"""open.weixin.qq.com: the WeCom sign-in page, where a visitor chooses which member to be."""

import time
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from standin.config import Agent, Corp
from standin.gateway import play
from standin.standin import Standin

MAX_STATE_BYTES = 128


class BadLink(Exception):
    """The link cannot be opened; the text says why."""


def blueprint(standin: Standin) -> Blueprint:
    oauth = Blueprint("oauth", __name__, url_prefix="/open")

    @oauth.get("/connect/oauth2/authorize")
    def authorize() -> AnyResponse:
        started = time.monotonic()
        fault = standin.faults.take("open", "/connect/oauth2/authorize")
        played = play(fault, "open", request) if fault else None
        response: AnyResponse = played.logged[2] if played else _authorize(standin)
        with standin.lock:
            standin.world.traffic.add(
                "/open/connect/oauth2/authorize",
                errcode=None,
                status=played.logged[0] if played else response.status_code,
                ms=1000 * (time.monotonic() - started),
            )
        return response

    return oauth


def _authorize(standin: Standin) -> AnyResponse:
    try:
        corp, agent = _read_link(standin)
    except BadLink as error:
        return Response(render_template("bad_link.html", reason=str(error)), 400)
    chosen = (
        request.args.get("as") or standin.world.signed_in or request.cookies.get("standin_member")
    )
    members = [one for one in corp.members if agent.agentid in one.agents]
    member = next((one for one in members if one.userid == chosen), None)
    if member is None:
        page = make_response(
            render_template("authorize.html", members=members, agent=agent, link=request.args)
        )
        # A form's redirect is held to form-action too, and this one leads to the product.
        page.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'self'"
        return page
    with standin.lock:
        code = standin.world.add_code("member", member.userid, corp.corpid, standin.clock.now())
    target = request.args["redirect_uri"]
    separator = "&" if urlsplit(target).query else "?"
    query = urlencode({"code": code, "state": request.args.get("state", "")})
    return redirect(f"{target}{separator}{query}")


def _read_link(standin: Standin) -> tuple[Corp, Agent]:
    """Return the corp and the app that may redirect there.

    :raises BadLink: with the errcode a real page would show, where there is one
    """
    link = request.args
    corp = standin.config.corp(link.get("appid", ""))
    if corp is None:
        raise BadLink("appid 不是已知的企业")
    if link.get("response_type") != "code":
        raise BadLink("response_type 必须是 code")
    if link.get("scope") not in ("snsapi_base", "snsapi_privateinfo"):
        raise BadLink("scope 不正确")
    if len(link.get("state", "").encode()) > MAX_STATE_BYTES:
        raise BadLink("state 超过 128 字节（40058）")
    if link["scope"] == "snsapi_privateinfo" and not link.get("agentid"):
        raise BadLink("snsapi_privateinfo 需要 agentid")
    return corp, _trusting_agent(corp, link.get("agentid"), link.get("redirect_uri", ""))


def _trusting_agent(corp: Corp, agentid: str | None, redirect_uri: str) -> Agent:
    target = urlsplit(redirect_uri)
    if target.scheme not in ("http", "https"):
        raise BadLink("redirect_uri 不是网址")
    for agent in corp.agents:
        if agentid in (None, "", str(agent.agentid)) and target.netloc in agent.trusted_domains:
            return agent
    raise BadLink("redirect_uri 的域名不是可信域名（50001）")
