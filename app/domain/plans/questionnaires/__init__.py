"""Questionnaires (FHIR): what is asked, how answers are read, and what they come to."""

from app.domain.plans.questionnaires.answering import (
    InvalidAnswers,
    read_draft,
    read_written,
    validate,
    written,
)
from app.domain.plans.questionnaires.authors import AnswerMode
from app.domain.plans.questionnaires.branching import is_asked
from app.domain.plans.questionnaires.dangers import dangers_in, required_reactions
from app.domain.plans.questionnaires.definition import (
    Answer,
    Band,
    Condition,
    Danger,
    EnableWhen,
    Group,
    Item,
    ItemType,
    Method,
    Operator,
    Option,
    Questionnaire,
    Request,
    RequestKind,
    Scale,
)
from app.domain.plans.questionnaires.parsing import parse_questionnaire
from app.domain.plans.questionnaires.scoring import ScaleScore, score, scores

__all__ = [
    "Answer",
    "AnswerMode",
    "Band",
    "Condition",
    "Danger",
    "EnableWhen",
    "Group",
    "InvalidAnswers",
    "Item",
    "ItemType",
    "Method",
    "Operator",
    "Option",
    "Questionnaire",
    "Request",
    "RequestKind",
    "Scale",
    "ScaleScore",
    "dangers_in",
    "is_asked",
    "parse_questionnaire",
    "read_draft",
    "read_written",
    "required_reactions",
    "score",
    "scores",
    "validate",
    "written",
]
