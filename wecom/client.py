"""Calls to WeCom as one self-built application: messages, cards, and who signs in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from wechatpy.work import WeChatClient

from app.domain.outreach.messaging import Platform
from app.integrations.platform_http import CallFailed, CodeRefused
from app.integrations.token_store import TokenStore
from app.integrations.wechat import TOKEN_SECONDS, TokenCalls, platform_id, read_token

_INVALID_CODE: Final = 40029
# The longest time WeCom drops a repeat of the same bytes.
_DUPLICATE_SECONDS: Final = 14_400


@dataclass(frozen=True, slots=True)
class Sent:
    """What WeCom took; `refused` are the userids it left out, in WeCom's lower case."""

    platform_id: str | None
    response_code: str | None
    refused: tuple[str, ...]


class WeComClient(TokenCalls, WeChatClient):  # type: ignore[misc]
    """One application; make one an app and process, threads may share it."""

    PLATFORM = Platform.WECOM

    def __init__(
        self,
        app_key: str,
        corpid: str,
        agentid: int,
        secret: str,
        api_base: str,
        tokens: TokenStore,
    ) -> None:
        super().__init__(app_key, corpid, secret, api_base, tokens)
        self.agentid = agentid

    def fetch_token(self) -> tuple[str, int]:
        """`gettoken`: within its life the same token again; a wrong secret is 40001."""
        query = {"corpid": self.corp_id, "corpsecret": self.secret}
        return read_token(
            self.call_plain("get", "/cgi-bin/gettoken", params=query, total=TOKEN_SECONDS)
        )

    def send_message(
        self, userids: Sequence[str], msgtype: str, content: Mapping[str, Any]
    ) -> Sent:
        """Send a message; the same arguments make the same bytes, which WeCom drops for 4 hours.

        :raises CallFailed: nobody got it, or (AMBIGUOUS) nobody knows
        """
        body = {
            "touser": "|".join(userids),
            "msgtype": msgtype,
            "agentid": self.agentid,
            msgtype: content,
            "enable_duplicate_check": 1,
            "duplicate_check_interval": _DUPLICATE_SECONDS,
        }
        answer = self.call("post", "message/send", data=body)
        code = answer.get("response_code")
        return Sent(
            platform_id(answer.get("msgid")),
            code if isinstance(code, str) else None,
            tuple(one for one in str(answer.get("invaliduser") or "").split("|") if one),
        )

    def replace_buttons(
        self, userids: Sequence[str], response_code: str, text: str
    ) -> tuple[str, ...]:
        """Put `text` in place of a card's buttons; returns who was left out.

        A response code works once, within 72 hours.
        """
        body = {
            "userids": list(userids),
            "agentid": self.agentid,
            "response_code": response_code,
            "button": {"replace_name": text},
        }
        refused = self.call("post", "message/update_template_card", data=body).get("invaliduser")
        return tuple(map(str, refused)) if isinstance(refused, list) else ()

    def member_of_code(self, code: str) -> str:
        """Return the userid of who signs in.

        :raises CodeRefused: unknown, used or old code, or not a member of the corporation
        :raises CallFailed: anything else
        """
        try:
            answer = self.call("get", "auth/getuserinfo", params={"code": code})
        except CallFailed as error:
            failure = error.failure
        else:
            userid = platform_id(answer.get("userid"))
            if userid is None:
                raise CodeRefused
            return userid
        if failure.errcode == _INVALID_CODE:
            raise CodeRefused
        raise CallFailed(failure)


def authorize_url(page: str, corpid: str, agentid: int, redirect_uri: str, state: str) -> str:
    """Return where a browser inside WeCom goes to sign in; `page` is the platform's."""
    query = {
        "appid": corpid,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": "snsapi_base",
        "state": state,
        "agentid": agentid,
    }
    return f"{page}?{urlencode(query)}#wechat_redirect"
