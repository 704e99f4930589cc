"""The stand-in's shapes against the platforms' own definitions and sample bodies."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from standin import shapes, weixin_medical
from standin.checks import Record, problem
from standin.server import ENDPOINTS

pytestmark = pytest.mark.shared

SAMPLES = {
    "wechat/bodies/CgibinMessageSubscribe/CgibinMessageSubscribeSendRequest.json": (
        shapes.SUBSCRIBE_SEND
    ),
    "wechat/bodies/CgibinMessageTemplate/CgibinMessageTemplateSendRequest.json": (
        shapes.TEMPLATE_SEND
    ),
    "wechat/bodies/WxaBusiness/WxaBusinessGetUserPhoneNumberRequest.json": shapes.PHONE_NUMBER,
    "wechat/bodies/CityService/CityServiceSendChannelMessageRequest.json": (
        weixin_medical.SEND_CHANNEL
    ),
}
CARD_UPDATE = "wecom/bodies/CgibinMessage/CgibinMessageUpdateTemplateCardRequest.json"
APP_MESSAGE = "wecom/bodies/CgibinMessage/CgibinMessageSendRequest.json"
# The samples' second-level titles have six characters, the page advises five at most; a client may
# cut the sixth, so the stand-in refuses it.
TOO_LONG = "horizontal_content_list[1].keyname"


def sample(home: Path, name: str) -> Any:
    return json.loads((home / "samples" / name).read_text(encoding="utf-8-sig"))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_request_has_the_shape_we_ask_for(platform_samples: Path, name: str) -> None:
    body = sample(platform_samples, name)
    assert problem(SAMPLES[name], body) is None
    assert problem(SAMPLES[name], body | {"surprise": 1}) is not None


def shortened(card: dict[str, Any]) -> dict[str, Any]:
    rows = [row | {"keyname": row["keyname"][:5]} for row in card["horizontal_content_list"]]
    return card | {"horizontal_content_list": rows}


def one_kind(body: dict[str, Any], msgtype: str) -> dict[str, Any]:
    """Return a request of one kind: the sample holds the objects of all kinds at once."""
    common = {*shapes.MESSAGE_SEND.required, *shapes.MESSAGE_SEND.optional}
    common -= shapes.MESSAGE_PARTS.keys()
    request = {name: value for name, value in body.items() if name in common | {msgtype}}
    return request | {"msgtype": msgtype}


@pytest.mark.parametrize("msgtype", ["text", "textcard", "markdown"])
def test_the_sample_app_message_has_our_shape_in_each_kind(
    platform_samples: Path, msgtype: str
) -> None:
    request = one_kind(sample(platform_samples, APP_MESSAGE), msgtype)
    assert problem(shapes.MESSAGE_SEND, request) is None


def test_the_sample_cards_have_our_shape_but_for_a_long_title(platform_samples: Path) -> None:
    sent = one_kind(sample(platform_samples, APP_MESSAGE), "template_card")
    updated = sample(platform_samples, CARD_UPDATE)
    for shape, body in ((shapes.MESSAGE_SEND, sent), (shapes.UPDATE_CARD, updated)):
        found = problem(shape, body)
        assert found is not None
        assert found.at == f"body.template_card.{TOO_LONG}"
        body["template_card"] = shortened(body["template_card"])
        assert problem(shape, body) is None


def definitions(home: Path) -> dict[str, dict[str, Any]]:
    """Return Tencent's definitions of our calls by path; some have it in `url` only."""
    ours = [one.path for one in ENDPOINTS if one.host == "qyapi"]
    found = {}
    for file in sorted((home / "wecom-openapi" / "api").glob("*.yaml")):
        text = file.read_text(encoding="utf-8")
        # Some files of other calls are not YAML for a strict reader, so only ours are parsed.
        if any(path in text for path in ours):
            data = yaml.safe_load(text)
            address = str(data.get("path") or data.get("url") or "")
            found[address.removeprefix("https://qyapi.weixin.qq.com")] = data
    return found


# Documented outside the collection, which has no callback addresses, no end of contact ways and
# no results of a mass message.
UNDEFINED = {
    "/cgi-bin/getcallbackip",
    "/cgi-bin/externalcontact/del_contact_way",
    "/cgi-bin/externalcontact/cancel_groupmsg_send",
    "/cgi-bin/externalcontact/get_groupmsg_task",
    "/cgi-bin/externalcontact/get_groupmsg_send_result",
}


def test_every_wecom_endpoint_is_one_of_tencents_with_its_method(platform_samples: Path) -> None:
    known = definitions(platform_samples)
    ours = [one for one in ENDPOINTS if one.host == "qyapi" and one.path not in UNDEFINED]
    assert len(ours) == 8
    for endpoint in ours:
        assert known[endpoint.path]["method"] == endpoint.method, endpoint.path


def test_the_card_update_asks_for_what_tencent_requires(platform_samples: Path) -> None:
    request = definitions(platform_samples)["/cgi-bin/message/update_template_card"]["request"]
    required = {one["name"] for one in request["body"] if one["is_required"] is True}
    assert required == shapes.UPDATE_CARD.required.keys()
    named = {one["name"] for one in request["body"]}
    # The definition of 2022 knows the button only; the whole card came later.
    assert shapes.UPDATE_CARD.optional.keys() - named == {"template_card", "enable_id_trans"}
    assert named <= shapes.UPDATE_CARD.required.keys() | shapes.UPDATE_CARD.optional.keys()


def test_types_of_the_card_update_agree(platform_samples: Path) -> None:
    request = definitions(platform_samples)["/cgi-bin/message/update_template_card"]["request"]
    for field in request["body"]:
        shape = Record(optional={field["name"]: _of_update(field["name"])})
        wrong = 1 if field["type"] == 1 else "x"
        assert problem(shape, {field["name"]: wrong}) is not None, field["name"]


def _of_update(name: str) -> Any:
    return {**shapes.UPDATE_CARD.required, **shapes.UPDATE_CARD.optional}[name]


def test_the_token_answer_has_the_fields_tencent_lists(platform_samples: Path) -> None:
    known = definitions(platform_samples)["/cgi-bin/gettoken"]
    fields = {one["name"] for one in known["response"][0]["body"]}
    assert fields == {"errcode", "errmsg", "access_token", "expires_in"}
