"""The encryption of callbacks, against the official answer and wechatpy."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wechatpy.crypto import WeChatCrypto as AccountCrypto
from wechatpy.work.crypto import PrpCrypto
from wechatpy.work.crypto import WeChatCrypto as CorpCrypto

from standin import crypto
from tests.standin.support import AES_KEY

OFFICIAL_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
OFFICIAL_CORP = "wx5823bf96d3bd56c7"


# The ciphertext that Tencent's own sample code prints for these settings.
OFFICIAL_CIPHERTEXT = (
    "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUp"
    "j911L3vg3W/sYYvuJTs3TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue"
    "06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+"
    "3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH"
    "27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8"
    "R07+qN+E7Q=="
)


def test_the_official_known_answer_has_this_signature_and_says_hello() -> None:
    signed = crypto.signature("QDG6eK", "1409659813", "1372623149", OFFICIAL_CIPHERTEXT)
    assert signed == "477715d11cdb4164915debcba66cb864d751f3e6"
    plain = crypto.decrypt(OFFICIAL_KEY, OFFICIAL_CIPHERTEXT, OFFICIAL_CORP).decode()
    assert "<Content><![CDATA[hello]]></Content>" in plain


def test_wechatpy_accepts_what_we_sign_and_encrypt_with_the_official_settings() -> None:
    ciphertext = crypto.encrypt(OFFICIAL_KEY, b"hello", OFFICIAL_CORP)
    signed = crypto.signature("QDG6eK", "1", "2", ciphertext)
    peer = CorpCrypto("QDG6eK", OFFICIAL_KEY, OFFICIAL_CORP)
    assert peer.check_signature(signed, "1", "2", ciphertext) == "hello"


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_wechatpy_reads_what_we_encrypt_and_we_read_what_it_encrypts(text: str) -> None:
    key = base64.b64decode(AES_KEY + "=")
    ours = crypto.encrypt(AES_KEY, text.encode(), "corp")
    assert PrpCrypto(key).decrypt(ours, "corp") == text
    theirs = PrpCrypto(key).encrypt(text, "corp").decode()
    assert crypto.decrypt(AES_KEY, theirs, "corp") == text.encode()


def test_two_encryptions_of_one_text_differ() -> None:
    assert crypto.encrypt(AES_KEY, b"x", "corp") != crypto.encrypt(AES_KEY, b"x", "corp")


def test_a_message_for_another_receiver_is_refused() -> None:
    with pytest.raises(crypto.BadCiphertext):
        crypto.decrypt(AES_KEY, crypto.encrypt(AES_KEY, b"x", "corp"), "other")


@pytest.mark.parametrize("ciphertext", ["", "AAAA", "*", base64.b64encode(bytes(32)).decode()])
def test_broken_ciphertext_is_refused(ciphertext: str) -> None:
    with pytest.raises(crypto.BadCiphertext):
        crypto.decrypt(AES_KEY, ciphertext, "corp")


def test_the_account_crypto_is_the_same_algorithm() -> None:
    ciphertext = crypto.encrypt(AES_KEY, "你好".encode(), "wxapp")
    peer = AccountCrypto("t", AES_KEY, "wxapp")
    signed = crypto.signature("t", "1", "2", ciphertext)
    assert peer.decrypt_message({"Encrypt": ciphertext}, signed, "1", "2") == "你好"
