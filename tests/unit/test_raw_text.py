"""What a masked message shows: its shape, and nothing of a person, whatever is wrong with it."""

import json
import random

import pytest

from app.domain.intake.raw_text import decoded, masked

CANARIES = ("李卡纳", "13912345678", "330102195005040011", "CARD778899", "卡纳路9号")
HL7 = (
    "MSH|^~\\&|HIS|H1|CL|H1|20260504120000||ADT^A01|M1|P|2.4\r"
    "EVN|A01|20260504120000\r"
    "PID|1||CARD778899^^^H1^MR~330102195005040011^^^CN^SS||李卡纳||19500504|M|||卡纳路9号||13912345678\r"
    "NK1|1|李卡纳|SPO||13912345678\r"
    "PV1|1|I|W1^01^李卡纳\r"
    "OBX|1|NM|15074-8^葡萄糖^LN||7.1|mmol/L|||||F\r"
    "OBX|2|TX|李卡纳||13912345678\r"
)


def leaks(text: str) -> list[str]:
    return [one for one in CANARIES if one in text]


def test_an_hl7_message_keeps_its_segments_and_fields() -> None:
    lines = masked(HL7).splitlines()

    assert lines[0] == "MSH|^~\\&|HIS|H1|CL|H1|20260504120000||ADT^A01|M1|P|2.4"
    assert lines[2] == "PID|1||▢^^^▢^▢~▢^^^▢^▢||▢||▢|▢|||▢||▢".replace("PID|1", "PID|▢")
    assert lines[5].startswith("OBX|1|NM|▢^▢^▢||▢|mmol/L|||||F")
    assert leaks(masked(HL7)) == []


@pytest.mark.parametrize(
    "text",
    [
        HL7.replace("\r", " "),  # no line ends: everything is in MSH
        HL7.replace("\r", "\\r"),
        HL7.replace("|", "，"),
        HL7[40:],
        "MSH" + HL7,
        HL7.replace("MSH|^~\\&", "MSH|李卡纳"),
        "李卡纳,13912345678,CARD778899",
        json.dumps({"resourceType": "Patient", "name": [{"text": "李卡纳"}], "code": "李卡纳"}),
        json.dumps({"李卡纳": 1, "telecom": 13912345678}, ensure_ascii=False),
        '{"name": "李卡纳", broken',
        "<xml><FromUserName>CARD778899</FromUserName><Content><![CDATA[李卡纳]]></Content></xml>",
        "<xml><MsgType>李卡纳</MsgType>13912345678<Content>李卡纳",
        "<a 李卡纳='13912345678'>CARD778899</a>",
    ],
)
def test_a_broken_message_shows_nobody_either(text: str) -> None:
    assert leaks(masked(text)) == []


def test_messages_cut_and_shuffled_at_random_show_nobody() -> None:
    chance = random.Random(7)
    marks = '\r\n|^~&\\<>{}[]":, '
    for _ in range(3000):
        text = list(HL7)
        for _ in range(chance.randrange(1, 6)):
            place = chance.randrange(len(text))
            if text[place] in marks:
                text[place] = chance.choice(marks)
        start = chance.randrange(0, 60)
        assert "李卡纳" not in masked("".join(text)[start:])
        assert "330102195005040011" not in masked("".join(text)[start:])


def test_a_platforms_push_keeps_its_kind() -> None:
    push = (
        "<xml><ToUserName><![CDATA[ww1]]></ToUserName><FromUserName>o-abc</FromUserName>"
        "<CreateTime>1777867200</CreateTime><MsgType>event</MsgType><Event>subscribe</Event></xml>"
    )

    shown = masked(push)

    assert "<Event>subscribe</Event>" in shown
    assert "<FromUserName>▢</FromUserName>" in shown


def test_fhir_keeps_what_kind_of_thing_it_is() -> None:
    shown = json.loads(
        masked(
            json.dumps(
                {
                    "resourceType": "Observation",
                    "status": "final",
                    "code": {"coding": [{"system": "http://loinc.org", "code": "15074-8"}]},
                    "valueQuantity": {"value": 7.1, "unit": "mmol/L"},
                    "subject": {"reference": "Patient/CARD778899"},
                }
            )
        )
    )

    assert shown["status"] == "final"
    assert shown["code"]["coding"] == [{"system": "http://loinc.org", "code": "15074-8"}]
    assert shown["subject"] == {"reference": "▢"}
    assert shown["valueQuantity"]["value"] == "▢"


@pytest.mark.parametrize("codec", ["utf-8", "gb18030"])
def test_text_is_read_in_the_charset_that_fits(codec: str) -> None:
    assert decoded("PID|1||李卡纳".encode(codec)) == "PID|1||李卡纳"
