"""How people come into a plan: the ways in, what waits for a person's word, the plan's own rule."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import (
    CARE,
    FREE_TEXT,
    IDENTITY,
    KNOWLEDGE,
    OPERATION,
    Base,
    PlatformId,
    Sealed,
    key_column,
    public_id_column,
)
from app.domain.plans.enrolling import DeclineReason, Entry, ReEntry, Way
from app.encryption import Encrypted
from app.models.profile.patient import Patient
from app.models.segments.segment import Segment
from app.models.staff.practitioner import CareTeam


class EnrolmentPolicy(Base):
    """What this hospital decided of one plan; it stays when the pack is upgraded.

    A plan without a row begins by its own criteria, again with each new anchor.
    """

    __tablename__ = "enrolment_policy"

    id: Mapped[int] = key_column()
    plan_key: Mapped[str] = mapped_column(PlatformId(64), unique=True, info=KNOWLEDGE)
    entry: Mapped[Entry] = mapped_column(default=Entry.AUTOMATIC, info=KNOWLEDGE)
    re_entry: Mapped[ReEntry] = mapped_column(default=ReEntry.NEW_ANCHOR, info=KNOWLEDGE)
    re_entry_days: Mapped[int] = mapped_column(default=0, info=KNOWLEDGE)
    # Whether patients may ask for the plan themselves.
    is_open_to_requests: Mapped[bool] = mapped_column(default=False, info=KNOWLEDGE)
    practitioner_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), info=OPERATION
    )
    updated_at: Mapped[datetime] = mapped_column(info=OPERATION)


class EnrolmentWay(Base):
    """A way into a plan that somebody opened: a segment, a QR code, a WeCom contact way."""

    __tablename__ = "enrolment_way"
    __table_args__ = (UniqueConstraint("plan_key", "segment_id", "is_open"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    plan_key: Mapped[str] = mapped_column(PlatformId(64), info=KNOWLEDGE)
    kind: Mapped[Way] = mapped_column(info=OPERATION)
    # Whether it begins the plan, or only proposes to.
    is_automatic: Mapped[bool] = mapped_column(default=False, info=OPERATION)
    segment_id: Mapped[int | None] = mapped_column(
        ForeignKey("segment.id"), index=True, info=OPERATION
    )
    # What a code carries: random, and means nothing to who reads it.
    state: Mapped[str | None] = mapped_column(PlatformId(32), unique=True, info=OPERATION)
    # The platform's own number of a contact way; without it the way cannot be closed there.
    config_id: Mapped[str | None] = mapped_column(PlatformId(64), info=OPERATION)
    # When to make a contact way at the platform next; NULL: made, closed, or none.
    ask_at: Mapped[datetime | None] = mapped_column(index=True, info=OPERATION)
    # The picture to print, at the platform.
    qr_code: Mapped[str | None] = mapped_column(info=OPERATION)
    # Who cares for those who come this way; NULL: the team of their department.
    care_team_id: Mapped[int | None] = mapped_column(
        ForeignKey("care_team.id"), index=True, info=OPERATION
    )
    is_open: Mapped[bool | None] = mapped_column(default=True, info=OPERATION)  # True or NULL
    practitioner_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), info=OPERATION
    )
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)
    closed_at: Mapped[datetime | None] = mapped_column(info=OPERATION)

    segment: Mapped[Segment | None] = relationship()


class ContactArrival(Base):
    """A WeChat user who came by a contact way: who they are to us is found out afterwards."""

    __tablename__ = "contact_arrival"
    __table_args__ = (UniqueConstraint("way_id", "external_userid"),)

    id: Mapped[int] = key_column()
    way_id: Mapped[int] = mapped_column(ForeignKey("enrolment_way.id"), info=OPERATION)
    app_key: Mapped[str] = mapped_column(PlatformId(32), info=OPERATION)
    external_userid: Mapped[str] = mapped_column(PlatformId(64), info=IDENTITY)
    # Joins them with the user of the mini-program; NULL until the platform was asked.
    unionid: Mapped[str | None] = mapped_column(PlatformId(64), index=True, info=IDENTITY)
    tries: Mapped[int] = mapped_column(default=0, info=OPERATION)
    # When to ask the platform next; NULL: known, or given up.
    ask_at: Mapped[datetime | None] = mapped_column(index=True, info=OPERATION)
    arrived_at: Mapped[datetime] = mapped_column(info=OPERATION)
    # When the plan was begun or proposed for whom they are linked to.
    offered_at: Mapped[datetime | None] = mapped_column(info=OPERATION)

    way: Mapped[EnrolmentWay] = relationship()


class EnrolmentStatus(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class EnrolmentProposal(Base):
    """That somebody might be put on a plan: it waits for a person of the team."""

    __tablename__ = "enrolment_proposal"
    __table_args__ = (
        # NULL once settled: one question about one plan at a time.
        UniqueConstraint("patient_id", "plan_key", "is_open"),
        Index(None, "care_team_id", "is_open", "proposed_at"),
        Index(None, "is_open", "told_at"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    plan_key: Mapped[str] = mapped_column(PlatformId(64), info=CARE)
    care_team_id: Mapped[int] = mapped_column(ForeignKey("care_team.id"), info=CARE)
    kind: Mapped[Way] = mapped_column(info=OPERATION)
    way_id: Mapped[int | None] = mapped_column(
        ForeignKey("enrolment_way.id"), index=True, info=OPERATION
    )
    account_id: Mapped[int | None] = mapped_column(
        ForeignKey("wechat_account.id"), index=True, info=OPERATION
    )
    # NULL where nobody knows the day from which the plan would count.
    anchor_on: Mapped[date | None] = mapped_column(info=CARE)
    encounter_id: Mapped[int | None] = mapped_column(ForeignKey("encounter.id"), info=OPERATION)
    reason = Encrypted("reason_sealed")
    reason_sealed: Mapped[bytes] = mapped_column(Sealed, info=FREE_TEXT)
    status: Mapped[EnrolmentStatus] = mapped_column(default=EnrolmentStatus.OPEN, info=CARE)
    is_open: Mapped[bool | None] = mapped_column(default=True, info=OPERATION)  # True or NULL
    proposed_at: Mapped[datetime] = mapped_column(info=OPERATION)
    # When the team was told that it waits; NULL: not yet.
    told_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    decided_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    practitioner_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), index=True, info=OPERATION
    )
    declined_because: Mapped[DeclineReason | None] = mapped_column(info=CARE)
    note = Encrypted("note_sealed")
    note_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    care_plan_id: Mapped[int | None] = mapped_column(
        ForeignKey("care_plan.id"), index=True, info=OPERATION
    )

    patient: Mapped[Patient] = relationship()
    care_team: Mapped[CareTeam] = relationship()

    def settle(self, status: EnrolmentStatus, now: datetime, practitioner_id: int | None) -> None:
        """Close the question with one answer."""
        self.status, self.is_open, self.decided_at = status, None, now
        self.practitioner_id = practitioner_id
