"""Encrypted columns: AEAD bound to tenant, table, column and row, with a blind index beside it.

A sealed value is `version, cipher, key id length, key id, nonce (12 bytes), text and tag`.
A value moved to another row, column or table does not open.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final, overload

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION: Final = 1
_AES: Final = 1
_SM4: Final = 2
_CIPHERS: Final = {"aes-256-gcm": _AES, "sm4-gcm": _SM4}
_NONCE: Final = 12
_TAG: Final = 16


# nonce, text, context -> text
_Transform = Callable[[bytes, bytes, bytes], bytes]


class SealBroken(Exception):
    """A sealed value was altered, moved, or sealed with a key that is not here."""


class Keyring:
    """The hospital's keys: the first seals, all open, the last indexes."""

    def __init__(self, keys: Mapping[str, bytes], tenant: str, cipher: str = "aes-256-gcm") -> None:
        self._tenant = tenant
        self._algorithm = _CIPHERS[cipher]
        self._current = next(iter(keys))
        self._root = keys[list(keys)[-1]]
        self._derived: dict[str, bytes] = {}
        self._ciphers = {
            (key_id, algorithm): _make(algorithm, _derive(key, f"field:{algorithm}"))
            for key_id, key in keys.items()
            for algorithm in (_AES, _SM4)
        }

    def seal(self, plain: bytes, place: str) -> bytes:
        """Encrypt `plain` for one `place` (table, column and row)."""
        nonce = secrets.token_bytes(_NONCE)
        encrypt, _ = self._ciphers[self._current, self._algorithm]
        key_id = self._current.encode()
        head = bytes((_VERSION, self._algorithm, len(key_id))) + key_id
        return head + nonce + encrypt(nonce, plain, self._context(head, place))

    def open(self, sealed: bytes, place: str) -> bytes:
        """Decrypt what `seal` made for the same `place`.

        :raises SealBroken: altered, moved or unknown key
        """
        try:
            version, algorithm, length = sealed[:3]
            head, rest = sealed[: 3 + length], sealed[3 + length :]
            if version != _VERSION:
                raise SealBroken(f"version {version}")
            _, decrypt = self._ciphers[head[3:].decode(), algorithm]
            return decrypt(rest[:_NONCE], rest[_NONCE:], self._context(head, place))
        except SealBroken:
            raise
        except Exception:
            # Which of signature, key and form failed is nobody's business.
            raise SealBroken(place.split("/")[0]) from None

    def index(self, field: str, text: str) -> bytes:
        """Return the 32-byte keyed hash under which equal `text` of one `field` is found."""
        return self.mac(f"index:{field}", text.encode())

    def mac(self, purpose: str, message: bytes) -> bytes:
        """Return HMAC-SHA-256 of `message` under a key of its own for each `purpose`."""
        key = self._derived.get(purpose)
        if key is None:
            key = self._derived[purpose] = _derive(self._root, purpose)
        return hmac.digest(key, message, "sha256")

    def _context(self, head: bytes, place: str) -> bytes:
        return head + f"{self._tenant}/{place}".encode()


_keyring: Keyring | None = None


def use(keyring: Keyring) -> None:
    """Make `keyring` the one that mapped classes use; the wiring files call this once."""
    global _keyring
    _keyring = keyring


def keyring() -> Keyring:
    if _keyring is None:
        raise RuntimeError("no keys: wiring.start() has not run")
    return _keyring


def hashed(token: str) -> bytes:
    """Return the SHA-256 under which a random token (≥ 256 bits) is kept."""
    return hashlib.sha256(token.encode()).digest()


class Encrypted:
    """A text attribute whose column holds only what `Keyring.seal` made.

    The row is known by its `public_id`, which `Base` sets before any other attribute.
    With `index`, the blind index of the text (after `normalise`) is kept in that column.
    """

    def __init__(
        self, column: str, *, index: str | None = None, normalise: Callable[[str], str] = str.strip
    ) -> None:
        self._column = column
        self._index = index
        self._normalise = normalise

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, row: None, owner: type) -> "Encrypted": ...
    @overload
    def __get__(self, row: Any, owner: type) -> str | None: ...
    def __get__(self, row: Any, owner: type) -> "Encrypted | str | None":
        if row is None:
            return self
        return self.open(owner.__tablename__, row.public_id, getattr(row, self._column))  # type: ignore[attr-defined]

    def __set__(self, row: Any, text: str | None) -> None:
        table = type(row).__tablename__
        setattr(row, self._column, self.seal(table, row.public_id, text))
        if self._index:
            setattr(row, self._index, None if text is None else self.index(table, text))

    def seal(self, table: str, public_id: str, text: str | None) -> bytes | None:
        """Seal `text` for a row that is written without its class (bulk inserts)."""
        if text is None:
            return None
        return keyring().seal(text.encode(), f"{table}/{self._column}/{public_id}")

    def open(self, table: str, public_id: str, sealed: bytes | None) -> str | None:
        """Open a column selected without its entity."""
        if sealed is None:
            return None
        return keyring().open(sealed, f"{table}/{self._column}/{public_id}").decode()

    def index(self, table: str, text: str) -> bytes:
        """Return what the index column holds for `text`, however it is spelt."""
        return keyring().index(f"{table}.{self._name}", self._normalise(text))


def _derive(key: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(key)


def _make(algorithm: int, key: bytes) -> tuple[_Transform, _Transform]:
    if algorithm == _AES:
        aes = AESGCM(key)
        return aes.encrypt, aes.decrypt
    sm4 = algorithms.SM4(key[:16])

    def encrypt(nonce: bytes, plain: bytes, context: bytes) -> bytes:
        encryptor = Cipher(sm4, modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(context)
        return encryptor.update(plain) + encryptor.finalize() + encryptor.tag

    def decrypt(nonce: bytes, sealed: bytes, context: bytes) -> bytes:
        decryptor = Cipher(sm4, modes.GCM(nonce, sealed[-_TAG:])).decryptor()
        decryptor.authenticate_additional_data(context)
        return decryptor.update(sealed[:-_TAG]) + decryptor.finalize()

    return encrypt, decrypt
