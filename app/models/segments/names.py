"""What people here call the things that criteria name by a key."""

from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.domain.criteria.names import Names
from app.models.plans.knowledge import knowledge
from app.models.plans.plan_definition import (
    Article,
    PlanDefinition,
    PublicationStatus,
    Questionnaire,
)
from app.models.profile.tag import Tag
from app.models.staff.practitioner import Department


def names(session: Session) -> Names:
    """Return the hospital's names.

    Of a plan or form in several versions the newest published one names it.
    """
    questionnaires = _all(session, _titles(Questionnaire))
    in_packs = knowledge(session).names
    return Names(
        tags=_all(session, select(Tag.key, Tag.name)),
        departments=_all(session, select(Department.code, Department.name)),
        plans=_all(session, _titles(PlanDefinition)),
        questionnaires=questionnaires,
        subjects={**questionnaires, **_all(session, _titles(Article))},
        questions=in_packs.questions,
        options=in_packs.options,
    )


def _titles(
    kind: type[Article] | type[PlanDefinition] | type[Questionnaire],
) -> Select[str, str]:
    """Select keys and titles so that the last of a key is the one that counts."""
    return (
        select(kind.key, kind.title)
        .where(kind.status != PublicationStatus.DRAFT)
        .order_by(kind.version)
    )


def _all(session: Session, pairs: Select[Any, Any]) -> dict[str, str]:
    return {row[0]: row[1] for row in session.execute(pairs)}
