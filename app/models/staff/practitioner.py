"""Staff, departments and the teams that look after patients."""

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import IDENTITY, OPERATION, Base, PlatformId, Sealed, key_column, public_id_column
from app.domain.staff.alert_clock import Responder
from app.domain.trust.access import StaffRole
from app.encryption import Encrypted


class Department(Base):
    """A department as the hospital's systems code it (FHIR Organization)."""

    __tablename__ = "department"

    id: Mapped[int] = key_column()
    code: Mapped[str] = mapped_column(PlatformId(64), unique=True, info=OPERATION)
    name: Mapped[str] = mapped_column(info=OPERATION)


class Practitioner(Base):
    """A member of staff (FHIR Practitioner), known to WeCom by `wecom_userid`."""

    __tablename__ = "practitioner"
    __table_args__ = (UniqueConstraint("corp_key", "wecom_userid"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    name = Encrypted("name_sealed")
    name_sealed: Mapped[bytes] = mapped_column(Sealed, info=IDENTITY)
    role: Mapped[StaffRole] = mapped_column(info=OPERATION)
    department_code: Mapped[str | None] = mapped_column(info=OPERATION)
    corp_key: Mapped[str | None] = mapped_column(PlatformId(64), info=OPERATION)
    # WeCom compares user ids without case; we keep them folded.
    wecom_userid: Mapped[str | None] = mapped_column(PlatformId(64), info=IDENTITY)
    is_active: Mapped[bool] = mapped_column(default=True, info=OPERATION)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)


class CareTeam(Base):
    """Who looks after the patients of one plan or department (FHIR CareTeam)."""

    __tablename__ = "care_team"

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    name: Mapped[str] = mapped_column(unique=True, info=OPERATION)
    department_code: Mapped[str | None] = mapped_column(index=True, info=OPERATION)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)

    members: Mapped[list["CareTeamMember"]] = relationship(back_populates="care_team")


class CareTeamMember(Base):
    __tablename__ = "care_team_member"
    __table_args__ = (UniqueConstraint("care_team_id", "practitioner_id"),)

    id: Mapped[int] = key_column()
    care_team_id: Mapped[int] = mapped_column(ForeignKey("care_team.id"), info=OPERATION)
    practitioner_id: Mapped[int] = mapped_column(
        ForeignKey("practitioner.id"), index=True, info=OPERATION
    )
    # Whether they are told first, or only when nobody answers.
    responder: Mapped[Responder] = mapped_column(info=OPERATION)

    care_team: Mapped[CareTeam] = relationship(back_populates="members")
    practitioner: Mapped[Practitioner] = relationship()
