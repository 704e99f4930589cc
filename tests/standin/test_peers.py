"""wechatpy, which knows nothing of the stand-in, talks to it as it would to the platforms."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from wechatpy import WeChatClient
from wechatpy.exceptions import APILimitedException, WeChatClientException
from wechatpy.work import WeChatClient as WorkClient

from tests.standin.support import (
    ACCOUNT,
    AGENT,
    CORP,
    FOLLOWER_TEMPLATE,
    MINI,
    ONE_TIME,
    Platform,
)


class Rerouted(HTTPAdapter):
    """Sends requests for a platform's host to the stand-in; wechatpy's token URLs are fixed."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def send(self, request: requests.PreparedRequest, *args: Any, **kw: Any) -> requests.Response:
        assert request.url is not None
        url = urlsplit(request.url)
        request.url = f"{self.base}{url.path}?{url.query}"
        return super().send(request, *args, **kw)


def rerouted(client: Any, platform: Platform) -> Any:
    client._http.mount("https://api.weixin.qq.com", Rerouted(f"{platform.url}/weixin"))
    client._http.mount("https://qyapi.weixin.qq.com", Rerouted(f"{platform.url}/qyapi"))
    return client


@pytest.fixture
def mini(platform: Platform) -> Iterator[Any]:
    client = rerouted(WeChatClient(MINI, "mini-secret"), platform)
    yield client
    client._http.close()


@pytest.fixture
def account(platform: Platform) -> Iterator[Any]:
    client = rerouted(WeChatClient(ACCOUNT, "account-secret"), platform)
    yield client
    client._http.close()


@pytest.fixture
def work(platform: Platform) -> Iterator[Any]:
    client = rerouted(WorkClient(CORP, "agent-secret", auto_retry=False), platform)
    yield client
    client._http.close()


def test_wechatpy_logs_a_patient_in_and_reads_the_number(platform: Platform, mini: Any) -> None:
    code = platform.control("/phones/o-one/login-code", appid=MINI)["code"]
    assert mini.wxa.code_to_session(code)["openid"] == "o-one"
    code = platform.control("/phones/o-one/phone-code", phone="13800000001")["code"]
    found = mini.wxa.get_phone_number(code)
    assert found["phone_info"]["phoneNumber"] == "13800000001"


def test_wechatpy_sends_a_subscribe_message(platform: Platform, mini: Any) -> None:
    platform.control("/phones", appid=MINI, openids=["o-one"], grants={ONE_TIME: 1})
    data = {"thing1": {"value": "记录血糖"}, "time2": {"value": "2026年3月1日 18:30"}}
    sent = mini.wxa.send_subscribe_message("o-one", ONE_TIME, data, page="pages/task/index")
    assert sent["msgid"]
    with pytest.raises(WeChatClientException) as refused:
        mini.wxa.send_subscribe_message("o-one", ONE_TIME, data)
    assert refused.value.errcode == 43101


def test_wechatpy_renews_a_token_that_was_refused_once(platform: Platform, mini: Any) -> None:
    platform.control("/phones", appid=MINI, openids=["o-one"], grants={ONE_TIME: 1})
    platform.control("/faults", path="/subscribe/send", kind="errcode", value=42001, times=1)
    data = {"thing1": {"value": "记录血糖"}, "time2": {"value": "18:30"}}
    assert mini.wxa.send_subscribe_message("o-one", ONE_TIME, data)["msgid"]
    assert len(platform.ledger("token_issued")) == 2


def test_wechatpy_sends_a_template_message_and_reads_the_follower(
    platform: Platform, account: Any
) -> None:
    platform.control("/phones", appid=ACCOUNT, openids=["f-one"], follow=True)
    data = {"thing1": {"value": "请查看"}, "keyword2": {"value": "随访"}}
    sent = account.message.send_template("f-one", FOLLOWER_TEMPLATE, data, url="http://x.test")
    assert sent["msgid"]
    assert account.user.get("f-one")["subscribe"] == 1


def test_wechatpy_sends_app_messages_and_reads_members(platform: Platform, work: Any) -> None:
    sent = work.message.send_text(AGENT, ["NurseChen", "nobody"], "有一条预警")
    assert sent["invaliduser"] == "nobody"
    card = work.message.send_text_card(
        AGENT, ["NurseChen"], "预警", "请处理", "http://x.test", btntxt="打开"
    )
    assert card["errcode"] == 0
    assert work.user.get("nurse-li")["name"] == "演示李护士"
    assert work.misc.get_wechat_ips()


def test_wechatpy_understands_refusals(platform: Platform, work: Any) -> None:
    with pytest.raises(WeChatClientException) as refused:
        work.message.send_text(AGENT, ["nobody"], "有一条预警")
    assert refused.value.errcode == 81013
    platform.control("/faults", path="/message/send", kind="errcode", value=45009, times=1)
    with pytest.raises(APILimitedException):
        work.message.send_text(AGENT, ["NurseChen"], "有一条预警")
