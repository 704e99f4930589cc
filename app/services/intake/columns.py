"""Fitting what senders write into columns: nobody outside keeps to our lengths and alphabets."""

import hashlib
import re

from app.domain.intake.digests import digest

__all__ = ["clipped", "code", "digest", "exact"]

_TEXT_LENGTH = 255
_CODE = re.compile(r"[!-~]{1,64}")


def clipped(text: str | None) -> str | None:
    """Return text that fits a column; it is for people to read, its tail may go."""
    return text[:_TEXT_LENGTH] if text else None


def exact(text: str) -> str:
    """Return text that fits a column and still tells apart what differs only in its tail."""
    if len(text) <= _TEXT_LENGTH:
        return text
    return f"{text[:190]}#{hashlib.sha256(text.encode()).hexdigest()}"


def code(text: str) -> str:
    """Return a code of printable ASCII: as it is, or a stand-in for 血糖 and codes with blanks."""
    if _CODE.fullmatch(text):
        return text
    return f"x-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
