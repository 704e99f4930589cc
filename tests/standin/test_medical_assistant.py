"""就医助手: by openid of either app, without a subscription, one effect a message id."""

from typing import Any

import pytest

from tests.standin.support import ACCOUNT, MEDICAL_STATUS, MINI, Platform

PATH = "/weixin/cityservice/sendchannelmsg"
PHONE = "o-visit"
INFO = {"pat_name": "演示", "pat_hospital_id": "H1", "department_name": "门诊楼 2 层"}


@pytest.fixture
def token(platform: Platform) -> str:
    platform.control("/phones", appid=MINI, openids=[PHONE])
    value: str = platform.stable_token(ACCOUNT, "account-secret")["access_token"]
    return value


def send(platform: Platform, token: str, info: Any = INFO, **changes: Any) -> int:
    body = {
        "status": MEDICAL_STATUS, "open_id": PHONE, "order_id": "visit-1", "msg_id": "m-1",
        "app_id": ACCOUNT, "business_id": 150, "business_info": info,
    }  # fmt: skip
    errcode: int = platform.raw_json(PATH, body | changes, token)["errcode"]
    return errcode


def test_a_message_id_has_one_effect_for_a_user_and_a_visit(platform: Platform, token: str) -> None:
    page = {"page_type": "mini_program", "app_id": MINI, "fullpath": "pages/task/index?id=7"}
    assert send(platform, token, INFO | {"redirect_page": page}) == 0
    assert send(platform, token, INFO | {"redirect_page": page}) == 0
    assert send(platform, token, order_id="visit-2") == 0
    assert send(platform, token, msg_id="m-2") == 0
    first, *others = platform.ledger("medical_message", openid=PHONE)
    assert (len(others), first["data"], first["redirect"]) == (2, INFO, page)


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"status": 1501999}, 47001),
        ({"status": "1501001"}, 47001),
        ({"business_id": 151}, 47001),
        ({"app_id": MINI}, 40013),
        ({"open_id": "o-stranger"}, 40003),
        ({"order_id": ""}, 47001),
        ({"info": {}}, 47001),
        ({"info": INFO | {"department_name": " "}}, 47001),
        ({"info": INFO | {"amount": 1.5}}, 47001),
        ({"info": INFO | {"redirect_page": {"page_type": "web"}}}, 47001),
        (
            {"info": INFO | {"redirect_page": {
                "page_type": "mini_program", "app_id": MINI, "fullpath": "pages/none",
            }}},
            41030,
        ),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_refused(
    platform: Platform, token: str, changes: Any, errcode: int
) -> None:
    assert send(platform, token, **changes) == errcode
    assert platform.ledger("medical_message") == []


def test_it_takes_the_token_of_the_official_account(platform: Platform, token: str) -> None:
    assert send(platform, platform.stable_token()["access_token"]) == 48001
