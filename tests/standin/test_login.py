"""Login, phone number, followers and members: who is this?"""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.standin.support import ACCOUNT, AGENT, CORP, MINI, OTHER_MINI, Platform


def login(platform: Platform, code: str, appid: str = MINI, secret: str = "mini-secret") -> Any:
    return platform.get(
        "/weixin/sns/jscode2session",
        appid=appid,
        secret=secret,
        js_code=code,
        grant_type="authorization_code",
    )


def test_a_login_code_works_once(platform: Platform) -> None:
    code = platform.control("/phones/o-one/login-code", appid=MINI)["code"]
    first = login(platform, code)
    assert first["openid"] == "o-one"
    assert first["session_key"]
    assert login(platform, code)["errcode"] == 40163


def test_a_login_code_dies_after_five_minutes(
    platform: Platform, move_clock: Callable[[float], None]
) -> None:
    code = platform.control("/phones/o-one/login-code", appid=MINI)["code"]
    move_clock(301)
    assert login(platform, code)["errcode"] == 40029


def test_a_login_code_is_good_in_its_own_app_only(platform: Platform) -> None:
    code = platform.control("/phones/o-one/login-code", appid=MINI)["code"]
    assert login(platform, code, OTHER_MINI, "other-secret")["errcode"] == 40029
    assert login(platform, "made-up")["errcode"] == 40029


def test_the_unionid_is_stable_and_can_be_set_to_join_two_apps(platform: Platform) -> None:
    derived = login(platform, platform.control("/phones/o-a/login-code", appid=MINI)["code"])
    again = login(platform, platform.control("/phones/o-a/login-code", appid=MINI)["code"])
    assert derived["unionid"] == again["unionid"]
    platform.control("/phones/f-a/follow", appid=ACCOUNT, unionid=derived["unionid"])
    token = platform.stable_token(ACCOUNT, "account-secret")["access_token"]
    info = platform.get("/weixin/cgi-bin/user/info", access_token=token, openid="f-a")
    assert (info["subscribe"], info["unionid"]) == (1, derived["unionid"])


def test_of_one_who_left_only_that_is_told(platform: Platform) -> None:
    platform.control("/phones/f-a/follow", appid=ACCOUNT)
    platform.control("/phones/f-a/unfollow", appid=ACCOUNT)
    token = platform.stable_token(ACCOUNT, "account-secret")["access_token"]
    info = platform.get("/weixin/cgi-bin/user/info", access_token=token, openid="f-a")
    assert info == {"subscribe": 0, "openid": "f-a"}


def test_an_openid_belongs_to_one_app(platform: Platform) -> None:
    platform.control("/phones/o-a/login-code", appid=MINI)
    url = f"{platform.url}/standin/phones/o-a/login-code"
    assert platform.http.post(url, json={"appid": ACCOUNT}, timeout=5).status_code == 409


def test_a_phone_code_gives_the_number_once_and_is_no_login_code(platform: Platform) -> None:
    platform.control("/phones", appid=MINI, openids=["o-one"])
    code = platform.control("/phones/o-one/phone-code", phone="13800000001")["code"]
    assert login(platform, code)["errcode"] == 40029
    token = platform.stable_token()["access_token"]
    path = "/weixin/wxa/business/getuserphonenumber"
    answer = platform.post(path, {"code": code}, access_token=token)
    assert answer["phone_info"]["purePhoneNumber"] == "13800000001"
    assert answer["phone_info"]["watermark"]["appid"] == MINI
    assert platform.post(path, {"code": code}, access_token=token)["errcode"] == 40029


def test_a_follower_signs_in_on_the_web_once(platform: Platform) -> None:
    code = platform.control("/phones/f-a/oauth-code", appid=ACCOUNT)["code"]
    query = {
        "appid": ACCOUNT,
        "secret": "account-secret",
        "code": code,
        "grant_type": "authorization_code",
    }
    assert platform.get("/weixin/sns/oauth2/access_token", **query)["openid"] == "f-a"
    assert platform.get("/weixin/sns/oauth2/access_token", **query)["errcode"] == 40163


def identity(platform: Platform, code: str, secret: str = "agent-secret") -> Any:
    token = platform.corp_token(secret)
    return platform.get("/qyapi/cgi-bin/auth/getuserinfo", access_token=token, code=code)


def test_a_member_code_names_the_member_once(platform: Platform) -> None:
    code = platform.control("/members/nursechen/oauth-code", agentid=AGENT)["code"]
    assert identity(platform, code)["userid"] == "NurseChen"
    assert identity(platform, code)["errcode"] == 40029


def test_a_member_out_of_sight_is_refused(platform: Platform) -> None:
    code = platform.control("/members/nurse-li/oauth-code", agentid=AGENT)["code"]
    assert identity(platform, code, "other-agent-secret")["errcode"] == 60011


def test_members_are_read_within_the_visible_range(platform: Platform) -> None:
    def read(userid: str) -> Any:
        token = platform.corp_token()
        return platform.get("/qyapi/cgi-bin/user/get", access_token=token, userid=userid)

    assert read("NURSECHEN")["name"] == "演示陈护士"
    assert "mobile" not in read("NurseChen")
    assert read("outsider")["errcode"] == 60011
    assert read("nobody")["errcode"] == 60111


def test_the_callback_addresses_are_told(platform: Platform) -> None:
    answer = platform.get("/qyapi/cgi-bin/getcallbackip", access_token=platform.corp_token())
    assert answer["ip_list"]


LINK = {
    "appid": CORP,
    "redirect_uri": "http://careloop.test:8080/wecom/signed-in?next=%2Ftoday",
    "response_type": "code",
    "scope": "snsapi_base",
    "state": "s-1",
    "agentid": str(AGENT),
}


def open_link(platform: Platform, **changes: str) -> Any:
    return platform.http.get(
        f"{platform.url}/open/connect/oauth2/authorize",
        params=LINK | changes,
        allow_redirects=False,
        timeout=5,
    )


def test_the_sign_in_page_offers_the_members_who_see_the_app(platform: Platform) -> None:
    page = open_link(platform)
    assert page.status_code == 200
    assert "以 演示陈护士 身份进入" in page.text
    assert "演示外科" not in page.text
    assert '<html lang="zh-CN">' in page.text


def test_choosing_a_member_leads_back_with_code_and_state(platform: Platform) -> None:
    answer = open_link(platform, **{"as": "NurseChen"})
    assert answer.status_code == 302
    target = urlsplit(answer.headers["Location"])
    query = parse_qs(target.query)
    assert target.netloc == "careloop.test:8080"
    assert (query["state"], query["next"]) == (["s-1"], ["/today"])
    assert identity(platform, query["code"][0])["userid"] == "NurseChen"


def test_a_member_signed_in_by_control_is_let_through(platform: Platform) -> None:
    platform.control("/signed-in", userid="nurse-li")
    assert open_link(platform).status_code == 302
    platform.control("/signed-in", userid=None)
    assert open_link(platform).status_code == 200


def test_a_foreign_host_or_port_is_not_trusted(platform: Platform) -> None:
    for address in ("http://evil.test/", "http://careloop.test/", "javascript:alert(1)"):
        answer = open_link(platform, redirect_uri=address, **{"as": "NurseChen"})
        assert answer.status_code == 400
        assert "Location" not in answer.headers
