"""Signing in with WeChat: a login code becomes an account of ours."""

from datetime import datetime
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.models import Event, WeChatAccount


class WeChatIdentity(Protocol):
    """What the platform says of the person behind a login code (jscode2session)."""

    @property
    def openid(self) -> str: ...
    @property
    def unionid(self) -> str | None: ...
    @property
    def session_key(self) -> str | None: ...


class CodeRefused(Exception):
    """The platform does not take the login code: wrong, older than 5 minutes, or used before."""


class PlatformUnavailable(Exception):
    """The platform did not answer, or was too busy; the person may try again."""


def keep_account(session: Session, app_key: str, identity: WeChatIdentity, now: datetime) -> int:
    """Return the id of the account with this openid, made or brought up to date.

    The session key is kept sealed and never handed out; a later sign-in replaces it.
    """
    account = _find(session, app_key, identity.openid) or _make(session, app_key, identity, now)
    if identity.unionid is not None and identity.unionid != account.unionid:
        account.unionid = identity.unionid
        # They may be known to follow an official account now.
        session.add(Event.of("account.named", now, account_id=account.id))
    if identity.session_key is not None:
        account.session_key = identity.session_key
    account.last_seen_at = now
    session.flush()
    return account.id


def _find(session: Session, app_key: str, openid: str) -> WeChatAccount | None:
    return session.scalar(select(WeChatAccount).filter_by(app_key=app_key, openid=openid))


def _make(session: Session, app_key: str, identity: WeChatIdentity, now: datetime) -> WeChatAccount:
    account = WeChatAccount(
        app_key=app_key, openid=identity.openid, created_at=now, last_seen_at=now
    )
    try:
        with session.begin_nested():
            session.add(account)
    except IntegrityError:
        # The same person signed in on two phones at once for the first time.
        return session.scalars(
            select(WeChatAccount).filter_by(app_key=app_key, openid=identity.openid)
        ).one()
    return account
