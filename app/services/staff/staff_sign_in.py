"""Staff sign-in through WeCom: the `state` that ties an answer to the browser that asked."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.encryption import hashed
from app.models import Practitioner, SignInState

STATE_LIFETIME: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class StartedSignIn:
    """`state` goes to WeCom and back; `browser` stays in a cookie of this browser."""

    state: str
    browser: str


def start_sign_in(
    session: Session, app_key: str, return_path: str, browser: str, now: datetime
) -> StartedSignIn:
    """Remember that a browser sets out to sign in.

    `browser` is its 256-bit secret, kept in a cookie; pages opened side by side share it.
    """
    session.execute(delete(SignInState).where(SignInState.expires_at <= now))
    # WeCom returns only letters and digits of a state, at most 128 (网页授权: 构造链接).
    started = StartedSignIn(secrets.token_hex(32), browser)
    session.add(
        SignInState(
            state_hash=hashed(started.state),
            browser_hash=hashed(started.browser),
            app_key=app_key,
            return_path=return_path,
            expires_at=now + STATE_LIFETIME,
        )
    )
    return started


def use_state(
    session: Session, app_key: str, state: str, browser: str, now: datetime
) -> str | None:
    """Spend a state and return where its owner wanted to go.

    None for a state that is unknown, spent, late, of another app or of another browser: which
    of these it was is nobody's business.
    """
    mine = (
        SignInState.state_hash == hashed(state),
        SignInState.browser_hash == hashed(browser),
        SignInState.app_key == app_key,
        SignInState.expires_at > now,
    )
    return_path = session.scalar(select(SignInState.return_path).where(*mine))
    if return_path is None:
        return None
    # Two answers with one state may come at once: the one that deletes the row goes on.
    spent = session.execute(delete(SignInState).where(*mine))
    return return_path if spent.rowcount == 1 else None  # type: ignore[attr-defined]


def find_practitioner(session: Session, corp_key: str, userid: str) -> int | None:
    """Return the id of the active member of staff whom WeCom calls `userid`."""
    folded = userid.lower()  # WeCom compares user ids without case
    if not folded.isascii() or not folded.isprintable() or " " in folded or not folded:
        return None
    return session.scalar(
        select(Practitioner.id).where(
            Practitioner.corp_key == corp_key,
            Practitioner.wecom_userid == folded,
            Practitioner.is_active,
        )
    )


def read_name(session: Session, practitioner_id: int) -> str:
    """Return what the member of staff is called."""
    return session.get_one(Practitioner, practitioner_id).name or ""
