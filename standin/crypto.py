"""The callbacks' signature and encryption (WeCom 加解密方案说明; WeChat 消息加解密 is the same)."""

import base64
import hashlib
import secrets
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 32


class BadCiphertext(Exception):
    """The padding, the length or the receiver id is not what it should be."""


def signature(*parts: str) -> str:
    """Return the SHA-1 of the parts, sorted as strings and joined."""
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def encrypt(aes_key: str, message: bytes, receive_id: str) -> str:
    """Return base64 of AES-256-CBC over 16 random bytes, length, message and receiver id."""
    plain = secrets.token_bytes(16) + struct.pack(">I", len(message)) + message
    plain += receive_id.encode()
    pad = BLOCK - len(plain) % BLOCK
    encryptor = _cipher(aes_key).encryptor()
    return base64.b64encode(
        encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()
    ).decode()


def decrypt(aes_key: str, ciphertext: str, receive_id: str) -> bytes:
    """Return the message.

    :raises BadCiphertext: anything in it is wrong
    """
    try:
        decryptor = _cipher(aes_key).decryptor()
        plain = decryptor.update(base64.b64decode(ciphertext, validate=True)) + decryptor.finalize()
    except ValueError as error:
        raise BadCiphertext("not base64 of whole blocks") from error
    pad = plain[-1] if plain else 0
    if not 1 <= pad <= BLOCK or plain[-pad:] != bytes([pad]) * pad:
        raise BadCiphertext("padding")
    plain = plain[16:-pad]
    if len(plain) < 4:
        raise BadCiphertext("length")
    (length,) = struct.unpack(">I", plain[:4])
    if plain[4 + length :] != receive_id.encode():
        raise BadCiphertext("receiver id")
    return plain[4 : 4 + length]


def _cipher(aes_key: str) -> Cipher[modes.CBC]:
    key = base64.b64decode(aes_key + "=")
    return Cipher(algorithms.AES256(key), modes.CBC(key[:16]))
