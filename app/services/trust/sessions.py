"""Sessions: opaque tokens, kept as hashes, ended at once when they must."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from app.database import Base
from app.domain.errors import SignInRequired
from app.domain.trust.access import StaffRole
from app.encryption import hashed
from app.models import AccessSession, SessionKind

PATIENT_IDLE: Final = timedelta(days=7)
STAFF_IDLE: Final = timedelta(minutes=30)
STAFF_ABSOLUTE: Final = timedelta(hours=12)
PATIENT_ABSOLUTE: Final = timedelta(days=90)
_TOUCH_EVERY: Final = timedelta(minutes=1)  # a write a minute, not a write a request


_SESSIONS: Final = Base.metadata.tables["access_session"]
_STAFF: Final = Base.metadata.tables["practitioner"]
# Every request asks this first: built once, and past the mapper.
_FIND: Final = (
    select(
        _SESSIONS.c.id,
        _SESSIONS.c.kind,
        _SESSIONS.c.account_id,
        _SESSIONS.c.practitioner_id,
        _SESSIONS.c.current_patient_id,
        _SESSIONS.c.last_seen_at,
        _SESSIONS.c.expires_at,
        _SESSIONS.c.revoked_at,
        _STAFF.c.role,
        _STAFF.c.is_active,
    )
    .outerjoin_from(_SESSIONS, _STAFF, _STAFF.c.id == _SESSIONS.c.practitioner_id)
    .where(_SESSIONS.c.token_hash == bindparam("token_hash"))
)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who holds a session: a WeChat user or a member of staff."""

    session_id: int
    kind: SessionKind
    account_id: int | None
    practitioner_id: int | None
    role: StaffRole | None
    current_patient_id: int | None


def begin_session(
    session: Session,
    now: datetime,
    *,
    account_id: int | None = None,
    practitioner_id: int | None = None,
) -> str:
    """Open a session for one of the two and return its token, which is kept nowhere."""
    token = secrets.token_urlsafe(32)
    kind = SessionKind.STAFF if practitioner_id is not None else SessionKind.PATIENT
    lifetime = STAFF_ABSOLUTE if kind is SessionKind.STAFF else PATIENT_ABSOLUTE
    session.add(
        AccessSession(
            kind=kind,
            token_hash=hashed(token),
            account_id=account_id,
            practitioner_id=practitioner_id,
            created_at=now,
            last_seen_at=now,
            expires_at=now + lifetime,
        )
    )
    return token


def find_session(session: Session, token: str, now: datetime) -> SignedIn:
    """Return who holds `token`, and note that they were here.

    :raises SignInRequired: unknown, ended, or idle too long
    """
    found = session.connection().execute(_FIND, {"token_hash": hashed(token)})
    row = found.one_or_none()
    if row is None or row.revoked_at is not None or row.expires_at <= now:
        raise SignInRequired
    staff = row.kind is SessionKind.STAFF
    if row.last_seen_at + (STAFF_IDLE if staff else PATIENT_IDLE) <= now:
        raise SignInRequired
    if staff and not row.is_active:
        raise SignInRequired
    if row.last_seen_at + _TOUCH_EVERY <= now:
        session.execute(
            update(AccessSession).where(AccessSession.id == row.id).values(last_seen_at=now)
        )
    return SignedIn(
        row.id, row.kind, row.account_id, row.practitioner_id, row.role, row.current_patient_id
    )


def end_session(session: Session, session_id: int, now: datetime) -> None:
    session.execute(
        update(AccessSession).where(AccessSession.id == session_id).values(revoked_at=now)
    )


def choose_patient(session: Session, signed_in: SignedIn, patient_id: int) -> None:
    """Remember whom the phone shows; the caller has checked that it may."""
    session.execute(
        update(AccessSession)
        .where(AccessSession.id == signed_in.session_id)
        .values(current_patient_id=patient_id)
    )
