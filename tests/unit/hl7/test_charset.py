"""The same bytes mean different people in different charsets."""

import pytest

from app.domain.intake.rejections import Rejected, RejectionReason
from app.integrations.hl7.charset import configured_codec, decode


def adt(name: str, codec: str, declared: str = "") -> bytes:
    msh = f"MSH|^~\\&|HIS|YSYY|||20260504||ADT^A04|1|P|2.4||||||{declared}"
    return f"{msh}\rPID|1||1^^^HIS^MR||{name}\r".encode(codec)


@pytest.mark.parametrize(
    "name", ["沈珅", "演示甲", "买买提·艾合买提", "龚䶮", "Zhang San", "李　四"]
)
@pytest.mark.parametrize("codec", ["utf-8", "gb18030"])
@pytest.mark.parametrize("declared", ["", "ASCII"])
def test_an_undeclared_name_is_recognised(name: str, codec: str, declared: str) -> None:
    assert f"||{name}\r" in decode(adt(name, codec, declared), None).text


@pytest.mark.parametrize(
    ("codec", "declared"),
    [
        ("utf-8", "UNICODE UTF-8"),
        ("gb18030", "GB 18030-2000"),
        ("gb18030", "gb2312"),
        ("big5", "BIG-5"),
    ],
)
def test_a_declared_charset_is_believed(codec: str, declared: str) -> None:
    decoded = decode(adt("演示甲", codec, declared), None)

    assert "演示甲" in decoded.text
    assert decoded.issues == ()


def test_a_name_that_reads_as_letters_of_other_scripts_needs_the_configured_charset() -> None:
    body = adt("郑一", "gb18030")
    assert "郑" not in body.decode("utf-8")

    decoded = decode(body, "gb18030")

    assert "郑一" in decoded.text
    assert decoded.issues == ()


@pytest.mark.parametrize("declared", ["", "UNICODE UTF-8"])
def test_without_configuration_an_implausible_name_speaks_against_utf_8(declared: str) -> None:
    decoded = decode(adt("郑一", "gb18030", declared), None)

    assert "郑一" in decoded.text
    assert decoded.issues == ("charset-conflict" if declared else "charset-guessed",)


def test_a_cyrillic_name_is_left_alone() -> None:
    assert "Иванов" in decode(adt("Иванов", "utf-8", "UNICODE UTF-8"), None).text


def test_a_lying_declaration_is_overruled_and_recorded() -> None:
    decoded = decode(adt("沈珅", "gb18030", "UNICODE UTF-8"), None)

    assert "沈珅" in decoded.text
    assert decoded.issues == ("charset-conflict",)


def test_the_configured_charset_wins_over_the_declared_one_and_the_conflict_is_recorded() -> None:
    decoded = decode(adt("郑一", "gb18030", "UNICODE UTF-8"), "gb18030")

    assert "郑一" in decoded.text
    assert decoded.issues == ("charset-conflict",)


def test_the_configured_charset_wins_over_an_odd_name_which_is_recorded() -> None:
    decoded = decode(adt("Ли", "utf-8"), "utf-8")

    assert "Ли" in decoded.text
    assert decoded.issues == ("name-implausible",)


def test_a_configured_charset_that_does_not_fit_gives_way() -> None:
    decoded = decode(adt("演示甲", "gb18030"), "utf-8")

    assert "演示甲" in decoded.text
    assert decoded.issues == ("charset-conflict",)


def test_bytes_of_no_charset_are_rejected_not_repaired() -> None:
    with pytest.raises(Rejected) as caught:
        decode(b"MSH|^~\\&|\xff\xff\xff\xff\rPID|1||1||\xff\xff\r", None)

    assert caught.value.reason is RejectionReason.UNDECODABLE
    assert caught.value.is_transient


def test_an_unknown_declaration_is_recorded() -> None:
    assert "charset-unknown" in decode(adt("演示甲", "utf-8", "KLINGON"), None).issues


def test_a_misspelt_setting_is_refused() -> None:
    assert configured_codec("GBK") == configured_codec("gb18030") == "gb18030"
    assert configured_codec(None) is None
    with pytest.raises(ValueError, match="unknown charset: gb1830"):
        configured_codec("gb1830")
