"""What a disease pack brings: plans, articles, questionnaires and rules, in versions."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import KNOWLEDGE, Base, Digest, PlatformId, key_column, public_id_column


class PublicationStatus(StrEnum):
    """FHIR publication-status; what is active or retired never changes."""

    DRAFT = "draft"
    ACTIVE = "active"
    RETIRED = "retired"


class Pack(Base):
    """One installed version of a disease pack; the same version with other content is refused."""

    __tablename__ = "pack"
    __table_args__ = (UniqueConstraint("key", "version"),)

    id: Mapped[int] = key_column()
    key: Mapped[str] = mapped_column(PlatformId(64), info=KNOWLEDGE)
    version: Mapped[str] = mapped_column(PlatformId(32), info=KNOWLEDGE)
    title: Mapped[str] = mapped_column(info=KNOWLEDGE)
    content_hash: Mapped[bytes] = mapped_column(Digest, info=KNOWLEDGE)
    content: Mapped[dict[str, Any]] = mapped_column(info=KNOWLEDGE)
    status: Mapped[PublicationStatus] = mapped_column(info=KNOWLEDGE)
    # Who answers for it; nothing unapproved reaches a patient. A draft with a name is signed, and
    # waits for its first day.
    approved_by: Mapped[str | None] = mapped_column(info=KNOWLEDGE)
    installed_at: Mapped[datetime] = mapped_column(info=KNOWLEDGE)  # or signed, where that is later


class Article(Base):
    """Something to read, in one version; `body` is a list of paragraphs."""

    __tablename__ = "article"
    __table_args__ = (UniqueConstraint("key", "version"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    key: Mapped[str] = mapped_column(PlatformId(64), info=KNOWLEDGE)
    version: Mapped[int] = mapped_column(info=KNOWLEDGE)
    status: Mapped[PublicationStatus] = mapped_column(info=KNOWLEDGE)
    title: Mapped[str] = mapped_column(info=KNOWLEDGE)
    body: Mapped[list[Any]] = mapped_column(info=KNOWLEDGE)
    pack_key: Mapped[str | None] = mapped_column(PlatformId(64), info=KNOWLEDGE)


class Questionnaire(Base):
    """A form in one version (FHIR Questionnaire); `items` as the domain parses them."""

    __tablename__ = "questionnaire"
    __table_args__ = (UniqueConstraint("key", "version"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    key: Mapped[str] = mapped_column(PlatformId(64), info=KNOWLEDGE)
    version: Mapped[int] = mapped_column(info=KNOWLEDGE)
    status: Mapped[PublicationStatus] = mapped_column(info=KNOWLEDGE)
    title: Mapped[str] = mapped_column(info=KNOWLEDGE)
    definition: Mapped[dict[str, Any]] = mapped_column(info=KNOWLEDGE)
    pack_key: Mapped[str | None] = mapped_column(PlatformId(64), info=KNOWLEDGE)


class PlanDefinition(Base):
    """A care plan for a kind of patient, in one version (FHIR PlanDefinition)."""

    __tablename__ = "plan_definition"
    __table_args__ = (UniqueConstraint("key", "version"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    key: Mapped[str] = mapped_column(PlatformId(64), info=KNOWLEDGE)
    version: Mapped[int] = mapped_column(info=KNOWLEDGE)
    status: Mapped[PublicationStatus] = mapped_column(info=KNOWLEDGE)
    title: Mapped[str] = mapped_column(info=KNOWLEDGE)
    anchor: Mapped[str] = mapped_column(info=KNOWLEDGE)
    # Stages, enrolment tag, limits and advice, as the domain parses them.
    definition: Mapped[dict[str, Any]] = mapped_column(info=KNOWLEDGE)
    pack_key: Mapped[str | None] = mapped_column(PlatformId(64), info=KNOWLEDGE)

    actions: Mapped[list["PlanAction"]] = relationship(
        back_populates="plan_definition", order_by="PlanAction.id"
    )


class PlanAction(Base):
    """One thing a plan asks for; a change of wording keeps `timing_revision`."""

    __tablename__ = "plan_action"
    __table_args__ = (UniqueConstraint("plan_definition_id", "key"),)

    id: Mapped[int] = key_column()
    plan_definition_id: Mapped[int] = mapped_column(
        ForeignKey("plan_definition.id"), info=KNOWLEDGE
    )
    key: Mapped[str] = mapped_column(PlatformId(64), info=KNOWLEDGE)
    kind: Mapped[str] = mapped_column(info=KNOWLEDGE)
    title: Mapped[str] = mapped_column(info=KNOWLEDGE)
    timing_revision: Mapped[str] = mapped_column(PlatformId(32), info=KNOWLEDGE)
    # From what it counts (`timing.Basis`): plans are found by it when something happens.
    basis: Mapped[str] = mapped_column(PlatformId(32), default="anchor", info=KNOWLEDGE)
    definition: Mapped[dict[str, Any]] = mapped_column(info=KNOWLEDGE)

    plan_definition: Mapped[PlanDefinition] = relationship(back_populates="actions")


class Rule(Base):
    """A rule in one version: condition tree and actions as data, never code."""

    __tablename__ = "rule"
    __table_args__ = (UniqueConstraint("key", "version"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    key: Mapped[str] = mapped_column(PlatformId(64), info=KNOWLEDGE)
    version: Mapped[int] = mapped_column(info=KNOWLEDGE)
    status: Mapped[PublicationStatus] = mapped_column(info=KNOWLEDGE)
    name: Mapped[str] = mapped_column(info=KNOWLEDGE)
    definition: Mapped[dict[str, Any]] = mapped_column(info=KNOWLEDGE)
    pack_key: Mapped[str | None] = mapped_column(PlatformId(64), info=KNOWLEDGE)
