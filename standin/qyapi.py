"""qyapi.weixin.qq.com: token, identity and members. Messages are in qyapi_messages."""

from standin.config import Corp, Member
from standin.errors import Refusal
from standin.gateway import Answer, Call, Endpoint
from standin.standin import CorpApp, Standin

CALLBACK_IPS = ("101.226.103.0/25", "101.226.62.0/26")


def corp_app(standin: Standin, call: Call) -> CorpApp:
    """Return the app whose token came with the call."""
    value = call.query.get("access_token")
    token = standin.world.tokens.check(value, call.now, unknown=40014)
    corpid, _, agentid = token.owner.partition("/")
    corp = standin.config.corp(corpid)
    agent = corp.agent(int(agentid)) if corp else None
    if corp is None or agent is None:
        raise Refusal(40014, "invalid access_token")
    return CorpApp(corp, agent)


def get_token(standin: Standin, call: Call) -> Answer:
    """Give the same token as long as it lives, with its remaining time (our assumption)."""
    corp = standin.config.corp(call.need("corpid", 41002))
    if corp is None:
        raise Refusal(40013, "invalid corpid")
    secret = call.need("corpsecret", 41004)
    agent = next((one for one in corp.agents if one.secret == secret), None)
    if agent is None:
        raise Refusal(40001, "invalid credential: wrong corpsecret")
    owner, tokens = f"{corp.corpid}/{agent.agentid}", standin.world.tokens
    token = tokens.current("corp", owner, call.now)
    if token is None:
        token = tokens.issue("corp", owner, call.now)
        standin.world.ledger.add("token_issued", app=owner, token_kind="corp")
    return {
        "errcode": 0,
        "errmsg": "ok",
        "access_token": token.value,
        "expires_in": int(token.expires_at - call.now),
    }


def user_of_code(standin: Standin, call: Call) -> Answer:
    """auth/getuserinfo: a code is good once, for five minutes, in the corp it was made for."""
    app = call.corp_app
    code = standin.world.codes.get(call.query.get("code", ""))
    if (
        code is None
        or code.kind != "member"
        or code.issuer != app.corp.corpid
        or code.expires_at <= call.now
        or code.is_used
    ):
        raise Refusal(40029, "invalid code")
    code.is_used = True
    visible_member(app.corp, code.holder, app.agent.agentid)
    return {"errcode": 0, "errmsg": "ok", "userid": code.holder}


def visible_member(corp: Corp, userid: str, agentid: int) -> Member:
    """Return the member.

    :raises Refusal: 60111 unknown, 60011 outside the app's visible range
    """
    member = corp.member(userid)
    if member is None:
        raise Refusal(60111, "invalid userid")
    if agentid not in member.agents:
        raise Refusal(60011, "no privilege to access/modify contact")
    return member


def get_user(standin: Standin, call: Call) -> Answer:
    """user/get of a self-built app made after 2022-06-20: no mobile, no mail."""
    app = call.corp_app
    member = visible_member(app.corp, call.need("userid", 41009), app.agent.agentid)
    return {
        "errcode": 0,
        "errmsg": "ok",
        "userid": member.userid,
        "name": member.name,
        "department": [1],
        "order": [0],
        "position": "",
        "is_leader_in_dept": [0],
        "direct_leader": [],
        "alias": "",
        "telephone": "",
        "main_department": 1,
        "extattr": {"attrs": []},
        "status": 1,
        "external_position": "",
    }


def callback_ips(standin: Standin, call: Call) -> Answer:
    return {"errcode": 0, "errmsg": "ok", "ip_list": list(CALLBACK_IPS)}


ENDPOINTS = (
    Endpoint("qyapi", "GET", "/cgi-bin/gettoken", get_token),
    Endpoint("qyapi", "GET", "/cgi-bin/auth/getuserinfo", user_of_code, corp_app),
    Endpoint("qyapi", "GET", "/cgi-bin/user/get", get_user, corp_app),
    Endpoint("qyapi", "GET", "/cgi-bin/getcallbackip", callback_ips, corp_app),
)
