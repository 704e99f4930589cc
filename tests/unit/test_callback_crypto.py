"""Callback cryptography against the official answer and an independent implementation."""

import base64
import random
import string
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from wechatpy.crypto import WeChatCrypto
from wechatpy.work.crypto import WeChatCrypto as WeComCrypto

from app.integrations.callback_crypto import (
    MAX_BODY,
    CallbackCrypto,
    CallbackRefused,
    Query,
    signature,
)

NOW = datetime(2026, 5, 4, 4, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
TOKEN = "UnitTestToken"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
CORP = "ww0000000000unit00"
CRYPTO = CallbackCrypto.of(TOKEN, AES_KEY, CORP)
MESSAGE = b"<xml><MsgType><![CDATA[event]]></MsgType></xml>"


def pushed(
    message: bytes = MESSAGE, crypto: CallbackCrypto = CRYPTO, stamp: str = STAMP
) -> tuple[dict[str, list[str]], bytes]:
    """Return query and body of a push as the platform makes them."""
    return around(crypto.encrypt(message), crypto.token, stamp)


def around(
    encrypted: str, token: str = TOKEN, stamp: str = STAMP
) -> tuple[dict[str, list[str]], bytes]:
    signed = signature(token, stamp, "1372623149", encrypted)
    query = {"msg_signature": [signed], "timestamp": [stamp], "nonce": ["1372623149"]}
    return query, f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>".encode()


def sealed(plain: bytes) -> str:
    """Return base64 of AES-CBC over exactly these bytes."""
    encryptor = Cipher(algorithms.AES256(CRYPTO.key), modes.CBC(CRYPTO.key[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


def refused(query: Query, body: bytes, now: datetime = NOW) -> bool:
    try:
        CRYPTO.open_message(query, body, now)
    except CallbackRefused:
        return True
    return False


def test_the_official_example_opens() -> None:
    crypto = CallbackCrypto.of(
        "QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "wx5823bf96d3bd56c7"
    )
    encrypted = (
        "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUp"
        "j911L3vg3W/sYYvuJTs3TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue"
        "06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+"
        "3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH"
        "27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8"
        "R07+qN+E7Q=="
    )
    query = {
        "msg_signature": ["477715d11cdb4164915debcba66cb864d751f3e6"],
        "timestamp": ["1409659813"],
        "nonce": ["1372623149"],
    }
    body = f"<xml><ToUserName>x</ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"

    plain = crypto.open_message(query, body.encode(), datetime.fromtimestamp(1409659813, UTC))

    assert b"<Content><![CDATA[hello]]></Content>" in plain


def test_a_thousand_messages_pass_both_ways_between_us_and_wechatpy() -> None:
    chance = random.Random(20260504)
    letters = string.printable + "血糖随访患者预警，。😀"
    for _ in range(1000):
        key = "".join(chance.choices(string.ascii_letters + string.digits, k=43))
        token = "".join(chance.choices(string.ascii_letters + string.digits, k=20))
        ours = CallbackCrypto.of(token, key, CORP)
        theirs = chance.choice([WeComCrypto, WeChatCrypto])(token, key, CORP)
        message = "".join(chance.choices(letters, k=chance.randrange(1, 400)))

        query, body = pushed(message.encode(), ours)
        signed = (query["msg_signature"][0], STAMP, "1372623149")
        assert theirs.decrypt_message(body.decode(), *signed) == message

        reply = theirs.encrypt_message(message, "1372623149", STAMP)
        encrypted = reply.split("<Encrypt><![CDATA[")[1].split("]]>")[0]
        assert ours.open_message(*around(encrypted, token), NOW).decode() == message


def test_a_reply_of_ours_opens_at_the_platform() -> None:
    reply = CRYPTO.seal_reply("<xml>收到</xml>".encode(), NOW)
    nonce = reply.split("<Nonce><![CDATA[")[1].split("]]>")[0]
    signed = reply.split("<MsgSignature><![CDATA[")[1].split("]]>")[0]

    plain = WeComCrypto(TOKEN, AES_KEY, CORP).decrypt_message(reply, signed, STAMP, nonce)

    assert plain == "<xml>收到</xml>"
    assert reply != CRYPTO.seal_reply("<xml>收到</xml>".encode(), NOW)


@pytest.mark.parametrize("seconds", [-301, 301, 3600, -1_000_000_000])
def test_a_push_of_another_time_is_refused(seconds: int) -> None:
    query, body = pushed()

    assert refused(query, body, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-299, 0, 299])
def test_clocks_may_differ_by_five_minutes(seconds: int) -> None:
    query, body = pushed()

    assert CRYPTO.open_message(query, body, NOW + timedelta(seconds=seconds)) == MESSAGE


def test_every_part_of_the_address_is_signed() -> None:
    query, body = pushed()
    changes = {
        "msg_signature": ["0" * 40, "", "血糖", query["msg_signature"][0].upper()],
        "timestamp": [str(int(STAMP) + 1), "", "soon", STAMP + "0", "²"],
        "nonce": ["1", ""],
    }

    for name, values in changes.items():
        for value in values:
            assert refused(query | {name: [value]}, body), (name, value)
        assert refused(query | {name: query[name] * 2}, body), f"{name} twice"
        assert refused({key: one for key, one in query.items() if key != name}, body)


def test_one_changed_character_anywhere_in_the_ciphertext_is_refused() -> None:
    query, body = pushed()
    start, end = body.index(b"CDATA[") + 6, body.index(b"]]>")
    for at in range(start, end):
        other = b"A" if body[at : at + 1] != b"A" else b"B"
        assert refused(query, body[:at] + other + body[at + 1 :]), at


def test_a_body_cut_anywhere_is_refused() -> None:
    query, body = pushed()

    assert all(refused(query, body[:length]) for length in range(len(body)))


@pytest.mark.parametrize(
    "envelope",
    [
        "",
        "not xml",
        "<xml></xml>",
        "<xml><Encrypt/></xml>",
        "<xml><Encrypt>{0}</Encrypt><Encrypt>{0}</Encrypt></xml>",
        "<xml><Encrypt><Encrypt>{0}</Encrypt></Encrypt></xml>",
        "<xml><Encrypt a='1'>{0}</Encrypt></xml>",
        "<xml><Other>{0}</Other></xml>",
        "<root><Encrypt>{0}</Encrypt></root>",
        "<!DOCTYPE xml><xml><Encrypt>{0}</Encrypt></xml>",
        "<!DOCTYPE xml [<!ENTITY e '{0}'>]><xml><Encrypt>&e;</Encrypt></xml>",
        "<!DOCTYPE xml [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><xml><Encrypt>{0}</Encrypt></xml>",
        "<?php x?><xml><Encrypt>{0}</Encrypt></xml>",
        '{{"Encrypt": "{0}"}}',
        "<xml><Encrypt>{0}</Encrypt></xml><xml/>",
        "<xml>" * 20 + "<Encrypt>{0}</Encrypt>" + "</xml>" * 20,
        "<xml>text<Encrypt>{0}</Encrypt></xml>",
    ],
)
def test_an_envelope_of_another_form_is_refused(envelope: str) -> None:
    encrypted = CRYPTO.encrypt(MESSAGE)
    query, _ = around(encrypted)

    assert refused(query, envelope.format(encrypted).encode())


def test_a_body_that_is_not_utf_8_or_too_long_is_refused() -> None:
    query, body = pushed()
    long = body.replace(b"</xml>", b"<More>" + b"x" * MAX_BODY + b"</More></xml>")

    assert refused(query, body.decode().encode("utf-16"))
    assert refused(query, body.replace(b"<xml>", b"<xml><More>\xff</More>"))
    assert refused(query, long)
    assert not refused(query, long[: len(body) - 6] + b"<More>fits</More></xml>")


def test_a_message_for_somebody_else_is_refused() -> None:
    query, body = pushed(crypto=CallbackCrypto.of(TOKEN, AES_KEY, "ww0000000000other0"))

    assert refused(query, body)


@pytest.mark.parametrize(
    ("plain", "why"),
    [
        (b"r" * 16 + b"\0\0\0\1" + b"m" + CORP.encode() + b"\x20" * 24 + b"\1", "too little"),
        (b"r" * 16 + b"\xff\xff\xff\xff" + b"m" + CORP.encode(), "length past the end"),
        (b"r" * 16 + b"\0\0\0\0" + b"m" + CORP.encode(), "length before the message"),
        (b"r" * 10, "shorter than its head"),
    ],
)
def test_a_plaintext_that_does_not_add_up_is_refused(plain: bytes, why: str) -> None:
    pad = 32 - len(plain) % 32

    assert refused(*around(sealed(plain + bytes([pad]) * pad))), why


def test_padding_is_checked_byte_by_byte() -> None:
    head = b"r" * 16 + b"\0\0\0\1" + b"m" + CORP.encode()
    room = 64 - len(head)
    good = head + bytes([room]) * room

    assert CRYPTO.open_message(*around(sealed(good)), NOW) == b"m"
    for wrong in (
        head + b"\0" * room,
        head + bytes([room + 32]) * room,
        head + b"\1" + bytes([room]) * (room - 1),
        head + b"\x21" * 33 + b"x" * 31,
    ):
        assert refused(*around(sealed(wrong[: len(wrong) // 16 * 16])))
    # Whole blocks of the cipher, yet not of the padding.
    short = b"r" * 16 + b"\0\0\0\1m" + CORP.encode()
    assert refused(*around(sealed(short + bytes([48 - len(short)]) * (48 - len(short)))))


@pytest.mark.parametrize("encrypted", ["", "AAAA", "====", "not base64!", "QUFB QUFB", "汉"])
def test_a_ciphertext_that_is_no_base64_of_blocks_is_refused(encrypted: str) -> None:
    assert refused(*around(encrypted))


def test_the_check_of_an_address_is_answered_with_its_own_words() -> None:
    echo = CRYPTO.encrypt(b"1234567890")
    signed = signature(TOKEN, STAMP, "n", echo)
    query = {"msg_signature": [signed], "timestamp": [STAMP], "nonce": ["n"], "echostr": [echo]}

    assert CRYPTO.open_echo(query, NOW) == b"1234567890"
    # A plus sign that nobody escaped.
    assert CRYPTO.open_echo(query | {"echostr": [echo.replace("+", " ")]}, NOW) == b"1234567890"
    with pytest.raises(CallbackRefused):
        CRYPTO.open_echo(query | {"echostr": [CRYPTO.encrypt(b"1234567890")]}, NOW)


def test_the_check_of_wechat_is_verified_before_it_is_echoed() -> None:
    signed = signature(TOKEN, STAMP, "n")
    query = {"signature": [signed], "timestamp": [STAMP], "nonce": ["n"], "echostr": ["5837"]}

    assert CRYPTO.check_echo(query, NOW) == b"5837"
    for change in (
        {"signature": ["0" * 40]},
        {"nonce": ["m"]},
        {"echostr": ["<script>alert(1)</script>"]},
        {"echostr": ["x" * 200]},
    ):
        with pytest.raises(CallbackRefused):
            CRYPTO.check_echo(query | change, NOW)


@pytest.mark.parametrize("key", ["", "short", "a" * 42, "a" * 44, "=" * 43, "汉" * 43])
def test_a_key_of_another_form_stops_the_process(key: str) -> None:
    with pytest.raises(ValueError):
        CallbackCrypto.of(TOKEN, key, CORP)
