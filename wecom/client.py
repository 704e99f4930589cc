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
_NO_CONTACT_WAY: Final = 41044
# A task has at most 10,000 customers, a page of results 1,000.
_RESULT_PAGES: Final = 11
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

    def add_contact_way(
        self, userids: Sequence[str], state: str, remark: str
    ) -> tuple[str | None, str | None]:
        """Make a QR code by which WeChat users add these members; return its id and picture.

        Each who does is told with `state` (30 characters). Without the id it cannot be closed.
        """
        body = {
            "type": 1 if len(userids) == 1 else 2,
            "scene": 2,
            "skip_verify": True,
            "remark": remark[:30],
            "state": state,
            "user": list(userids),
        }
        answer = self.call("post", "externalcontact/add_contact_way", data=body)
        picture = answer.get("qr_code")
        return platform_id(answer.get("config_id")), picture if isinstance(picture, str) else None

    def close_contact_way(self, config_id: str) -> None:
        """Take a QR code out of use; one that is gone already is fine."""
        try:
            self.call("post", "externalcontact/del_contact_way", data={"config_id": config_id})
        except CallFailed as error:
            if error.failure.errcode != _NO_CONTACT_WAY:
                raise

    def add_group_task(
        self, sender: str, external_userids: Sequence[str], text: str, link: Mapping[str, str]
    ) -> tuple[str | None, tuple[str, ...]]:
        """Make a mass message for `sender` to confirm; return its id and who cannot be written to.

        `link` (`title`, `url`) goes below the text, where there is one. A second call would be a
        second task.

        :raises CallFailed: there is no task, or (AMBIGUOUS) nobody knows
        """
        body: dict[str, Any] = {
            "chat_type": "single",
            "external_userid": list(external_userids),
            "sender": sender,
            "text": {"content": text},
        }
        if link:
            body["attachments"] = [{"msgtype": "link", "link": dict(link)}]
        answer = self.call("post", "externalcontact/add_msg_template", data=body)
        failed = answer.get("fail_list")
        return (
            platform_id(answer.get("msgid")),
            tuple(map(str, failed)) if isinstance(failed, list) else (),
        )

    def cancel_group_task(self, task_id: str) -> None:
        """Keep members from confirming a mass message any more; what was sent stays sent."""
        self.call("post", "externalcontact/cancel_groupmsg_send", data={"msgid": task_id})

    def group_task_results(self, task_id: str, sender: str) -> dict[str, int]:
        """Return what became of each customer of a mass message, by `external_userid`.

        0 waits for the member, 1 was sent, 2 is no friend any more, 3 had enough this month.
        """
        found: dict[str, int] = {}
        body: dict[str, Any] = {"msgid": task_id, "userid": sender, "limit": 1000}
        for _ in range(_RESULT_PAGES):
            answer = self.call("post", "externalcontact/get_groupmsg_send_result", data=body)
            for one in answer.get("send_list") or ():
                if isinstance(one, dict) and isinstance(one.get("status"), int):
                    found[str(one.get("external_userid"))] = one["status"]
            cursor = answer.get("next_cursor")
            if not isinstance(cursor, str) or not cursor:
                break
            body["cursor"] = cursor
        return found

    def unionid_of_customer(self, external_userid: str) -> str | None:
        """Return who a customer is over all our apps; None where the platform does not say."""
        query = {"external_userid": external_userid}
        contact = self.call("get", "externalcontact/get", params=query).get("external_contact")
        return platform_id(contact.get("unionid")) if isinstance(contact, dict) else None

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
