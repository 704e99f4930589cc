"""Signature and encryption of callbacks (企业微信 加解密方案说明; 公众平台 安全模式 is the same).

Everything that is wrong is refused alike: who asks must not learn whether it was the signature,
the padding or the receiver.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from app.domain.outreach.platform_xml import NotReadable, read_xml

MAX_BODY: Final = 64 * 1024
WINDOW_SECONDS: Final = 300
_BLOCK: Final = 32  # padding is to 32 bytes, not to the cipher's 16
_PREFIX: Final = 16
_ECHO: Final = re.compile(r"[0-9A-Za-z_-]{1,128}")


class CallbackRefused(Exception):
    """Not from the platform, not for us, or not now."""


# Each parameter of the address with all its values.
Query = Mapping[str, Iterable[str]]


@dataclass(frozen=True, slots=True)
class CallbackCrypto:
    """One app's callback secrets; `receive_id` is the corpid, or the appid at WeChat."""

    token: str
    key: bytes
    receive_id: str

    @classmethod
    def of(cls, token: str, aes_key: str, receive_id: str) -> "CallbackCrypto":
        """Take the EncodingAESKey as the console shows it.

        :raises ValueError: not 43 letters and digits
        """
        key = base64.b64decode(aes_key + "=", validate=True)
        if len(aes_key) != 43 or len(key) != 32:
            raise ValueError("an EncodingAESKey has 43 characters")
        return cls(token, key, receive_id)

    def open_message(self, query: Query, body: bytes, now: datetime) -> bytes:
        """Return the plaintext of a push.

        :raises CallbackRefused: anything is wrong with it
        """
        return self.decrypt(signed_text(self.token, query, body, now))

    def open_echo(self, query: Query, now: datetime) -> bytes:
        """Return what WeCom's check of the address wants back.

        :raises CallbackRefused: anything is wrong with it
        """
        given, stamp, nonce, echo = _single(query, "msg_signature", "timestamp", "nonce", "echostr")
        # A plus sign that came unescaped was read as a space; base64 has none.
        encrypted = echo.replace(" ", "+")
        _check(self.token, given, (stamp, nonce, encrypted), stamp, now)
        return self.decrypt(encrypted)

    def check_echo(self, query: Query, now: datetime) -> bytes:
        """Return what WeChat's check of the address wants back, see `plain_echo`."""
        return plain_echo(self.token, query, now)

    def encrypt(self, message: bytes) -> str:
        plain = secrets.token_bytes(_PREFIX) + struct.pack(">I", len(message)) + message
        plain += self.receive_id.encode()
        pad = _BLOCK - len(plain) % _BLOCK
        encryptor = self._cipher().encryptor()
        sealed = encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()
        return base64.b64encode(sealed).decode()

    def decrypt(self, encrypted: str) -> bytes:
        """:raises CallbackRefused: not whole blocks, or padding, length or receiver are wrong"""
        try:
            sealed = base64.b64decode(encrypted, validate=True)
        except (ValueError, binascii.Error):
            raise CallbackRefused from None
        if not sealed or len(sealed) % _BLOCK:
            raise CallbackRefused
        decryptor = self._cipher().decryptor()
        padded = decryptor.update(sealed) + decryptor.finalize()
        pad = padded[-1]
        if not 1 <= pad <= _BLOCK or padded[-pad:] != bytes([pad]) * pad:
            raise CallbackRefused
        plain = padded[_PREFIX:-pad]
        if len(plain) < 4:
            raise CallbackRefused
        # A length past the end leaves nothing where the receiver has to stand.
        end = 4 + int.from_bytes(plain[:4], "big")
        if not hmac.compare_digest(plain[end:], self.receive_id.encode()):
            raise CallbackRefused
        return plain[4:end]

    def seal_reply(self, message: bytes, now: datetime) -> str:
        """Return an encrypted answer to a push, as XML."""
        encrypted, stamp = self.encrypt(message), str(int(now.timestamp()))
        nonce = secrets.token_hex(8)
        return (
            f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt>"
            f"<MsgSignature><![CDATA[{signature(self.token, stamp, nonce, encrypted)}]]>"
            f"</MsgSignature><TimeStamp>{stamp}</TimeStamp>"
            f"<Nonce><![CDATA[{nonce}]]></Nonce></xml>"
        )

    def _cipher(self) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES256(self.key), modes.CBC(self.key[:16]))


def signed_text(token: str, query: Query, body: bytes, now: datetime) -> str:
    """Return the ciphertext of a push, its signature checked; whoever has the token alone may ask.

    :raises CallbackRefused: too long, not exactly one ciphertext, not signed, or not now
    """
    if len(body) > MAX_BODY:
        raise CallbackRefused
    given, stamp, nonce = _single(query, "msg_signature", "timestamp", "nonce")
    try:
        encrypted = read_xml(body).get("Encrypt")
    except NotReadable:
        raise CallbackRefused from None
    if not isinstance(encrypted, str):
        raise CallbackRefused  # none, several, or more than text
    _check(token, given, (stamp, nonce, encrypted), stamp, now)
    return encrypted


def plain_echo(token: str, query: Query, now: datetime) -> bytes:
    """Return what WeChat's check of the address wants back: it comes in the clear.

    The signature does not cover it, so it may hold nothing a browser would act on.

    :raises CallbackRefused: anything is wrong with it
    """
    given, stamp, nonce, echo = _single(query, "signature", "timestamp", "nonce", "echostr")
    _check(token, given, (stamp, nonce), stamp, now)
    if not _ECHO.fullmatch(echo):
        raise CallbackRefused
    return echo.encode()


def _check(token: str, given: str, parts: tuple[str, ...], stamp: str, now: datetime) -> None:
    wanted = signature(token, *parts)
    # Bytes: the comparison of texts raises on what is not ASCII.
    if not hmac.compare_digest(wanted.encode(), given.encode()):
        raise CallbackRefused
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):
        raise CallbackRefused
    if abs(now.timestamp() - int(stamp)) > WINDOW_SECONDS:
        raise CallbackRefused


def signature(*parts: str) -> str:
    """Return the SHA-1 of token, timestamp, nonce and ciphertext, sorted as texts and joined."""
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()  # noqa: S324 - theirs


def _single(query: Query, *names: str) -> tuple[str, ...]:
    """Return one value for each name.

    :raises CallbackRefused: one is missing or there twice
    """
    found = []
    for name in names:
        values = list(query.get(name, ()))
        if len(values) != 1 or not values[0]:
            raise CallbackRefused
        found.append(values[0])
    return tuple(found)
