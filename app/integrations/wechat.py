"""Calls to WeChat: mini-program and official account, with tokens and errors as we want them.

wechatpy builds the request and reads the answer; it never retries and never fetches a token.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from wechatpy import WeChatClient
from wechatpy.exceptions import WeChatClientException

from app.domain.outreach.medical_assistant import BUSINESS_ID
from app.domain.outreach.messaging import ErrorClass, Failure, Platform, classify
from app.integrations.platform_http import CallFailed, CodeRefused, PlatformHttp
from app.integrations.token_store import TokenStore

log = structlog.get_logger()

# A token's fetch ends within the lease of `TokenStore`, or another process would begin one too.
TOKEN_SECONDS: Final = 8.0
# code used or unknown, used before, user at risk (code2Session)
_CODE_REFUSALS: Final = frozenset({40029, 40163, 40226})
_TRACE: Final = re.compile(r"(?:rid: ?|hint: ?\[)([0-9A-Za-z_-]{1,64})")
_ID: Final = re.compile(r"[!-~]{1,64}")

Answer = dict[str, Any]


class TokenCalls:
    """What stands before a wechatpy client: one retry, one refresher, no foreign exception."""

    PLATFORM: ClassVar[Platform]
    _http: PlatformHttp

    def __init__(
        self, app_key: str, id_: str, secret: str, api_base: str, tokens: TokenStore
    ) -> None:
        super().__init__(id_, secret, auto_retry=False)  # type: ignore[call-arg]
        self.app_key = app_key
        self.api_base = api_base.rstrip("/")
        self.API_BASE_URL = f"{self.api_base}/cgi-bin/"
        self._http = PlatformHttp()
        self._tokens = tokens

    def fetch_token(self) -> tuple[str, int]:
        """Ask the platform for a token; returns it and its life in seconds."""
        raise NotImplementedError

    def call(self, method: str, path: str, **kwargs: Any) -> Answer:
        """Return the platform's answer to a call with a token, `path` under `/cgi-bin/`.

        A refused token is replaced once and the call made once more.

        :raises CallFailed: with the class of the error
        """
        token = self._token()
        try:
            return self._once(method, path, token, **kwargs)
        except CallFailed as error:
            refused = error.failure
        if refused.error_class is not ErrorClass.TOKEN:
            raise CallFailed(refused)
        try:
            was_dropped = self._tokens.drop_if(token)
        except (SQLAlchemyError, CallFailed):
            # The platform's word stands: nothing was sent.
            raise CallFailed(refused) from None
        renewed = self._token()
        if renewed == token and not was_dropped:
            raise CallFailed(refused)  # dropped moments ago already: stop here
        return self._once(method, path, renewed, **kwargs)

    def call_plain(
        self, method: str, path: str, *, total: float | None = None, **kw: Any
    ) -> Answer:
        """Return the answer to a call outside `/cgi-bin/`, or one that takes no token."""
        if total is not None:
            kw["total"] = total
        # Any token, even none, keeps wechatpy from asking for one.
        kw["params"] = {**kw.get("params", {}), "access_token": None}
        return self._once(method, self.api_base + path, None, **kw)

    def _token(self) -> str:
        """:raises CallFailed: the call itself was not made, whatever became of the token's"""
        try:
            return self._tokens.get() or self._tokens.refresh(self.fetch_token)
        except CallFailed as error:
            failure = error.failure
        except SQLAlchemyError:
            failure = Failure(ErrorClass.NOT_SENT)
        if failure.error_class is ErrorClass.AMBIGUOUS:
            failure = Failure(ErrorClass.NOT_SENT)
        elif failure.error_class is ErrorClass.TOKEN:
            failure = Failure(ErrorClass.OURS, failure.errcode)  # here it means a wrong secret
        raise CallFailed(failure)

    def _once(self, method: str, path: str, token: str | None, **kwargs: Any) -> Answer:
        if token is not None:
            kwargs["params"] = {**kwargs.get("params", {}), "access_token": token}
        trace = None
        try:
            answer = self._request(method, path, **kwargs)  # type: ignore[attr-defined]
        except CallFailed as error:
            failure = error.failure
        except WeChatClientException as error:
            told = str(error.errmsg)
            failure = Failure(classify(self.PLATFORM, error.errcode, told), error.errcode)
            trace = _TRACE.search(told)
        except (ValueError, TypeError, RecursionError):
            failure = Failure(ErrorClass.AMBIGUOUS)
        else:
            if isinstance(answer, dict):
                return answer
            failure = Failure(ErrorClass.AMBIGUOUS)  # not the object every answer is
        log.warning(
            "platform_call_failed",
            app=self.app_key,
            error_class=failure.error_class.value,
            errcode=failure.errcode,
            rid=trace.group(1) if trace else None,
        )
        raise CallFailed(failure)


def read_token(answer: Answer) -> tuple[str, int]:
    """Return token and life in seconds of a token answer.

    :raises CallFailed: neither is in it
    """
    token, seconds = answer.get("access_token"), answer.get("expires_in")
    if not isinstance(token, str) or not token or not isinstance(seconds, int):
        raise CallFailed(Failure(ErrorClass.AMBIGUOUS))
    return token, seconds


def platform_id(value: object) -> str | None:
    """Return a message's id as we keep it; None for none, or one we cannot keep."""
    text = str(value) if isinstance(value, int | str) else ""
    return text if _ID.fullmatch(text) else None


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Who logged in; the session key stays on the server."""

    openid: str
    unionid: str | None
    session_key: str


@dataclass(frozen=True, slots=True)
class Follower:
    is_following: bool
    unionid: str | None


class _Account(TokenCalls, WeChatClient):  # type: ignore[misc]
    PLATFORM = Platform.WECHAT

    def fetch_token(self) -> tuple[str, int]:
        """`stable_token`, not `token`: a second environment cannot kill what it gave us."""
        body = {"grant_type": "client_credential", "appid": self.appid, "secret": self.secret}
        path = "/cgi-bin/stable_token"
        return read_token(self.call_plain("post", path, data=body, total=TOKEN_SECONDS))


class MiniProgram(_Account):
    """One mini-program; make one an app and process, threads may share it."""

    def __init__(
        self,
        app_key: str,
        appid: str,
        secret: str,
        api_base: str,
        tokens: TokenStore,
        state: str = "formal",
    ) -> None:
        super().__init__(app_key, appid, secret, api_base, tokens)
        self._state = state

    def exchange_code(self, code: str) -> LoggedIn:
        """Return who is behind a code of `wx.login`; it needs no access token.

        :raises CodeRefused: begin the login anew
        :raises CallFailed: anything else
        """
        query = {
            "appid": self.appid,
            "secret": self.secret,
            "js_code": code,
            "grant_type": "authorization_code",
        }
        try:
            answer = self.call_plain("get", "/sns/jscode2session", params=query)
        except CallFailed as error:
            failure = error.failure
        else:
            return _read_login(answer)
        if failure.errcode in _CODE_REFUSALS:
            raise CodeRefused
        raise CallFailed(failure)

    def send_subscription(
        self, openid: str, template_id: str, page: str | None, data: Mapping[str, str]
    ) -> str | None:
        """Send a subscribe message and return its id.

        :raises CallFailed: AMBIGUOUS: it may have been sent, and a right may be spent
        """
        body: Answer = {
            "touser": openid,
            "template_id": template_id,
            "data": {keyword: {"value": text} for keyword, text in data.items()},
            "miniprogram_state": self._state,
            "lang": "zh_CN",
        }
        if page:
            body["page"] = page
        return platform_id(self.call("post", "message/subscribe/send", data=body).get("msgid"))

    def send_customer_service(self, openid: str, msgtype: str, content: Mapping[str, str]) -> None:
        """Send a customer-service message; WeChat gives it no id.

        :raises CallFailed: WINDOW: the person has not acted lately, or not often enough
        """
        body = {"touser": openid, "msgtype": msgtype, msgtype: dict(content)}
        self.call("post", "message/custom/send", data=body)


class OfficialAccount(_Account):
    """One certified service account; `mini_program_appid` is the program its messages open."""

    def __init__(
        self,
        app_key: str,
        appid: str,
        secret: str,
        api_base: str,
        tokens: TokenStore,
        mini_program_appid: str | None = None,
    ) -> None:
        super().__init__(app_key, appid, secret, api_base, tokens)
        self._program = mini_program_appid

    def send_template(
        self,
        openid: str,
        template_id: str,
        page: str | None,
        data: Mapping[str, str],
        client_msg_id: str,
    ) -> str | None:
        """Send a template message and return its id; a repeat of `client_msg_id` sends nothing."""
        body: Answer = {
            "touser": openid,
            "template_id": template_id,
            "data": {keyword: {"value": text} for keyword, text in data.items()},
            "client_msg_id": client_msg_id,
        }
        if page and self._program:
            body["miniprogram"] = {"appid": self._program, "pagepath": page}
        return platform_id(self.call("post", "message/template/send", data=body).get("msgid"))

    def send_medical(
        self,
        openid: str,
        status: int,
        order_id: str,
        msg_id: str,
        fields: Mapping[str, str],
        page: str | None,
    ) -> None:
        """Send a message of 就医助手; a repeat of `msg_id` for the same order sends nothing.

        `openid` may be the mini-program's: the two apps have one owner.
        """
        info: Answer = dict(fields)
        if page and self._program:
            info["redirect_page"] = {
                "page_type": "mini_program",
                "app_id": self._program,
                "fullpath": page,
            }
        body = {
            "status": status,
            "open_id": openid,
            "order_id": order_id,
            "msg_id": msg_id,
            "app_id": self.appid,
            "business_id": BUSINESS_ID,
            "business_info": info,
        }
        self.call("post", f"{self.api_base}/cityservice/sendchannelmsg", data=body)

    def follower(self, openid: str) -> Follower:
        """Return whether a user follows the account, and who they are over our apps."""
        answer = self.call("get", "user/info", params={"openid": openid, "lang": "zh_CN"})
        return Follower(answer.get("subscribe") == 1, platform_id(answer.get("unionid")))


def _read_login(answer: Answer) -> LoggedIn:
    openid, key = platform_id(answer.get("openid")), answer.get("session_key")
    if openid is None or not isinstance(key, str):
        raise CallFailed(Failure(ErrorClass.AMBIGUOUS))
    return LoggedIn(openid, platform_id(answer.get("unionid")), key)
