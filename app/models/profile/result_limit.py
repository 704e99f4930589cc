"""What a department signed off: when a result is critical, what an abnormal one calls for."""

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, case, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.database import KNOWLEDGE, OPERATION, Base, PlatformId, key_column, public_id_column
from app.domain.intake.hospital_records import Gender, ResultFlag
from app.domain.profile.critical_defaults import default_limits
from app.domain.profile.result_grading import ResultLimit

ANY_DEPARTMENT = "*"


class DepartmentLimit(Base):
    """One critical limit of one department, in force while it is approved and not ended."""

    __tablename__ = "department_limit"
    __table_args__ = (Index(None, "code", "department_code", "ends_at"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    department_code: Mapped[str] = mapped_column(info=KNOWLEDGE)  # `*`: the whole hospital
    code: Mapped[str] = mapped_column(PlatformId(64), info=KNOWLEDGE)  # LOINC
    unit: Mapped[str] = mapped_column(info=KNOWLEDGE)  # UCUM
    sex: Mapped[Gender | None] = mapped_column(info=KNOWLEDGE)
    age_from_days: Mapped[int] = mapped_column(default=0, info=KNOWLEDGE)
    age_until_days: Mapped[int | None] = mapped_column(info=KNOWLEDGE)
    critical_low: Mapped[Decimal | None] = mapped_column(info=KNOWLEDGE)
    critical_high: Mapped[Decimal | None] = mapped_column(info=KNOWLEDGE)
    delta_percent: Mapped[Decimal | None] = mapped_column(info=KNOWLEDGE)
    delta_within_days: Mapped[int] = mapped_column(default=90, info=KNOWLEDGE)
    unless_conditions: Mapped[list[Any]] = mapped_column(default=list, info=KNOWLEDGE)
    only_first: Mapped[bool] = mapped_column(default=False, info=KNOWLEDGE)
    tells_patient: Mapped[bool] = mapped_column(default=False, info=KNOWLEDGE)
    approved_by: Mapped[str] = mapped_column(info=OPERATION)
    starts_at: Mapped[datetime] = mapped_column(info=OPERATION)
    ends_at: Mapped[datetime | None] = mapped_column(info=OPERATION)

    def as_limit(self) -> ResultLimit:
        """Return the limit as the domain reads it; its basis names the row and the approver."""
        return ResultLimit(
            code=self.code,
            unit=self.unit,
            critical_low=self.critical_low,
            critical_high=self.critical_high,
            basis=f"department:{self.department_code}:{self.public_id}",
            sex=self.sex,
            age_from_days=self.age_from_days,
            age_until_days=self.age_until_days,
            delta_percent=self.delta_percent,
            delta_within=timedelta(days=self.delta_within_days),
            unless_conditions=tuple(self.unless_conditions),
            only_first=self.only_first,
            tells_patient=self.tells_patient,
        )


class ServiceKind(StrEnum):
    """What an abnormal result may call for."""

    ARTICLE = "article"
    ONLINE_CONSULTATION = "online-consultation"
    MDT = "mdt"
    REVISIT = "revisit"
    EXAM = "exam"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    ServiceKind.ARTICLE: "读一篇健康知识",
    ServiceKind.ONLINE_CONSULTATION: "网上咨询医生",
    ServiceKind.MDT: "预约多学科门诊",
    ServiceKind.REVISIT: "预约复诊",
    ServiceKind.EXAM: "申请复查",
}


class ResultService(Base):
    """Which service a department offers for an abnormal result of one code."""

    __tablename__ = "result_service"
    __table_args__ = (Index(None, "code", "department_code", "ends_at"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    department_code: Mapped[str] = mapped_column(info=KNOWLEDGE)
    code: Mapped[str] = mapped_column(PlatformId(64), info=KNOWLEDGE)  # LOINC
    flags: Mapped[list[Any]] = mapped_column(info=KNOWLEDGE)  # of HL7 table 0078: H, L, A…
    kind: Mapped[ServiceKind] = mapped_column(info=KNOWLEDGE)
    # The article's key or the code of the examination.
    subject: Mapped[str | None] = mapped_column(PlatformId(64), info=KNOWLEDGE)
    # Read behind sign-in, reviewed by the department; names no value.
    text: Mapped[str] = mapped_column(info=KNOWLEDGE)
    due_within_days: Mapped[int] = mapped_column(default=14, info=KNOWLEDGE)
    approved_by: Mapped[str] = mapped_column(info=OPERATION)
    starts_at: Mapped[datetime] = mapped_column(info=OPERATION)
    ends_at: Mapped[datetime | None] = mapped_column(info=OPERATION)


def limits_of(session: Session, code: str, department_code: str | None) -> tuple[ResultLimit, ...]:
    """Return the limits of a code: the department's, then the hospital's, then our defaults."""
    rows = session.scalars(
        select(DepartmentLimit)
        .where(
            DepartmentLimit.code == code,
            DepartmentLimit.department_code.in_(
                (department_code or ANY_DEPARTMENT, ANY_DEPARTMENT)
            ),
            DepartmentLimit.ends_at.is_(None),
        )
        .order_by(
            case((DepartmentLimit.department_code == ANY_DEPARTMENT, 1), else_=0),
            DepartmentLimit.id.desc(),
        )
    )
    return (*(row.as_limit() for row in rows), *default_limits(code))


def services_for(
    session: Session, code: str, flag: ResultFlag, department_code: str | None
) -> list[ResultService]:
    """Return what an abnormal result calls for: the department's offers, else the hospital's."""
    rows = session.scalars(
        select(ResultService)
        .where(
            ResultService.code == code,
            ResultService.department_code.in_((department_code or ANY_DEPARTMENT, ANY_DEPARTMENT)),
            ResultService.ends_at.is_(None),
        )
        .order_by(ResultService.id)
    ).all()
    fitting = [row for row in rows if flag.value in row.flags]
    own = [row for row in fitting if row.department_code == department_code]
    return own or [row for row in fitting if row.department_code == ANY_DEPARTMENT]
