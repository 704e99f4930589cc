"""api.weixin.qq.com: tokens, login and identity. Messages are in weixin_messages."""

from typing import Any

from standin import shapes
from standin.config import MiniProgram, OfficialAccount
from standin.errors import Refusal
from standin.gateway import Answer, Call, Endpoint
from standin.standin import Standin
from standin.tokens import OVERLAP, Token
from standin.world import Code, CodeKind, Phone

FORCED_A_DAY = 20
FORCED_APART_SECONDS = 30


def mini_program(standin: Standin, call: Call) -> MiniProgram:
    """Return the mini-program whose token came with the call."""
    account = _token_holder(standin, call)
    if not isinstance(account, MiniProgram):
        raise Refusal(48001, "api unauthorized")
    return account


def official_account(standin: Standin, call: Call) -> OfficialAccount:
    """Return the official account whose token came with the call."""
    account = _token_holder(standin, call)
    if not isinstance(account, OfficialAccount):
        raise Refusal(48001, "api unauthorized")
    return account


def phone_of(standin: Standin, openid: str, appid: str) -> Phone:
    """Return the user; an openid is good in its own AppID only.

    :raises Refusal: 40003
    """
    phone = standin.world.phones.get(openid)
    if phone is None or phone.appid != appid:
        raise Refusal(40003, "invalid openid")
    return phone


def _token_holder(standin: Standin, call: Call) -> MiniProgram | OfficialAccount:
    value = call.query.get("access_token")
    token = standin.world.tokens.check(value, call.now, unknown=40001)
    account = standin.config.account(token.owner)
    if account is None:
        raise Refusal(40001, "invalid credential, access_token of another platform")
    return account


def _account(standin: Standin, appid: str, secret: str) -> MiniProgram | OfficialAccount:
    account = standin.config.account(appid)
    if account is None:
        raise Refusal(40013, "invalid appid")
    if account.secret != secret:
        raise Refusal(40125, "invalid appsecret")
    return account


def stable_token(standin: Standin, call: Call) -> Answer:
    """Give the token in force, or a new one in its last five minutes; both then overlap.

    A forced refresh kills the old one. Forcing again within 30 s answers 45011, the 21st of a day
    45009: our assumption, the page gives the limits without the codes.
    """
    if call.body["grant_type"] != "client_credential":
        raise Refusal(40002, "invalid grant_type")
    appid = _account(standin, call.body["appid"], call.body["secret"]).appid
    world = standin.world
    _within(standin, ("stable_token", appid), 10_000, 500_000, call.now)
    token = world.tokens.current("stable", appid, call.now, spare=OVERLAP)
    if call.body.get("force_refresh"):
        _allow_force(standin, appid, call.now)
        world.tokens.kill("stable", appid)
        token = None
    if token is None:
        token = world.tokens.issue("stable", appid, call.now)
        world.ledger.add("token_issued", app=appid, token_kind="stable")
    return _token_answer(token, call.now)


def _allow_force(standin: Standin, appid: str, now: float) -> None:
    world = standin.world
    if world.recall(("force_refresh", appid), now) is not None:
        raise Refusal(45011, "api minute-quota reached: force_refresh within 30 seconds")
    if not world.quotas.spend(("force_refresh", appid), "day", FORCED_A_DAY, now):
        raise Refusal(45009, "reach max api daily quota limit: force_refresh")
    world.remember(("force_refresh", appid), now + FORCED_APART_SECONDS, {})


def plain_token(standin: Standin, call: Call) -> Answer:
    """Give a new token every time; the one before lives five minutes more."""
    if call.query.get("grant_type") != "client_credential":
        raise Refusal(40002, "invalid grant_type")
    account = _account(standin, call.need("appid", 41002), call.need("secret", 41004))
    if not standin.world.quotas.spend(("token", account.appid), "day", 2000, call.now):
        raise Refusal(45009, "reach max api daily quota limit")
    token = standin.world.tokens.issue("plain", account.appid, call.now)
    standin.world.ledger.add("token_issued", app=account.appid, token_kind="plain")
    return _token_answer(token, call.now)


def _token_answer(token: Token, now: float) -> Answer:
    return {"access_token": token.value, "expires_in": int(token.expires_at - now)}


def _within(standin: Standin, key: tuple[str, str], minute: int, day: int, now: float) -> None:
    if not standin.world.quotas.spend(key, "day", day, now):
        raise Refusal(45009, "reach max api daily quota limit")
    if not standin.world.quotas.spend(key, "minute", minute, now):
        raise Refusal(45011, "api minute-quota reached, must slower, retry next minute")


def use_code(standin: Standin, value: Any, kind: CodeKind, issuer: str, now: float) -> Code:
    """Return the code and mark it used.

    :raises Refusal: 40029 unknown, expired, of another app; 40163 used before
    """
    code = standin.world.codes.get(value)
    if code is None or code.kind != kind or code.issuer != issuer or code.expires_at <= now:
        raise Refusal(40029, "invalid code")
    if code.is_used:
        raise Refusal(40163, "code been used")
    code.is_used = True
    return code


def login(standin: Standin, call: Call) -> Answer:
    """jscode2session: no access token; the session key is new at every login."""
    account = _account(standin, call.need("appid", 41002), call.need("secret", 41004))
    if call.query.get("grant_type") != "authorization_code":
        raise Refusal(40002, "invalid grant_type")
    code = use_code(standin, call.need("js_code", 41008), "login", account.appid, call.now)
    if not standin.world.quotas.spend(("login", code.holder), "minute", 100, call.now):
        raise Refusal(45011, "api minute-quota reached, must slower, retry next minute")
    phone = phone_of(standin, code.holder, account.appid)
    return {
        "openid": phone.openid,
        "session_key": standin.new_session_key(),
        "unionid": phone.unionid,
    }


def phone_number(standin: Standin, call: Call) -> Answer:
    """getuserphonenumber; a used code is 40029 here, the page knows no 40163."""
    account = call.account
    try:
        code = use_code(standin, call.body["code"], "phone", account.appid, call.now)
    except Refusal as refusal:
        raise Refusal(40029, "invalid code") from refusal
    if call.body.get("openid") not in (None, code.holder):
        raise Refusal(40003, "invalid openid")
    return {
        "errcode": 0,
        "errmsg": "ok",
        "phone_info": {
            "phoneNumber": code.detail,
            "purePhoneNumber": code.detail,
            "countryCode": "86",
            "watermark": {"timestamp": int(call.now), "appid": account.appid},
        },
    }


def user_info(standin: Standin, call: Call) -> Answer:
    """user/info; of one who does not follow nothing but that is told."""
    openid = call.need("openid", 40003)
    phone = phone_of(standin, openid, call.account.appid)
    if not phone.is_following:
        return {"subscribe": 0, "openid": openid}
    return {
        "subscribe": 1,
        "openid": openid,
        "nickname": "",
        "sex": 0,
        "language": "zh_CN",
        "city": "",
        "province": "",
        "country": "",
        "headimgurl": "",
        "subscribe_time": int(phone.followed_at),
        "unionid": phone.unionid,
        "remark": "",
        "groupid": 0,
        "tagid_list": [],
        "subscribe_scene": "ADD_SCENE_QR_CODE",
        "qr_scene": 0,
        "qr_scene_str": "",
    }


def web_login(standin: Standin, call: Call) -> Answer:
    """sns/oauth2/access_token of the official account; its token opens nothing here."""
    account = _account(standin, call.need("appid", 41002), call.need("secret", 41004))
    if call.query.get("grant_type") != "authorization_code":
        raise Refusal(40002, "invalid grant_type")
    code = use_code(standin, call.need("code", 41008), "account", account.appid, call.now)
    phone = phone_of(standin, code.holder, account.appid)
    return {
        "access_token": standin.new_session_key(),
        "expires_in": 7200,
        "refresh_token": standin.new_session_key(),
        "openid": phone.openid,
        "scope": "snsapi_base",
        "unionid": phone.unionid,
    }


ENDPOINTS = (
    Endpoint("weixin", "POST", "/cgi-bin/stable_token", stable_token, shape=shapes.STABLE_TOKEN),
    Endpoint("weixin", "GET", "/cgi-bin/token", plain_token),
    Endpoint("weixin", "GET", "/sns/jscode2session", login),
    Endpoint("weixin", "GET", "/sns/oauth2/access_token", web_login),
    Endpoint("weixin", "GET", "/cgi-bin/user/info", user_info, official_account),
    Endpoint(
        "weixin",
        "POST",
        "/wxa/business/getuserphonenumber",
        phone_number,
        mini_program,
        shapes.PHONE_NUMBER,
    ),
)
