"""Access tokens: who holds which, and until when."""

import secrets
from dataclasses import dataclass
from typing import Literal

from standin.errors import Refusal

LIFETIME = 7200
# A replaced token lives on this long; a stable token is renewed this long before its end
# (获取稳定版接口调用凭据).
OVERLAP = 300

TokenKind = Literal["stable", "plain", "corp"]


@dataclass(slots=True)
class Token:
    """`owner` is an appid, or `corpid/agentid`."""

    value: str
    owner: str
    expires_at: float
    is_killed: bool = False


class Tokens:
    """Every token ever given, and the current one of each kind and owner."""

    def __init__(self) -> None:
        self._by_value: dict[str, Token] = {}
        self._current: dict[tuple[TokenKind, str], Token] = {}

    def current(self, kind: TokenKind, owner: str, now: float, spare: float = 0) -> Token | None:
        """Return the token in force that has more than `spare` seconds left."""
        token = self._current.get((kind, owner))
        return token if token and token.expires_at - now > spare else None

    def issue(self, kind: TokenKind, owner: str, now: float) -> Token:
        """Make a new current token; the one before keeps at most five minutes."""
        if before := self._current.get((kind, owner)):
            before.expires_at = min(before.expires_at, now + OVERLAP)
        token = Token(secrets.token_urlsafe(96), owner, now + LIFETIME)
        self._by_value[token.value] = self._current[kind, owner] = token
        return token

    def kill(self, kind: TokenKind, owner: str) -> None:
        if token := self._current.pop((kind, owner), None):
            token.is_killed = True

    def check(self, value: str | None, now: float, *, unknown: int) -> Token:
        """Return the token behind `value`.

        :param unknown: errcode for a well-formed token that is not (or no longer) one of ours
        :raises Refusal: 41001 missing, 40014 malformed, 42001 expired, `unknown`
        """
        if not value:
            raise Refusal(41001, "access_token missing")
        if len(value) < 20 or not value.replace("-", "").replace("_", "").isalnum():
            raise Refusal(40014, "invalid access_token")
        token = self._by_value.get(value)
        if token is None or token.is_killed:
            raise Refusal(unknown, "invalid credential, access_token is invalid or not latest")
        if token.expires_at <= now:
            raise Refusal(42001, "access_token expired")
        return token
