"""Contact ways: made, scanned, told, and looked up."""

from tests.standin.support import CORP, MINI, Platform, Receiver
from tests.standin.test_callbacks import plain

WAYS = "/qyapi/cgi-bin/externalcontact"


def test_who_scans_a_contact_way_is_told_with_its_state_and_can_be_looked_up(
    platform: Platform, receiver: Receiver
) -> None:
    token = platform.corp_token()
    body = {"type": 2, "scene": 2, "state": "random-state", "user": ["NurseChen", "nurse-li"]}
    refused = platform.raw_json(f"{WAYS}/add_contact_way", body | {"state": "x" * 31}, token)
    assert refused["errcode"] == 40058
    outsider = platform.raw_json(f"{WAYS}/add_contact_way", body | {"user": ["outsider"]}, token)
    assert outsider["errcode"] == 60011
    way = platform.raw_json(f"{WAYS}/add_contact_way", body, token)
    assert way["qr_code"].startswith("https://")

    scan = {"appid": MINI, "unionid": "uPatient1", "config_id": way["config_id"]}
    platform.control("/phones/oPatient1/scan-contact-way", **scan)
    told = plain(receiver.received[0], CORP)
    assert (told["Event"], told["ChangeType"]) == (
        "change_external_contact", "add_external_contact",
    )  # fmt: skip
    assert (told["FromUserName"], told["State"], told["UserID"]) == (
        "sys", "random-state", "NurseChen",
    )  # fmt: skip
    query = {"access_token": token, "external_userid": told["ExternalUserID"]}
    found = platform.get(f"{WAYS}/get", **query)
    assert found["external_contact"]["unionid"] == "uPatient1"
    assert [one["state"] for one in found["follow_user"]] == ["random-state"]
    nobody = platform.get(f"{WAYS}/get", **query | {"external_userid": "wmNobody"})
    assert nobody["errcode"] == 84061
    gone = {"config_id": way["config_id"]}
    assert platform.raw_json(f"{WAYS}/del_contact_way", gone, token)["errcode"] == 0
    assert platform.raw_json(f"{WAYS}/del_contact_way", gone, token)["errcode"] == 41044
