"""WeChat users, whose record they may open, and the sessions they and staff hold."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ForeignKey,
    Index,
    Select,
    UniqueConstraint,
    bindparam,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from app.database import (
    CARE,
    CREDENTIAL,
    IDENTITY,
    OPERATION,
    Base,
    Digest,
    PlatformId,
    Sealed,
    key_column,
    public_id_column,
)
from app.domain.errors import NotFound
from app.domain.trust.access import Relation
from app.encryption import Encrypted
from app.models.profile.patient import Patient, normal_phone
from app.models.profile.patient_index import head_named
from app.models.staff.practitioner import Practitioner


class WeChatAccount(Base):
    """One WeChat user as one of our mini-programs or official accounts sees them."""

    __tablename__ = "wechat_account"
    __table_args__ = (UniqueConstraint("app_key", "openid"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    app_key: Mapped[str] = mapped_column(PlatformId(32), info=OPERATION)
    openid: Mapped[str] = mapped_column(PlatformId(64), info=IDENTITY)
    # Joins the same person over our apps; may become known later.
    unionid: Mapped[str | None] = mapped_column(PlatformId(64), index=True, info=IDENTITY)
    is_following: Mapped[bool] = mapped_column(default=False, info=OPERATION)
    # When they last wrote to us: for 48 hours we may answer by customer-service messages.
    spoke_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    # Stays on the server (platform rule): it decrypts what the phone sends.
    session_key = Encrypted("session_key_sealed")
    session_key_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=CREDENTIAL)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)
    last_seen_at: Mapped[datetime] = mapped_column(info=OPERATION)


class PatientLink(Base):
    """That a WeChat user may open a patient's record: what they are to each other, since when.

    Ended links stay, as evidence; only one may be live for the same two.
    """

    __tablename__ = "patient_link"
    __table_args__ = (
        UniqueConstraint("account_id", "patient_id", "is_live"),
        Index(None, "patient_id", "is_live"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    account_id: Mapped[int] = mapped_column(ForeignKey("wechat_account.id"), info=OPERATION)
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    relation: Mapped[Relation] = mapped_column(info=CARE)
    evidence: Mapped[str] = mapped_column(info=OPERATION)  # phone-code, desk-code
    is_live: Mapped[bool | None] = mapped_column(default=True, info=OPERATION)  # True or NULL
    starts_at: Mapped[datetime] = mapped_column(info=OPERATION)
    ends_at: Mapped[datetime | None] = mapped_column(info=OPERATION)

    account: Mapped[WeChatAccount] = relationship()
    patient: Mapped[Patient] = relationship()


def open_to_account(account_id: int | BindParameter[int]) -> Select[int]:
    """Select the ids of the patients whose record a WeChat user may open now."""
    return select(PatientLink.patient_id).where(
        PatientLink.account_id == account_id, PatientLink.is_live.is_(True)
    )


_PATIENTS: Final = Base.metadata.tables["patient"]
# Every request for a record asks this: built once, and past the mapper.
_IS_OPEN: Final = _PATIENTS.c.id.in_(open_to_account(bindparam("account_id")))
_FIND_OPEN: Final = select(_PATIENTS.c.id).where(
    _PATIENTS.c.public_id == bindparam("public_id"), _IS_OPEN
)
_FIND_FORWARDED: Final = select(_PATIENTS.c.id).where(
    _PATIENTS.c.id == head_named(bindparam("public_id")), _IS_OPEN
)


def find_open_patient(session: Session, account_id: int, public_id: str) -> int:
    """Return the id of the patient so named whom the user may open.

    The name of a record that was merged forwards to the one that speaks for the person.

    :raises NotFound: there is none, or it is not theirs: the same queries, one answer
    """
    asked = {"account_id": account_id, "public_id": public_id}
    patient_id: int | None = session.connection().execute(_FIND_OPEN, asked).scalar()
    if patient_id is None:
        patient_id = session.connection().execute(_FIND_FORWARDED, asked).scalar()
    if patient_id is None:
        raise NotFound
    return patient_id


class SessionKind(StrEnum):
    PATIENT = "patient"
    STAFF = "staff"


class AccessSession(Base):
    """A signed-in phone or browser; the token itself is never kept."""

    __tablename__ = "access_session"

    id: Mapped[int] = key_column()
    kind: Mapped[SessionKind] = mapped_column(info=OPERATION)
    token_hash: Mapped[bytes] = mapped_column(Digest, unique=True, info=CREDENTIAL)
    account_id: Mapped[int | None] = mapped_column(
        ForeignKey("wechat_account.id"), index=True, info=OPERATION
    )
    practitioner_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), index=True, info=OPERATION
    )
    # Whom the phone shows; chosen by the user, checked again at each request.
    current_patient_id: Mapped[int | None] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)
    last_seen_at: Mapped[datetime] = mapped_column(info=OPERATION)
    expires_at: Mapped[datetime] = mapped_column(info=OPERATION)
    revoked_at: Mapped[datetime | None] = mapped_column(info=OPERATION)

    account: Mapped[WeChatAccount | None] = relationship()
    practitioner: Mapped[Practitioner | None] = relationship()


class SignInState(Base):
    """A WeCom sign-in under way: the random `state`, tied to one browser, used once."""

    __tablename__ = "sign_in_state"

    id: Mapped[int] = key_column()
    state_hash: Mapped[bytes] = mapped_column(Digest, unique=True, info=CREDENTIAL)
    browser_hash: Mapped[bytes] = mapped_column(Digest, info=CREDENTIAL)
    app_key: Mapped[str] = mapped_column(PlatformId(32), info=OPERATION)
    return_path: Mapped[str] = mapped_column(info=OPERATION)
    expires_at: Mapped[datetime] = mapped_column(info=OPERATION)


class BindingAttempt(Base):
    """One try of a WeChat user to be linked to a patient: the budget, and the code sent.

    Without an account it is a code that the desk gave a patient to bring along.
    """

    __tablename__ = "binding_attempt"
    __table_args__ = (Index(None, "account_id", "at"), Index(None, "patient_id", "at"))

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    account_id: Mapped[int | None] = mapped_column(ForeignKey("wechat_account.id"), info=OPERATION)
    # NULL where the facts matched nobody: the caller is told nothing of it.
    patient_id: Mapped[int | None] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    relation: Mapped[Relation | None] = mapped_column(info=CARE)
    phone = Encrypted("phone_sealed", normalise=normal_phone)
    phone_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=IDENTITY)
    code_hash: Mapped[bytes] = mapped_column(Digest, info=CREDENTIAL)
    # Purpose → version of the text agreed to; enters the ledger once the code is right.
    consents: Mapped[dict[str, Any]] = mapped_column(default=dict, info=OPERATION)
    tries_left: Mapped[int] = mapped_column(default=5, info=OPERATION)
    at: Mapped[datetime] = mapped_column(info=OPERATION)
    expires_at: Mapped[datetime] = mapped_column(info=OPERATION)
    used_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
