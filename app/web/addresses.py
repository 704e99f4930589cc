"""What may stand in the address of a staff page, and where a sign-in may lead back to."""

import re
from typing import Final

from app.domain.errors import NotFound

HOME: Final = "/wecom/today"

_PUBLIC_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_CURSOR: Final = re.compile(r"[a-z-]{1,16}\.[A-Za-z0-9_-]{1,32}")
# Our own pages only: no scheme, host, dots, backslash, escape or control character gets by.
_RETURN: Final = re.compile(
    r"(/wecom/(today|handover|enrolments|(patients|alerts|tasks)/[A-Za-z0-9_-]{1,32}(/enrol)?)"
    r"|/console(/[a-z0-9-]{1,32}(/[A-Za-z0-9_-]{1,64}){0,3})?)"
    r"(\?[A-Za-z0-9_=&.-]{0,120})?"
)


def return_path(wanted: str) -> str:
    """Return `wanted` when it is a page of ours to come back to, else the nurse's first page."""
    return wanted if _RETURN.fullmatch(wanted) else HOME


def public_id(text: str) -> str:
    """Return a public id as the database may be asked for it.

    :raises NotFound: no id looks like this
    """
    if not _PUBLIC_ID.fullmatch(text):
        raise NotFound
    return text


def cursor(text: str | None) -> str | None:
    """Return where a list goes on, or None for its beginning."""
    return text if text and _CURSOR.fullmatch(text) else None
