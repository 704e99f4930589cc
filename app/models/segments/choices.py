"""What the person who writes criteria may choose from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.models.plans.plan_definition import (
    Article,
    PlanDefinition,
    PublicationStatus,
    Questionnaire,
)
from app.models.profile.behaviour import Preference
from app.models.profile.risk import RiskAssessment
from app.models.profile.tag import Tag, TagScope
from app.models.staff.practitioner import Department
from app.models.staff.staff_access import teams_of

_MOST_VALUES = 300


@dataclass(frozen=True, slots=True)
class Choices:
    """Names by key; `synonyms` are other words for tags, `risks` pairs of score and band."""

    tags: Mapping[str, str] = field(default_factory=dict)
    synonyms: Mapping[str, str] = field(default_factory=dict)
    departments: Mapping[str, str] = field(default_factory=dict)
    plans: Mapping[str, str] = field(default_factory=dict)
    questionnaires: Mapping[str, str] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)
    risks: tuple[tuple[str, str], ...] = ()
    preferred: tuple[str, ...] = ()


def read_choices(session: Session, practitioner_id: int | None) -> Choices:
    """Return what somebody may ask: of the tags, the hospital's and those of their teams."""
    rows = session.execute(_tags(practitioner_id)).all()
    return Choices(
        tags={row.key: row.name for row in rows},
        synonyms={str(word): row.key for row in rows for word in row.synonyms},
        departments={
            row.code: row.name
            for row in session.execute(
                select(Department.code, Department.name).order_by(Department.name)
            )
        },
        plans=_titles(session, PlanDefinition),
        questionnaires=_titles(session, Questionnaire),
        subjects={**_titles(session, Article), **_titles(session, Questionnaire)},
        risks=tuple(
            (row.score, row.band)
            for row in session.execute(
                select(RiskAssessment.score, RiskAssessment.band)
                .where(RiskAssessment.is_current.is_(True), RiskAssessment.band.is_not(None))
                .distinct()
                .order_by(RiskAssessment.score, RiskAssessment.band)
            )
        ),
        preferred=tuple(
            session.scalars(
                select(Preference.value).distinct().order_by(Preference.value).limit(_MOST_VALUES)
            )
        ),
    )


def tags_seen_by(session: Session, practitioner_id: int | None) -> dict[str, str]:
    """Return the names of the tags somebody may see, by key."""
    return {row.key: row.name for row in session.execute(_tags(practitioner_id))}


def _tags(practitioner_id: int | None):  # type: ignore[no-untyped-def]
    tags = select(Tag.key, Tag.name, Tag.synonyms).where(Tag.is_retired.is_(False))
    if practitioner_id is not None:
        tags = tags.where(
            or_(
                Tag.scope == TagScope.HOSPITAL,
                Tag.care_team_id.in_(teams_of(practitioner_id)),
            )
        )
    return tags.order_by(Tag.tag_class, Tag.name)


def _titles(
    session: Session, table: type[PlanDefinition] | type[Questionnaire] | type[Article]
) -> dict[str, str]:
    """Return title by key; of several versions the newest, of drafts none."""
    rows = session.execute(
        select(table.key, table.title)
        .where(table.status != PublicationStatus.DRAFT)
        .order_by(table.key, table.version)
    )
    return {row.key: row.title for row in rows}
